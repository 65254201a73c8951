"""Drift cycles, and points of a space read out."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Frozen
from backend.schemas.exploring import Item


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


class ReadOut(Frozen):
    """A point of a run's shared space in words, by its decoder."""

    words: str = Field(description="the likeliest; may be empty")
    others: tuple[str, ...] = Field(
        description="drawn beside it: what is said each time is certain, what changes is not"
    )
    projected: bool = Field(
        description="whether the point was put among the training captions first, as images are"
    )
