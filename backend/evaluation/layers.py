"""All layers of two encoders held against each other, and what the best of so many pairs is worth.

Prepared as platonic-rep does it (Huh et al. 2024): one outlier threshold for all layers of a side, where
they are equally wide, else one a layer; then unit rows. All layers are permuted alike, and each null is the
best of all pairs under one permutation.

The layer that an alignment is trained on is chosen elsewhere, by STRUCTURE's rules: this shows them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.calibration import (
    PERMUTATIONS,
    Scores,
    best_of_layers,
    matrix,
    threshold_rank,
    with_identity,
)
from backend.evaluation.calibration import permutations as random_orders
from backend.evaluation.similarity import (
    Lists,
    clamp_outliers,
    grams,
    leading,
    nearest_neighbours,
    neighbour_kernel,
    outlier_threshold,
    permuted_cka,
    permuted_cknna,
    permuted_cycles,
    permuted_svcca,
    shared_neighbours,
    unit_rows,
    working,
)
from backend.evaluation.similarity.preparation import check_aligned, check_finite
from backend.reporting import Report, part, silent
from backend.schemas import LayerMeasure, LayerSimilarity

_LEAST: Final = 5
_PREPARED: Final = 0.3  # share of the time that goes into neighbours, kernels and subspaces

Features = NDArray[np.generic]
Rows = NDArray[np.floating]
T = TypeVar("T")


def layer_similarity(
    image_layers: Sequence[Features],
    text_layers: Sequence[Features],
    measure: LayerMeasure = "mutual_knn",
    k: int = 10,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    report: Report = silent,
) -> LayerSimilarity:
    """One measure of every image layer with every text layer.

    Args:
        image_layers: each (n, d), row i the same pair in all layers of both sides, one caption an image.
            Draw the rows before; of some thousands the kernels of CKA do not fit in memory.
        text_layers: as above.
        measure: what is compared.
        k: neighbours; fewer where half of the pairs are fewer.
        permutations: of the pairs, at least 19. All but mutual kNN cost the more, the more there are.
        seed: of the permutations and the order of equal neighbours.
        report: called with layer pairs done.

    Raises:
        InvalidInput: no such measure, too few or too many pairs, rows that do not correspond, values that
            are not finite, or too few permutations.
    """
    n = _checked(image_layers, text_layers, measure)
    threshold_rank(permutations)  # before the work rather than after it
    k = max(2, min(k, (n - 1) // 2))
    scores = _scores(
        measure,
        (_prepared(image_layers), _prepared(text_layers)),
        k,
        with_identity(random_orders(n, permutations, (seed, 1)), n),
        seed,
        report,
    )
    found = best_of_layers(scores)
    return LayerSimilarity(
        measure=measure,
        image=found.image,
        text=found.text,
        scores=matrix(scores[0]),
        calibrated=matrix(found.calibrated),
        score=found.best.observed,
        calibrated_score=found.best.score,
        last=float(scores[0, -1, -1]),
        chance={"mutual_knn": k / (n - 1), "unbiased_cka": 0.0}.get(measure),
        null_mean=found.best.null_mean,
        threshold=found.best.threshold,
        p=found.best.p,
        neighbours=k,
        pairs=n,
        permutations=permutations,
    )


def _checked(
    image_layers: Sequence[Features], text_layers: Sequence[Features], measure: LayerMeasure
) -> int:
    """The number of pairs that all layers describe."""
    if measure not in get_args(LayerMeasure):
        known = ", ".join(get_args(LayerMeasure))
        raise InvalidInput(f"Layers are not compared by {measure!r}; choose one of {known}.")
    if not image_layers or not text_layers:
        raise InvalidInput("There is nothing to compare; give layers of both sides.")
    names = [
        *(f"image layer {number}" for number in range(len(image_layers))),
        *(f"text layer {number}" for number in range(len(text_layers))),
    ]
    layers = [*image_layers, *text_layers]
    n = check_aligned(layers, names, _LEAST)
    for features, name in zip(layers, names, strict=True):
        check_finite(features, name)
    return n


def _prepared(layers: Sequence[Features]) -> list[Rows]:
    """Outliers clamped, then rows of length one."""
    if len({features.shape[1] for features in layers}) > 1:
        return [unit_rows(clamp_outliers(features)) for features in layers]
    limit = outlier_threshold(np.stack([working(features) for features in layers], axis=1))
    return [unit_rows(np.clip(working(features), -limit, limit)) for features in layers]


def _scores(
    measure: LayerMeasure,
    sides: tuple[list[Rows], list[Rows]],
    k: int,
    orders: NDArray[np.int32],
    seed: int,
    report: Report,
) -> Scores:
    """(1 + permutations, image layers, text layers), the true pairs first."""
    cells = len(sides[0]) * len(sides[1])
    preparing = part(report, cells, "layer pairs", 0.0, _PREPARED)
    permuting = part(report, cells, "layer pairs", _PREPARED, 1.0)

    def lists_of(rows: Rows, number: int) -> Lists:
        return nearest_neighbours(rows, k, seed=(seed, 2, number))

    if measure in ("cka", "unbiased_cka"):
        halves = (part(preparing, 2, "sides", half / 2, (half + 1) / 2) for half in range(2))
        both = [grams(side, report=half) for side, half in zip(sides, halves, strict=True)]
        return permuted_cka(both[0], both[1], orders, permuting)[measure == "unbiased_cka"]
    if measure == "svcca":
        bases = _each(sides, lambda rows, _: leading(rows), preparing)
        return permuted_svcca(*bases, orders, permuting)
    if measure == "cknna":
        kernels = _each(
            sides, lambda rows, number: neighbour_kernel(rows, lists_of(rows, number)), preparing
        )
        return permuted_cknna(*kernels, orders, permuting)
    lists = _each(sides, lists_of, preparing)
    if measure == "cycle_knn":
        counts, most = permuted_cycles(*lists, orders, permuting), orders.shape[1]
    else:
        counts, most = shared_neighbours(*lists, orders, permuting), orders.shape[1] * k
    shares: Scores = counts / most
    return shares


def _each(
    sides: tuple[list[Rows], list[Rows]], prepare: Callable[[Rows, int], T], report: Report
) -> tuple[list[T], list[T]]:
    """What is made of each layer, given its rows and its number among all."""
    done: list[T] = []
    for number, rows in enumerate((*sides[0], *sides[1])):
        report(number, len(sides[0]) + len(sides[1]), "layers")
        done.append(prepare(rows, number))
    return done[: len(sides[0])], done[len(sides[0]) :]
