"""Captions that likely do not belong to their image: no run finds the image by them.

A caption's quantile in a run is the share of the other images that fit it better than its own (0 best,
1 worst, 0.5 by chance, equals half). It is suspected where that is above a threshold even in the run
that does best, since one run that finds the image shows that they fit. The order is by the score of the
pair in standard deviations of the caption's own scores over all images, median over runs, so that a
caption that fits many images a little comes after one that fits its own image less than any other.

Whether it is the caption or the image tell the image's other captions: where they fit it, the caption is
odd; where at least half do not, the image is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.paired import Embedded
from backend.evaluation.retrieval import text_to_image_ranks
from backend.reporting import Report, silent
from backend.schemas import MismatchedCaption, MismatchReport

THRESHOLD: Final = 0.1
COUNT: Final = 200
_CELLS: Final = 2**23  # scores held at once
_FLAT: Final = 1e-12  # a deviation below this is rounding: the caption fits all images alike

Values = NDArray[np.float64]


class Standing(NamedTuple):
    """How each of m captions stands with its own image.

    Attributes:
        rank: (m,) expected, from 1, in the run that does best.
        quantile: (m,) of that run.
        z: (m,) median over runs.
    """

    rank: Values
    quantile: Values
    z: Values


def mismatched(
    runs: Sequence[Embedded],
    threshold: float = THRESHOLD,
    count: int = COUNT,
    report: Report = silent,
) -> MismatchReport:
    """Suspected captions, the worst first.

    Args:
        runs: images (n, d), captions (m, d), unit rows, and each caption's image row; of the same
            items in the same order, d as each run has it.
        threshold: suspected above this quantile.
        count: how many rows at most.
        report: called with runs done.

    Raises:
        InvalidInput: no runs, or not of the same items; fewer than two images.
    """
    images, owners = _items(runs)
    standing = standings(runs, report)
    suspected = np.flatnonzero(standing.quantile > threshold)
    worst = suspected[np.argsort(standing.z[suspected], kind="stable")][:count]
    return MismatchReport(
        runs=len(runs),
        images=images,
        captions=len(owners),
        threshold=threshold,
        suspected=len(suspected),
        rows=tuple(_row(int(caption), owners, standing, threshold) for caption in worst),
    )


def standings(runs: Sequence[Embedded], report: Report = silent) -> Standing:
    """Over all runs. Arguments as above."""
    ranks, scores = [], []
    for number, (image, text, owners) in enumerate(runs):
        report(number, len(runs), "runs")
        ranks.append(text_to_image_ranks(image, text, owners).middle)
        scores.append(_z(image, text, owners))
    report(len(runs), len(runs), "runs")
    rank = np.min(ranks, axis=0)
    return Standing(rank, (rank - 1) / (len(runs[0][0]) - 1), np.median(scores, axis=0))


def _items(runs: Sequence[Embedded]) -> tuple[int, NDArray[np.int64]]:
    """How many images, and the image row of each caption."""
    if not runs:
        raise InvalidInput("No run was given to look at the captions with; choose at least one.")
    images, owners = len(runs[0][0]), runs[0][2]
    if any(len(run[0]) != images or not np.array_equal(run[2], owners) for run in runs[1:]):
        raise InvalidInput(
            "These runs were tested on different items, so a caption cannot be looked up in all of "
            "them; choose runs of one data set and split."
        )
    if images < 2:
        raise InvalidInput(
            f"Among {images} image no caption can be out of place; test on at least 2 images."
        )
    return images, owners


def _z(
    image: NDArray[np.float32], text: NDArray[np.float32], image_of_text: NDArray[np.int64]
) -> Values:
    """(m,) score of each pair against the caption's mean and deviation over all images."""
    z = np.empty(len(text))
    step = max(1, _CELLS // len(image))
    for start in range(0, len(text), step):
        owners = image_of_text[start : start + step]
        scores = (text[start : start + step] @ image.T).astype(np.float64)
        own = scores[np.arange(len(owners)), owners]
        spread = np.maximum(scores.std(axis=1), _FLAT)
        z[start : start + step] = (own - scores.mean(axis=1)) / spread
    return z


def _row(
    caption: int, owners: NDArray[np.int64], standing: Standing, threshold: float
) -> MismatchedCaption:
    siblings = np.flatnonzero(owners == owners[caption])
    siblings = siblings[siblings != caption]
    theirs = float(np.median(standing.quantile[siblings])) if len(siblings) else None
    suspicion: Literal["caption", "image", "pair"] = "pair"
    if theirs is not None:
        suspicion = "image" if theirs > threshold else "caption"
    return MismatchedCaption(
        caption=caption,
        image=int(owners[caption]),
        rank=float(standing.rank[caption]),
        quantile=float(standing.quantile[caption]),
        z=float(standing.z[caption]),
        siblings=len(siblings),
        siblings_quantile=theirs,
        suspicion=suspicion,
    )
