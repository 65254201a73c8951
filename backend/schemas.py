"""What passes through the door (:mod:`backend.services`): frozen, plain, importable in milliseconds.

Pictures and vectors never pass as objects but as paths and ids; the map's coordinates pass as NumPy arrays.
``image`` and ``text`` are the two sides of a pair: the items, and what is said of them. Where a data
set's items are not images, the side keeps its name and :data:`Modality` says what they are.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Side = Literal["image", "text"]
#: what an item is; "features": it is known by its precomputed features alone, as a neural recording
Modality = Literal["image", "audio", "text", "code", "features"]
#: how one item and several are called
ITEM_WORDS: dict[Modality, tuple[str, str]] = {
    "image": ("image", "images"),
    "audio": ("recording", "recordings"),
    "text": ("text", "texts"),
    "code": ("program", "programs"),
    "features": ("item", "items"),
}
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
    """A data set that can be picked. ``id`` is a built-in name or an address."""

    id: str
    name: str
    description: str
    built_in: bool
    layout: str = Field("", description="in words: how it is stored")
    modality: Modality = Field("image", description="of its items; what is said of them is text")
    splits: dict[str, SplitCount] = Field(
        default_factory=dict, description="empty until first read"
    )
    set_aside: tuple[str, ...] = Field(
        (), description="rows and items left out, each with the reason"
    )
    notes: tuple[str, ...] = Field((), description="how splits were made, where it is not given")


FindingKind = Literal[
    "broken row", "unreadable", "duplicate", "crosses splits", "caption crosses splits", "note"
]


class Finding(Frozen):
    """One thing a person should know about a data set before using it."""

    kind: FindingKind
    where: str = Field(description="row, line or item, as a person finds it")
    what: str
    set_aside: bool = Field(description="left out; otherwise it is used and this is a warning")


class DatasetReport(Frozen):
    """A data set, looked at in full: every row checked, every item hashed and decoded."""

    info: DatasetInfo
    captions_per_item: dict[int, int] = Field(description="number of captions -> number of items")
    counts: dict[FindingKind, int] = Field(description="all findings, by kind; none means fine")
    findings: tuple[Finding, ...] = Field(description="the first of each kind")
    listing: Path | None = Field(None, description="a CSV file with all of them")
    seconds: float


class EncoderInfo(Frozen):
    """An encoder that can be picked. ``id`` is a built-in name or an address."""

    id: str
    name: str
    modality: Modality
    description: str
    built_in: bool
    family: str = ""
    library: str = Field("transformers", description="what runs it")
    dimension: int | None = None
    layers: int | None = Field(None, description="blocks, or stages of a convolutional network")
    parameters: int | None = Field(None, description="of the part that is used")
    licence: str | None = None
    gated: bool = Field(False, description="its terms must be accepted on the Hub first")
    revision: str | None = Field(None, description="the commit that is used; None: the newest")
    download_bytes: int | None = Field(None, description="of its weights; an estimate until asked")
    pooling: str = Field("", description="what it uses unless another is asked for")
    poolings: tuple[str, ...] = Field((), description="what may be asked for")
    input_size: str = Field("", description='in words: "224 x 224 pixels", "512 tokens"')
    aligned: bool = Field(False, description="trained on pairs already: a reference")
    available: bool = Field(True, description="on this disk already")
    added: bool = Field(False, description="by a person: beyond the catalogue, can be forgotten")


class StoredFeatures(Frozen):
    """What the feature store holds of one output of one encoder."""

    key: str = Field(description="name of its folder")
    encoder: str
    output: str = Field(description='which output, e.g. "layer 6, CLS"')
    modality: Modality
    items: int
    dimension: int
    bytes: int = Field(description="on disk, views included")
    runs: tuple[str, ...] = Field((), description="ids of the runs that use it")
    changed_at: datetime | None = None


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

    @property
    def rate(self) -> float | None:
        """Units a second, lately; None where it cannot be told yet or no more."""
        if not self.seconds_left or self.done >= self.total:
            return None
        return (self.total - self.done) / self.seconds_left


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
    modality: Modality = Field("image", description="of its data set's items")

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


class InspectionState(Frozen):
    """How far looking at a data set in full is, and what came of it."""

    dataset: str
    state: Literal["running", "finished", "failed", "cancelled"]
    progress: Progress | None = None
    report: DatasetReport | None = None
    error: str | None = Field(None, description="a sentence; faults below it, one a line")


# --- exploring ----------------------------------------------------------------------------------


class Item(Frozen):
    """An item or a caption of a run's gallery (its data set's test split)."""

    side: Side
    id: str
    image_id: str = Field(description="the item itself, or the item that a caption belongs to")
    modality: Modality = Field("image", description="of that item")
    thumbnail: Path | None = Field(
        description="of that item: its picture, or a recording's spectrogram; None where it is text"
    )
    recording: Path | None = Field(None, description="what can be played, of audio")
    text: str = Field("", description="the item's own words, of text and code")
    captions: tuple[str, ...] = Field(
        description="all of that item's captions, or just this caption"
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
