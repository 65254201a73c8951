"""What passes through the door (:mod:`backend.services`): frozen, plain, importable in milliseconds.

Pictures and vectors never pass as objects but as paths and ids; the map's coordinates pass as NumPy arrays.
``image`` and ``text`` are the two sides of a pair.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Side = Literal["image", "text"]
Status = Literal["queued", "running", "finished", "failed", "cancelled", "interrupted"]

#: statuses from which Resume goes on
RESUMABLE: frozenset[Status] = frozenset({"failed", "cancelled", "interrupted"})
#: statuses in which something is still going to happen
LIVE: frozenset[Status] = frozenset({"queued", "running"})


class Frozen(BaseModel):
    """A value object."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, extra="forbid")


# --- what can be picked -------------------------------------------------------------------------


class SplitCount(Frozen):
    """How many images and captions a split has."""

    images: int
    captions: int


class DatasetInfo(Frozen):
    """A data set that can be picked. ``id`` is a built-in name or an absolute folder."""

    id: str
    name: str
    description: str
    built_in: bool
    splits: dict[str, SplitCount] = Field(
        default_factory=dict, description="empty until first read"
    )
    set_aside: tuple[str, ...] = Field(
        (), description="rows and images left out, each with the reason"
    )


class EncoderInfo(Frozen):
    """An encoder that can be picked. ``id`` is a built-in name, a folder or a Hub id."""

    id: str
    name: str
    side: Side
    description: str
    built_in: bool
    dimension: int | None = None
    parameters: int | None = None
    licence: str | None = None
    available: bool = Field(True, description="on this disk already")


class MethodOption(Frozen):
    """One adjustable number or choice of a method."""

    name: str
    label: str
    help: str
    kind: Literal["int", "float", "choice"]
    default: int | float | str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


class MethodInfo(Frozen):
    """An alignment method: what it is and when to use it, in one line."""

    id: str
    name: str
    summary: str
    paper: str
    trained: bool = Field(description="has a loss curve; closed forms do not")
    options: tuple[MethodOption, ...]


# --- runs ---------------------------------------------------------------------------------------


class RunRequest(Frozen):
    """Everything that decides a run's result, beside the library versions."""

    dataset: str
    image_encoder: str
    text_encoder: str
    method: str = "linear-infonce"
    options: dict[str, int | float | str] = Field(default_factory=dict)
    seed: int = Field(0, ge=0, lt=2**31)
    train_images: int | None = Field(None, ge=2, description="use only so many training images")
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


class RetrievalScores(Frozen):
    """One direction. Recalls are fractions; intervals are 95 % bootstrap intervals over images."""

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float
    chance_at_1: float
    chance_at_5: float
    chance_at_10: float
    interval_at_1: tuple[float, float]
    interval_at_5: tuple[float, float]
    interval_at_10: tuple[float, float]


class RetrievalReport(Frozen):
    """Both directions on one split."""

    split: str
    images: int
    captions: int
    image_to_text: RetrievalScores
    text_to_image: RetrievalScores


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


# --- exploring ----------------------------------------------------------------------------------


class Item(Frozen):
    """An image or a caption of a run's gallery (its data set's test split)."""

    side: Side
    id: str
    image_id: str = Field(description="the image itself, or the image that a caption belongs to")
    thumbnail: Path = Field(description="of that image")
    captions: tuple[str, ...] = Field(
        description="all of that image's captions, or just this caption"
    )
    attributes: dict[str, str] = Field(default_factory=dict)


class Hit(Frozen):
    """One answer of a search."""

    rank: int
    score: float = Field(description="cosine similarity in the shared space")
    item: Item
    ground_truth: bool = Field(False, description="is the pair of the query, where that is known")


class SearchResult(Frozen):
    """Answers, best first, and what they were searched in."""

    hits: tuple[Hit, ...]
    gallery: int = Field(description="number of items searched")
    seconds: float
    truth_rank: int | None = Field(None, description="rank of the query's own pair, where known")


class MapView(Frozen):
    """The map of a run: row i is one point. Arrays are sent to the browser as they are."""

    run: str
    layout: Literal["pca", "umap"] = Field(description="pca at once, umap when it is ready")
    graph: str = Field(description="in words: which neighbours the layout is made of")
    ids: tuple[str, ...]
    side: NDArray[np.uint8] = Field(description="(n,) 0 image, 1 text")
    xy: NDArray[np.float32] = Field(description="(n, 2)")
    total: int = Field(description="items in the gallery; more than n where the map is a sample")


class Colouring(Frozen):
    """Colours of a map's points: codes into ``labels``, or numbers where ``labels`` is empty."""

    name: str
    labels: tuple[str, ...]
    values: NDArray[np.float32]


class Neighbours(Frozen):
    """Nearest items of one item in both modalities."""

    item: Item
    images: tuple[Hit, ...]
    texts: tuple[Hit, ...]


# --- drift --------------------------------------------------------------------------------------


class CycleStep(Frozen):
    """One generation of a retrieval cycle."""

    generation: int
    item: Item
    similarity_to_start: float = Field(
        description="cosine in the run's shared space to generation 0"
    )
    similarity_to_previous: float | None


class Cycle(Frozen):
    """A chain of generations from one seed item, each made from the one before alone."""

    id: str
    run: str
    run_name: str
    seed: Item
    steps: tuple[CycleStep, ...]
    closes_at: int | None = Field(description="first generation that repeats an earlier item")
    period: int | None = Field(description="length of the loop it falls into")


# --- the place ----------------------------------------------------------------------------------


class WorkerState(Frozen):
    """Whether jobs are being carried out."""

    alive: bool
    device: str | None
    message: str = Field(description="in words, with the next step where there is one")
