"""Compositional understanding: whether a space tells a true caption from one that is nearly the same."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from backend.schemas.base import Frozen

CompositionalKind = Literal["sugarcrepe", "sugarcrepe++", "winoground", "scenes"]
#: "accuracy" is SugarCrepe's; "itt" and "tot" SugarCrepe++'s and the scenes'; the others Winoground's
CompositionalTask = Literal["accuracy", "itt", "tot", "tot_before", "text", "image", "group"]

#: examples that a report keeps to be shown
SHOWN_EXAMPLES: Final = 24


class CompositionalRequest(Frozen):
    """What a run is tried on."""

    benchmark: str = Field(
        min_length=1, description="a folder or file of a published form, or a built-in set's name"
    )
    images: str = Field("", description="folder of the pictures; empty: images/ beside the files")
    kind: CompositionalKind | None = Field(None, description="None: by what the files look like")
    seed: int = Field(0, ge=0, lt=2**31, description="of the bootstrap")


class CompositionalShare(Frozen):
    """A share of examples. An example whose scores are equal counts as wrong."""

    value: float
    interval: tuple[float, float] = Field(
        description="95 %, bootstrap over images; of no width where all or none are right"
    )
    expected: float = Field(description="the share where equal scores are put in a random order")
    tied: int = Field(description="examples that equal scores leave undecided")
    count: int = Field(description="examples")
    chance: float = Field(description="of scores that say nothing")


class CompositionalSubset(Frozen):
    """The examples of one kind."""

    name: str
    examples: int
    scores: dict[CompositionalTask, CompositionalShare]


class CompositionalExample(Frozen):
    """An example that is answered wrongly."""

    id: str
    subset: str
    image_ids: tuple[str, ...] = Field(description="one; of Winoground both")
    true: tuple[str, ...] = Field(description="true captions; of Winoground one an image")
    false: str | None = Field(
        description="the false caption; None of Winoground, where each is the other image's"
    )
    margin: float = Field(
        description="cosine of the worst of what should score high less the best of what should not"
    )


class CompositionalReport(Frozen):
    """A benchmark's shares, by subset and over all."""

    benchmark: CompositionalKind
    examples: int
    images: int
    subsets: tuple[CompositionalSubset, ...]
    overall: dict[CompositionalTask, CompositionalShare] = Field(
        description="every example counts the same"
    )
    mean_of_subsets: dict[CompositionalTask, CompositionalShare] = Field(
        description="every subset counts the same"
    )
    notes: tuple[str, ...] = Field((), description="what was left out, what ties, in sentences")
    worst: tuple[CompositionalExample, ...] = Field(
        (), max_length=SHOWN_EXAMPLES, description="the worst first, each image once"
    )
