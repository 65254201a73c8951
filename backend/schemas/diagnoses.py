"""Diagnostics as they are shown: with the items that :mod:`backend.schemas.diagnosing` has rows of."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Frozen
from backend.schemas.diagnosing import MismatchedCaption, MismatchReport, Slice, SliceReport
from backend.schemas.exploring import Item


class SuspectedCaption(Frozen):
    """A caption that likely does not belong to its image."""

    found: MismatchedCaption
    caption: Item
    image: Item


class Suspicions(Frozen):
    """The captions that some runs suspect together."""

    judges: tuple[str, ...] = Field(description="names of the runs")
    alike: int = Field(description="finished runs that were tested on the same items")
    report: MismatchReport
    shown: tuple[SuspectedCaption, ...] = Field(description="the first of the report's rows")


class ShownSlice(Frozen):
    """A slice with some of its failing queries."""

    slice: Slice
    examples: tuple[Item, ...]


class Slices(Frozen):
    """Where the failures of a run lie, with items to look at."""

    report: SliceReport
    words: tuple[ShownSlice, ...] = Field(description="the first of the report's")
    regions: tuple[ShownSlice, ...] = Field(description="the first of the report's")


class WeighedAnswer(Frozen):
    """An item that is the answer while the text weighs between ``start`` and ``end``."""

    item: Item
    start: float
    end: float


class WeighedPair(Frozen):
    """An item and a text asked together, at every weight of the text from 0 to 1."""

    item: Item
    text: str
    gallery: int = Field(description="items searched")
    answers: tuple[WeighedAnswer, ...] = Field(description="from 0 to 1, no two alike")
    leaves_image_at: float | None = Field(
        description="where the answer is no longer that of the item alone; None where it stays"
    )
    reaches_text_at: float | None = Field(
        description="from where on it is that of the text alone; None where that is the item's, too"
    )
