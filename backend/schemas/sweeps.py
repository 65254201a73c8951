"""Sweeps: grids of runs."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from backend.schemas.base import LIVE, Frozen, Status
from backend.schemas.runs import RunSummary


class SweepRequest(Frozen):
    """A grid of runs: every pair with every method at every number of training images."""

    dataset: str
    pairs: tuple[tuple[str, str], ...] = Field(min_length=1, description="(item, text) encoders")
    methods: tuple[str, ...] = Field(min_length=1)
    train_images: tuple[int | None, ...] = Field((None,), min_length=1, description="None: all")
    seed: int = Field(0, ge=0, lt=2**31)
    seeds: int = Field(1, ge=1, le=20, description="of each run")
    options: dict[str, dict[str, int | float | str]] = Field(
        default_factory=dict, description="by method"
    )
    select_layers: bool = False
    name: str | None = Field(None, max_length=120)


class SweepCell(Frozen):
    """One run of a sweep. ``run`` is None where it was deleted."""

    pair: tuple[str, str]
    method: str
    train_images: int | None
    run: RunSummary | None


class SweepSummary(Frozen):
    """One row of the list of sweeps."""

    id: str
    name: str
    request: SweepRequest
    created_at: datetime
    counts: dict[Status, int] = Field(description="runs by status")

    @property
    def live(self) -> bool:
        """Whether something is still going to happen."""
        return any(self.counts.get(status, 0) for status in LIVE)


class SweepDetail(Frozen):
    """A sweep with its runs, pair by pair, method by method, fewest images first."""

    summary: SweepSummary
    cells: tuple[SweepCell, ...]
    command: str = Field(description="the same sweep from a terminal")
