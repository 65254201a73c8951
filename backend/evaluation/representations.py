"""How alike an image encoder and a text encoder are, before an alignment and after it.

Before: the frozen features, as platonic-rep prepares them (Huh et al. 2024), outliers clamped at the exact
0.95 quantile, then unit rows. After: the unit embeddings of the same pairs. Every measure is held against
the same permutations of the pairs (:mod:`backend.evaluation.calibration`), none of which computes a
neighbour, a kernel or a singular vector anew.

The kernels of all pairs are held whole: draw at most some thousands (:func:`drawn_pairs`).
"""

from __future__ import annotations

from typing import Final, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.calibration import PERMUTATIONS, calibrate, threshold_rank, with_identity
from backend.evaluation.calibration import permutations as random_orders
from backend.evaluation.paired import Answered, compare
from backend.evaluation.similarity import (
    Grams,
    Lists,
    clamp_outliers,
    expected_cka,
    expected_cycles,
    found_again,
    grams,
    leading,
    nearest_neighbours,
    neighbour_kernel,
    overlaps,
    permuted_cka,
    permuted_cknna,
    permuted_cycles,
    permuted_svcca,
    shared_neighbours,
    unit_rows,
)
from backend.evaluation.similarity.preparation import check_aligned, check_finite
from backend.reporting import Report, part, silent
from backend.schemas import PairedDifference, Similarity, SimilarityMeasure, SimilarityReport

NEIGHBOURS: Final = 10
PAIRS: Final = 1000
LEAST: Final = 5  # fewer have no neighbourhoods
_NAMES: Final = ("image features", "text features", "image embeddings", "text embeddings")

Features = NDArray[np.generic]
Values = dict[SimilarityMeasure, NDArray[np.float64]]


class _Measured(NamedTuple):
    """All measures of one representation.

    Attributes:
        scores: (1 + permutations,) the true pairs' first.
        chance: mean over all permutations, where it has a closed form.
        items: (n,) of what is a mean over items.
    """

    scores: Values
    chance: dict[SimilarityMeasure, float]
    items: Values


def similarity(
    image_before: Features,
    text_before: Features,
    image_after: Features,
    text_after: Features,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    k: int = NEIGHBOURS,
    report: Report = silent,
) -> SimilarityReport:
    """All measures of the frozen features and of the embeddings.

    Args:
        image_before: (n, D), row i the same pair everywhere.
        text_before: (n, E), of one caption an image.
        image_after, text_after: (n, d) unit rows.
        seed: of the permutations, the order of equal neighbours and the bootstrap.
        permutations: of the pairs, the same for all measures.
        k: neighbours; fewer where half of the pairs are fewer.
        report: called with measures done.

    Raises:
        InvalidInput: fewer than 5 pairs or too many, rows that do not correspond, values that are not
            finite, or too few permutations.
    """
    given = (image_before, text_before, image_after, text_after)
    n = check_aligned(given, _NAMES, LEAST)
    for features, name in zip(given, _NAMES, strict=True):
        check_finite(features, name)
    threshold_rank(permutations)  # before the work rather than after it
    k = max(2, min(k, (n - 1) // 2))
    orders = with_identity(random_orders(n, permutations, (seed, 1)), n)
    total = 2 * len(get_args(SimilarityMeasure))
    frozen = [unit_rows(clamp_outliers(features)) for features in given[:2]]
    before, after = (
        _measured(
            *sides, k, orders, seed, part(report, total, "measures", half / 2, (half + 1) / 2)
        )
        for half, sides in enumerate(((frozen[0], frozen[1]), (image_after, text_after)))
    )
    told = _bootstrapped(before.items, after.items, seed)
    return SimilarityReport(
        pairs=n,
        neighbours=k,
        permutations=permutations,
        before=_calibrated(before, told["before"]),
        after=_calibrated(after, told["after"]),
        gained=told["gained"],
    )


def drawn_pairs(
    images: int, image_of_text: NDArray[np.int64], seed: int, most: int = PAIRS
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """At most ``most`` images that have captions, drawn by the seed, each with its first caption.

    Args:
        images: how many there are.
        image_of_text: (m,) row of the image that a caption describes.

    Returns:
        Rows of the images, rising, and the row of each one's caption.
    """
    captioned, first = np.unique(image_of_text, return_index=True)
    some = np.sort(np.random.default_rng(seed).permutation(len(captioned))[:most])
    return captioned[some], first[some]


def _measured(
    image: Features, text: Features, k: int, orders: NDArray[np.int32], seed: int, report: Report
) -> _Measured:
    report(0, 1, "measures")
    lists = (
        nearest_neighbours(image, k, seed=(seed, 2)),
        nearest_neighbours(text, k, seed=(seed, 3)),
    )
    linear = grams([image]), grams([text])
    chance: dict[SimilarityMeasure, float] = {
        "mutual_knn": k / (len(image) - 1),
        "cycle_knn_text_first": expected_cycles(lists[0]),
        "cycle_knn_image_first": expected_cycles(lists[1]),
        "cka": float(expected_cka(*linear)[0, 0]),
        "unbiased_cka": 0.0,
        "unbiased_rbf_cka": 0.0,
    }
    items: Values = {
        "mutual_knn": overlaps(lists[0], lists[1]),
        "cycle_knn_text_first": found_again(lists[0], lists[1]).astype(np.float64),
        "cycle_knn_image_first": found_again(lists[1], lists[0]).astype(np.float64),
    }
    return _Measured(_scores((image, text), lists, linear, orders, report), chance, items)


def _scores(
    sides: tuple[Features, Features],
    lists: tuple[Lists, Lists],
    linear: tuple[Grams, Grams],
    orders: NDArray[np.int32],
    report: Report,
) -> Values:
    """Every measure under every permutation."""
    (n, k), done = lists[0].shape, len(get_args(SimilarityMeasure))

    def told(low: int, high: int) -> Report:
        return part(report, done, "measures", low / done, high / done)

    first, second = ([one] for one in lists)
    # permuting one side is permuting the other the other way round
    inverse = np.argsort(orders, axis=1)
    mutual = shared_neighbours(first, second, orders, told(0, 1)) / (n * k)
    text_first = permuted_cycles(first, second, orders, told(1, 2)) / n
    image_first = permuted_cycles(second, first, inverse, told(2, 3)) / n
    biased, unbiased = permuted_cka(*linear, orders, told(3, 5))
    radial = [grams([side], "rbf") for side in sides]
    _, unbiased_radial = permuted_cka(radial[0], radial[1], orders, told(5, 6))
    kernels = [[neighbour_kernel(*side)] for side in zip(sides, lists, strict=True)]
    nearest = permuted_cknna(kernels[0], kernels[1], orders, told(6, 7))
    bases = [[leading(side)] for side in sides]
    subspaces = permuted_svcca(bases[0], bases[1], orders, told(7, 8))
    scores: Values = {
        "mutual_knn": mutual,
        "cycle_knn_text_first": text_first,
        "cycle_knn_image_first": image_first,
        "cka": biased,
        "unbiased_cka": unbiased,
        "unbiased_rbf_cka": unbiased_radial,
        "cknna": nearest,
        "svcca": subspaces,
    }
    return {name: values[:, 0, 0] for name, values in scores.items()}


def _calibrated(
    measured: _Measured, told: dict[SimilarityMeasure, PairedDifference]
) -> dict[SimilarityMeasure, Similarity]:
    """Each score beside its nulls; ``told`` has those that are means over items, against nothing."""
    found: dict[SimilarityMeasure, Similarity] = {}
    for name, values in measured.scores.items():
        one = calibrate(float(values[0]), values[1:])
        found[name] = Similarity(
            observed=one.observed,
            score=one.score,
            p=one.p,
            threshold=one.threshold,
            null_mean=one.null_mean,
            null_deviation=one.null_deviation,
            chance=measured.chance.get(name),
            interval=told[name].interval if name in told else None,
        )
    return found


def _bootstrapped(
    before: Values, after: Values, seed: int
) -> dict[str, dict[SimilarityMeasure, PairedDifference]]:
    """Before and after against nothing, and after against before, all by the same draws of items."""
    nothing = {name: np.zeros_like(values) for name, values in before.items()}
    spans = {"before": (nothing, before), "after": (nothing, after), "gained": (before, after)}
    low, high = (
        Answered(
            {
                f"{span}/{name}": values
                for span, ends in spans.items()
                for name, values in ends[end].items()
            },
            {span: np.arange(len(before["mutual_knn"])) for span in spans},
            len(before["mutual_knn"]),
        )
        for end in (0, 1)
    )
    found = compare(low, high, seed)
    return {span: {name: found[f"{span}/{name}"] for name in before} for span in spans}
