"""Adversarial stress: how small a change to a seed sends its chain to another attractor.

The size of a change, epsilon, is in the unit of its space:

    embedding   length of what is added to the seed's vector, which has length 1
    pixels      largest change of any value of the picture, in steps of 1/255

A share at epsilon is of what was sent elsewhere by a change of epsilon or less, so it never falls.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.schemas.base import Frozen, Side
from backend.schemas.comparing import PairedDifference
from backend.schemas.diagnosing import Proportion
from backend.schemas.drift_scores import Estimate

StressSpace = Literal["embedding", "pixels"]
#: random: noise; pgd: projected gradient descent; exact: no smaller change there is (embedding alone)
StressAttack = Literal["random", "pgd", "exact"]
#: whether the swapped word keeps the caption's meaning or changes it
SwapKind = Literal["synonym", "meaning"]

MOST_STRESSED = 1000

Interval = tuple[float, float]


class StressRequest(Frozen):
    """Which seeds are disturbed, and how hard."""

    seeds: tuple[str, ...] = Field(
        (), max_length=MOST_STRESSED, description="items of the gallery, images and captions"
    )
    pairs: int = Field(
        50, ge=1, le=MOST_STRESSED // 2,
        description="without seeds: so many pairs drawn from the test split, an image and a caption of each",
    )  # fmt: skip
    directions: int = Field(
        20, ge=1, le=200, description="random ones, of each seed; of pixels 8 at most"
    )
    pixel_seeds: int = Field(
        20, ge=0, le=200, description="images whose pixels are changed, the first ones; 0: none"
    )
    steps: int = Field(20, ge=1, le=200, description="of gradient descent at one epsilon")
    restarts: int = Field(1, ge=0, le=10, description="more descents, from a random place")
    words: bool = Field(True, description="whether words of the captions are swapped")
    synonyms: str = Field(
        "", max_length=4000,
        description="pairs of words that mean the same, one a line, big / large; empty: the usual ones",
    )  # fmt: skip
    swaps: str = Field(
        "", max_length=4000,
        description="pairs that do not, man, men / woman, women; empty: the usual ones",
    )  # fmt: skip
    seed: int = Field(0, ge=0, lt=2**31, description="of everything that is drawn")


class StressPoint(Frozen):
    """How much was sent to another attractor by changes of at most one size."""

    epsilon: float
    share: float
    interval: Interval | None = Field(
        description="95 %, bootstrap over images with their seeds; None of one alone"
    )


class StressCurve(Frozen):
    """The share of seeds that are captured elsewhere, by epsilon. Lower means more robust."""

    space: StressSpace
    side: Side = Field(description="of the seeds")
    attack: StressAttack
    seeds: int
    points: tuple[StressPoint, ...] = Field(description="rising in epsilon")
    mean_share: Estimate = Field(description="mean of the points: the area under the curve")
    median: float | None = Field(
        description="epsilon by which half are sent elsewhere; None where half never are"
    )


class StressFlip(Frozen):
    """What it took to send one seed elsewhere, by one attack."""

    space: StressSpace
    attack: StressAttack
    epsilon: float | None = Field(description="the smallest; None: none was found")
    ends: tuple[str, ...] = Field((), description="the attractor that it then ends in")
    epsilons: tuple[float | None, ...] = Field(
        description="of each random direction; of other attacks the one above"
    )


class StressSeed(Frozen):
    """One seed."""

    item: str
    image: str = Field(description="id of the image that it is, or belongs to")
    side: Side
    ends: tuple[str, ...] = Field(description="the attractor of its chain, unchanged")
    flips: tuple[StressFlip, ...]
    swapped: dict[SwapKind, float] = Field(
        {},
        description="of a caption: the share of its swaps that send it elsewhere, where it has some",
    )


class WordFlip(Frozen):
    """A caption with one word for another, whose chain then ends elsewhere."""

    item: str
    caption: str
    changed: str
    before: str
    after: str
    moved: float = Field(
        description="distance of the two embeddings, the unit of embedding's epsilon"
    )
    ends: tuple[str, ...] = Field(description="the attractor of the caption")
    changed_ends: tuple[str, ...] = Field(description="that of the changed caption")


class WordPairStress(Frozen):
    """All captions with a word of one pair, in one direction."""

    before: str
    after: str
    elsewhere: Proportion = Field(description="of the captions, whose chain ends elsewhere")


class WordStress(Frozen):
    """What swapped words do. Synonyms should change nothing; a changed meaning may."""

    kind: SwapKind
    captions: int = Field(description="seeds that have a word to swap")
    swaps: int
    elsewhere: Estimate | None = Field(
        description="share of a caption's swaps that send it elsewhere, mean over captions"
    )
    any_elsewhere: Proportion | None = Field(
        description="captions that some swap sends elsewhere; None where there is none to swap"
    )
    pairs: tuple[WordPairStress, ...] = Field(description="most frequent first")
    smallest: tuple[WordFlip, ...] = Field(
        description="of each caption that is sent elsewhere, the swap that moves it least; least first"
    )


class StressReport(Frozen):
    """How robust the chains of a run are."""

    images: int = Field(description="of the gallery")
    captions: int
    attractors: int
    spread: dict[Side, float] = Field(
        description="root mean square distance of two items of a side, what epsilon is to be held against"
    )
    curves: tuple[StressCurve, ...]
    seeds: tuple[StressSeed, ...]
    words: tuple[WordStress, ...] = ()
    notes: tuple[str, ...] = Field((), description="what could not be done and why, in sentences")
    seconds: float = 0.0


class StressCurves(Frozen):
    """The same attack on the same seeds of two runs."""

    space: StressSpace
    side: Side
    attack: StressAttack
    first: StressCurve
    second: StressCurve
    differences: tuple[PairedDifference, ...] = Field(
        description="second minus first, at each point; positive: the second is sent elsewhere more often"
    )
    mean_share: PairedDifference


class StressComparison(Frozen):
    """Two runs under the same stress."""

    items: int = Field(description="seeds that both have")
    curves: tuple[StressCurves, ...]
    words: dict[SwapKind, PairedDifference] = Field(
        description="of the share of a caption's swaps that send it elsewhere, second minus first"
    )
    notes: tuple[str, ...] = ()
