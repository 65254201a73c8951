"""Runs: what is asked for, how far it is, what came out."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from backend.schemas.base import LIVE, RESUMABLE, Frozen, Modality, Status
from backend.schemas.scores import RetrievalReport


class RunRequest(Frozen):
    """Everything that decides a run's result, beside the library versions."""

    dataset: str
    image_encoder: str
    text_encoder: str
    method: str = "linear-infonce"
    options: dict[str, int | float | str] = Field(default_factory=dict)
    seed: int = Field(0, ge=0, lt=2**31)
    seeds: int = Field(
        1, ge=1, le=20, description="how many, counted up from seed: gives mean and interval"
    )
    train_images: int | None = Field(
        None, ge=2, description="use only so many training images, drawn by each seed"
    )
    select_layers: bool = Field(
        False, description="choose each encoder's layer by mutual kNN on training pairs"
    )
    image_candidates: tuple[str, ...] = Field(
        (), description="further encoders of the items; CKA on training pairs chooses the pair"
    )
    text_candidates: tuple[str, ...] = Field((), description="the same for the text side")
    name: str | None = Field(None, max_length=120)


class Progress(Frozen):
    """How far a live run is. ``total`` is 0 where the end is not known."""

    stage: str
    done: int = 0
    total: int = 0
    unit: str = ""
    seconds_left: float | None = None
    step: int = Field(0, description="number of the stage, from 1")
    steps: int = 0

    @property
    def rate(self) -> float | None:
        """Units a second, lately; None where it cannot be told yet or no more."""
        if not self.seconds_left or self.done >= self.total:
            return None
        return (self.total - self.done) / self.seconds_left


class RunSummary(Frozen):
    """One row of the runs table."""

    id: str
    name: str
    status: Status
    dataset: str
    image_encoder: str
    text_encoder: str
    method: str
    seed: int
    created_at: datetime
    finished_at: datetime | None
    progress: Progress | None
    queue_position: int | None = Field(None, description="1 is next; None unless queued")
    error: str | None
    demonstration: bool
    test: RetrievalReport | None = Field(None, description="on the test split, once finished")
    modality: Modality = Field("image", description="of its data set's items")
    train_images: int | None = Field(None, description="as asked for; None: all there are")
    seeds: int = 1
    sweep: str | None = Field(None, description="id of the sweep it is a cell of")

    @property
    def resumable(self) -> bool:
        """Whether Resume goes on from the last finished step."""
        return self.status in RESUMABLE

    @property
    def live(self) -> bool:
        """Whether something is still going to happen."""
        return self.status in LIVE


class Series(Frozen):
    """A metric by optimiser step, e.g. ``train/loss`` or ``val/text_to_image/recall_at_1``."""

    name: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


class HeatMap(Frozen):
    """How much every layer (or encoder) of one side shares with every one of the other."""

    name: Literal["layers", "encoders"]
    metric: str = Field(description='in words: "mutual kNN, k = 35"')
    rows: tuple[str, ...] = Field(description="of the item side")
    columns: tuple[str, ...] = Field(description="of the text side")
    values: tuple[tuple[float, ...], ...]
    calibrated: tuple[tuple[float, ...], ...] = Field(
        (), description="0: no more than chance, 1: the most there can be; empty where not measured"
    )
    chosen: tuple[int, int]
    facts: dict[str, float] = Field(description="pairs, k, chance, threshold, p, ...")


class Needs(Frozen):
    """What a run asks of the machine, as far as can be told before it starts."""

    memory_bytes: int | None = Field(description="of the larger encoder at work; None: unknown")
    device: str = Field(description="where it would run here, in words")
    fits: bool | None = Field(description="None: cannot be told")
    text: str = Field(
        description="one or two sentences for a person; empty where nothing is to say"
    )


class RunDetail(Frozen):
    """A run with everything needed to repeat it."""

    summary: RunSummary
    request: RunRequest
    configuration: dict[str, Any] = Field(description="every option's effective value")
    versions: dict[str, str]
    command: str = Field(description="the same run from a terminal")
    series: tuple[Series, ...]
    retrieval: dict[str, RetrievalReport] = Field(description="by split: val, test")
    notes: tuple[str, ...] = Field((), description="what a reader of the numbers should know")
    artefacts: dict[str, str] = Field(default_factory=dict, description="name -> path")
    heat_maps: tuple[HeatMap, ...] = Field((), description="what layers or encoders were chosen by")
