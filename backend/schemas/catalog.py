"""What can be picked: data sets, encoders, methods; what is stored of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import Field

from backend.schemas.base import Frozen, Modality


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


MethodFamily = Literal["closed form", "trained", "unpaired"]


class MethodInfo(Frozen):
    """An alignment method: what it is and when to use it, in one line."""

    id: str
    name: str
    summary: str
    paper: str
    family: MethodFamily
    trained: bool = Field(description="has a loss curve; closed forms do not")
    options: tuple[MethodOption, ...]
    uses_unpaired: bool = Field(
        False,
        description="also learns from training items and captions whose pairing it is not told",
    )
    uses_tokens: bool = Field(False, description="does better with every token's features")
