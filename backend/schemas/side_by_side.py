"""Two runs beside each other: what changed between them, and which of their answers people preferred."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from backend.schemas.base import Frozen
from backend.schemas.exploring import Hit, Item

#: of the two answers as they were shown
Verdict = Literal["left", "right", "tie", "neither"]


class Changed(Frozen):
    """A point whose neighbours differ between two runs."""

    item: Item
    kept: float = Field(description="share of its nearest that both runs have in common")
    first: tuple[Hit, ...] = Field(description="its nearest of the other modality in the first run")
    second: tuple[Hit, ...]


class ChangedPoints(Frozen):
    """The points whose neighbours changed most between two runs of the same items."""

    runs: tuple[str, str]
    items: int = Field(description="that both galleries have")
    neighbours: int
    among: Literal["other", "both"] = Field(
        "other", description="whose neighbours: of the other modality, or so many of each"
    )
    judged: int = Field(
        0, description="points that were looked at; a sample of very large galleries"
    )
    kept: float = Field(description="mean share of neighbours in common, over those points")
    chance: float = Field(description="that a random order would keep")
    points: tuple[Changed, ...]


class Duel(Frozen):
    """Two runs' answers to one query, in an order that nobody knows before the verdict."""

    id: str
    query: str = Field(description="in words")
    left: tuple[Hit, ...]
    right: tuple[Hit, ...]
    verdict: Verdict | None = None
    runs: tuple[str, str] | None = Field(None, description="left and right, once judged")


class DuelScore(Frozen):
    """How a run did in all duels."""

    run: str
    run_name: str
    won: int
    lost: int
    tied: int
    neither: int
    rating: float = Field(description="Bradley-Terry strength on Elo's scale, 1500 the mean")
    interval: tuple[float, float] = Field(description="95 %, bootstrap over duels")
    last: datetime
