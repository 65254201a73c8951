"""Modality conflict: an image and a text that disagree are asked together, and one of them wins.

The query (1 - w) u + w t of unit rows u, an image, and t, a text, gives an item the score
(1 - w) a + w b, where a and b are what image and text alone give it. Bringing the query to length one
changes no order. So each item is a line over w, the answers are the upper envelope of these lines, and
two items change places at w = (a1 - a2) / ((a1 - a2) + (b2 - b1)): all of it is exact, without a grid.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.enrichment import wilson
from backend.reporting import Report, silent
from backend.schemas import Balance, BalanceSegment, ConflictReport, Proportion, Quartiles

COUNT: Final = 500
_RESAMPLES: Final = 1000
_TOGETHER: Final = 50  # pairs whose scores are held at once
_EQUAL: Final = 1e-6  # scores of equal rows, in single precision, agree to this
_ROUNDING: Final = 1e-12  # and in double

Vector = NDArray[np.floating]
Scores = NDArray[np.float64]
Rows = NDArray[np.int64]


def balance(u: Vector, t: Vector, gallery: Vector) -> Balance:
    """All answers as the weight goes from the image to the text.

    Of items that are always equal the first is told.

    Args:
        u: (d,) embedding of an image.
        t: (d,) embedding of a text.
        gallery: (n, d) rows that are searched, at least one.
    """
    rows = gallery.astype(np.float64)
    return envelope(rows @ u.astype(np.float64), rows @ t.astype(np.float64))


def balance_point(u: Vector, t: Vector, a: Vector, b: Vector) -> float | None:
    """The weight at which b comes before a; None where the image prefers b, or the text a."""
    difference = a.astype(np.float64) - b.astype(np.float64)
    for_a, for_b = float(u @ difference), -float(t @ difference)
    return for_a / (for_a + for_b) if for_a >= 0 and for_b >= 0 and for_a + for_b > 0 else None


def envelope(first: Scores, second: Scores) -> Balance:
    """The same from each item's score by the image alone and by the text alone, (n,) each.

    From the best item at w = 0 on, the next is always the one that crosses soonest among those that
    rise faster; of several at one place the steepest.
    """
    rise = second - first
    row, at = _steepest(np.flatnonzero(first >= first.max() - _ROUNDING), rise), 0.0
    segments: list[BalanceSegment] = []
    while at < 1:
        faster = np.flatnonzero(rise > rise[row] + _ROUNDING)
        cross = (first[row] - first[faster]) / (rise[faster] - rise[row])
        end = min(1.0, max(at, float(cross.min(initial=1.0))))
        if end > at:
            segments.append(BalanceSegment(start=at, end=end, row=row))
        if end < 1:
            row = _steepest(faster[cross <= end + _ROUNDING], rise)
        at = end
    several = len(segments) > 1
    return Balance(
        segments=tuple(segments),
        leaves_image_at=segments[0].end if several else None,
        reaches_text_at=segments[-1].start if several else None,
    )


def reign(first: Scores, second: Scores, row: int, tie: float = 0.0) -> tuple[float, float] | None:
    """Weights between which no item scores higher than one of them; None where there are none.

    Args:
        first: (n,) scores by the image alone.
        second: (n,) by the text alone.
        row: the item.
        tie: an item scores higher where it does by more than this.
    """
    lead, gain = first[row] - first + tie, (second - first) - (second[row] - first[row])
    if (lead[gain == 0] < 0).any():
        return None
    start = float((lead[gain < 0] / gain[gain < 0]).max(initial=0.0))
    end = float((lead[gain > 0] / gain[gain > 0]).min(initial=1.0))
    return (start, end) if start <= end else None


def conflicts(
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    image_of_text: Rows,
    seed: int = 0,
    count: int = COUNT,
    report: Report = silent,
) -> ConflictReport:
    """Random images, each asked with a caption of another image, among all images.

    Args:
        image: (n, d) unit rows.
        text: (m, d) unit rows.
        image_of_text: (m,) row of the image that a caption describes.
        seed: of the draw and the bootstrap.
        count: pairs at most, each with an image of its own.
        report: called with pairs done.

    Raises:
        InvalidInput: there are no two images of which one has a caption.
    """
    draw = np.random.default_rng(seed)
    own, captions = _pairs(len(image), image_of_text, draw, count)
    leaves, reaches, reached_until = np.empty((3, len(own)))
    for start in range(0, len(own), _TOGETHER):
        report(start, len(own), "pairs")
        some = slice(start, start + _TOGETHER)
        first = (image[own[some]] @ image.T).astype(np.float64)
        second = (text[captions[some]] @ image.T).astype(np.float64)
        for place, (a, b) in enumerate(zip(first, second, strict=True), start):
            _, leaves[place] = reign(a, b, int(own[place]), _EQUAL) or (0.0, 0.0)
            other = reign(a, b, int(image_of_text[captions[place]]), _EQUAL)
            reaches[place], reached_until[place] = other or (np.nan, np.nan)
    report(len(own), len(own), "pairs")
    ever = np.isfinite(reaches)
    return ConflictReport(
        images=len(image),
        pairs=len(own),
        leaves_image=_quartiles(leaves[leaves < 1], draw),
        stays=_proportion(leaves >= 1),
        reaches_text=_quartiles(reaches[ever], draw),
        reached=_proportion(ever),
        between=_proportion(reaches[ever] > leaves[ever]) if ever.any() else None,
        image_at_half=_proportion(leaves >= 0.5),
        text_at_half=_proportion((reaches <= 0.5) & (reached_until >= 0.5)),
    )


def _pairs(
    images: int, image_of_text: Rows, draw: np.random.Generator, count: int
) -> tuple[Rows, Rows]:
    """Rows of images, no two alike, and of a caption of another image for each."""
    if images < 2 or len(image_of_text) == 0:
        raise InvalidInput(
            f"With {images} images and {len(image_of_text)} captions there is no image to be asked "
            "with another's caption; use at least 2 images with captions."
        )
    order = np.argsort(image_of_text, kind="stable")
    start = np.searchsorted(image_of_text[order], np.arange(images))
    own = np.bincount(image_of_text, minlength=images)
    rows = draw.permutation(np.flatnonzero(own < len(image_of_text)))[:count]
    # a place among the captions that are not the image's own, which stand together in this order
    place = draw.integers(len(image_of_text) - own[rows])
    place += np.where(place >= start[rows], own[rows], 0)
    return rows, order[place]


def _steepest(rows: Rows, rise: Scores) -> int:
    """The first of those that rise fastest."""
    return int(rows[rise[rows] >= rise[rows].max() - _ROUNDING][0])


def _proportion(held: NDArray[np.bool_]) -> Proportion:
    share = float(held.mean())
    return Proportion(value=share, count=len(held), interval=wilson(share, len(held)))


def _quartiles(weights: Scores, draw: np.random.Generator) -> Quartiles | None:
    if len(weights) == 0:
        return None
    lower, median, upper = (float(each) for each in np.quantile(weights, [0.25, 0.5, 0.75]))
    again = np.median(draw.choice(weights, (_RESAMPLES, len(weights))), axis=1)
    low, high = np.quantile(again, [0.025, 0.975])
    return Quartiles(
        count=len(weights),
        lower=lower,
        median=median,
        upper=upper,
        interval=(float(low), float(high)),
    )
