"""What a person can act on: captions that hardly fit, where a run fails, what it overlooks, which side wins.

Rows are places in the arrays that were measured: an image's among the images, a caption's among the captions.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.schemas.base import Frozen, Side

Interval = tuple[float, float]


class Proportion(Frozen):
    """A share of so many, with Wilson's 95 % interval."""

    value: float
    count: int
    interval: Interval


class MismatchedCaption(Frozen):
    """A caption whose own image no run finds: likely it, or its image, is wrong in the data."""

    caption: int = Field(description="row")
    image: int = Field(description="row of the image that it is said to describe")
    rank: float = Field(description="of that image, expected, from 1, in the run that does best")
    quantile: float = Field(
        description="share of the other images that fit better, in the run that does best"
    )
    z: float = Field(
        description="score of the pair, in standard deviations above the caption's scores over all "
        "images; median over runs"
    )
    siblings: int = Field(description="other captions of that image")
    siblings_quantile: float | None = Field(
        description="median of their own quantiles; None where there are none"
    )
    suspicion: Literal["caption", "image", "pair"] = Field(
        description="the image where its other captions do not fit it, either; pair where it has none"
    )


class MismatchReport(Frozen):
    """Captions that likely do not belong to their image."""

    runs: int
    images: int
    captions: int
    threshold: float = Field(description="suspected above this quantile; chance gives 0.5")
    suspected: int = Field(description="how many there are")
    rows: tuple[MismatchedCaption, ...] = Field(description="worst first, perhaps not all")


class Slice(Frozen):
    """Queries that have something in common and fail more often than the others."""

    kind: Literal["word", "attribute", "region"]
    name: str = Field(description="the word, 'colour: red', or a region's most distinctive words")
    words: tuple[str, ...] = Field(description="that set its queries apart, most distinctive first")
    queries: int
    images: int = Field(description="that these queries belong to")
    failures: int
    rate: float = Field(description="failures / queries")
    interval: Interval = Field(
        description="95 %, Wilson, of as many queries as count when those of one image fail together"
    )
    p: float = Field(description="one-sided, Fisher's test against the other queries")
    q: float = Field(description="false discovery rate, Benjamini and Hochberg 1995")
    excess: float = Field(description="failures beyond what the other queries' rate would give")
    examples: tuple[int, ...] = Field(description="rows of failing queries, one an image")


class SliceReport(Frozen):
    """Where the failures of a run lie."""

    asked_by: Side
    k: int = Field(description="a query fails whose pair is not among the first k")
    queries: int
    images: int
    failures: int
    rate: float
    interval: Interval = Field(description="95 %, Wilson")
    chance: float = Field(description="rate of failures in a random order")
    intraclass: float = Field(
        description="correlation of the failures of one image's queries; 0 where each has one"
    )
    words_tested: int = Field(description="words and values of attributes")
    words: tuple[Slice, ...] = Field(description="q < 0.05, largest excess first")
    regions_tested: int
    regions: tuple[Slice, ...] = Field(description="q < 0.05, largest excess first")


class Swap(Frozen):
    """A caption with one word for another."""

    row: int = Field(description="of the caption")
    caption: str
    changed: str
    before: str = Field(description="first form of the side of the pair that the caption has")
    after: str = Field(description="first form of the other side")
    both: bool = Field(description="it has words of both sides, and they change places")


class CounterfactualShift(Frozen):
    """What becomes of captions when one word is swapped. Intervals are 95 %, None of too few images."""

    before: str = Field(description="empty where it is all pairs together")
    after: str
    both: bool
    count: int
    images: int
    change: float = Field(
        description="mean cosine with the image, true caption minus changed; positive: it is noticed"
    )
    change_interval: Interval | None = Field(description="bootstrap over images")
    noticed: Proportion = Field(
        description="of captions, that fit better before than after; chance 1/2, equal counts half; "
        "the interval is of as many as there are images"
    )
    moved: float = Field(description="mean 1 - cosine of a caption before and after")
    moved_relative: float | None = Field(
        description="to the mean 1 - cosine of two captions of one image"
    )
    recall_before: float = Field(description="R@1, text to image, of these captions")
    recall_after: float = Field(description="of the changed captions, for the same images")
    recall_change: float = Field(description="after minus before")
    recall_interval: Interval | None = Field(description="of the change, bootstrap over images")


class CounterfactualReport(Frozen):
    """Swaps of all pairs of words."""

    gallery: int = Field(description="images searched")
    chance_at_1: float
    paraphrase: float | None = Field(
        description="mean 1 - cosine of two captions of one image; None where each has one"
    )
    total: CounterfactualShift = Field(
        description="of captions with words of one side: with those of both they may stay true"
    )
    pairs: tuple[CounterfactualShift, ...] = Field(description="most frequent first")


class BalanceSegment(Frozen):
    """Weights of the text between which one item is the answer."""

    start: float
    end: float
    row: int


class Balance(Frozen):
    """The answers to (1 - w) image + w text, for w from 0 to 1."""

    segments: tuple[BalanceSegment, ...] = Field(description="from 0 to 1, no two alike")
    leaves_image_at: float | None = Field(
        description="where the answer is no longer that of the image alone; None where it stays"
    )
    reaches_text_at: float | None = Field(
        description="from where on it is that of the text alone; None where that is the image's, too"
    )


class Quartiles(Frozen):
    """Of weights."""

    count: int
    lower: float
    median: float
    upper: float
    interval: Interval = Field(description="of the median, 95 %, bootstrap over pairs")


class ConflictReport(Frozen):
    """Which side wins when an image is asked together with another image's caption.

    Weights are of the text. An item is first where no other scores higher.
    """

    images: int = Field(description="searched")
    pairs: int
    leaves_image: Quartiles | None = Field(
        description="weights from which the image itself is no longer first, where it ever is not"
    )
    stays: Proportion = Field(description="of pairs in which it is first even for the text alone")
    reaches_text: Quartiles | None = Field(
        description="weights from which the caption's image is first, where it ever is"
    )
    reached: Proportion = Field(description="of pairs in which it ever is")
    between: Proportion | None = Field(
        description="of these: other items come first on the way; None where there are none"
    )
    image_at_half: Proportion = Field(description="of pairs that the image wins at equal weights")
    text_at_half: Proportion = Field(description="of pairs that the caption's image wins there")
