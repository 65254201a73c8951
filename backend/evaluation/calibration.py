"""What chance would have given: similarity scores held against permutations of the pairs.

After Aristotelian (mlbio-epfl/Aristotelian, ICML 2026). The rows of one side are permuted K times;
tau is the ceil((1 - alpha)(K + 1))-th smallest of the observed score and the K nulls, and

    score = clip((observed - tau) / (maximum - tau), 0, 1),    p = (1 + #{null >= observed}) / (K + 1)

Where the best of many layer pairs is sought, every null is the best of all pairs under one permutation,
the same for all layers: the best of many scores is higher than one, related or not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.similarity import LinearKernel, linear_cka, shared_neighbours
from backend.evaluation.similarity.knn import lists_of
from backend.reporting import Report, silent

ALPHA: Final = 0.05
PERMUTATIONS: Final = 200

Scores = NDArray[np.float64]
Matrix: TypeAlias = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Calibration:
    """One score beside its nulls.

    Attributes:
        observed: the score of the true pairs.
        score: calibrated, 0 where chance does as well, 1 at the maximum.
        threshold: what the observed score has to exceed.
        p: share of permutations that do at least as well, counting the true pairs as one.
        null_mean, null_deviation: of the scores under permutation.
    """

    observed: float
    score: float
    threshold: float
    p: float
    null_mean: float
    null_deviation: float


class BestLayers(NamedTuple):
    """The layer pair that scores highest, held against the best pair of each permutation.

    Attributes:
        image, text: the pair, from 0.
        best: its calibration; what chance gives somewhere among so many pairs.
        calibrated: (image layers, text layers) every pair by the same nulls.
    """

    image: int
    text: int
    best: Calibration
    calibrated: Scores


def permutations(
    n: int, count: int = PERMUTATIONS, seed: int | Sequence[int] = 0
) -> NDArray[np.int32]:
    """(count, n) random orders of n items."""
    draw = np.random.default_rng(seed)
    orders = np.empty((count, n), np.int32)
    for row in orders:
        row[:] = draw.permutation(n)
    return orders


def calibrate(
    observed: float, nulls: Scores, *, alpha: float = ALPHA, maximum: float = 1.0
) -> Calibration:
    """Holds one score against its nulls (K,).

    Args:
        observed: the score of the true pairs.
        nulls: scores under permutation, computed as the observed one was: ties count in p.
        alpha: share of unrelated pairs that may come out above 0.
        maximum: what the score can reach.

    Raises:
        InvalidInput: so few permutations that nothing can be told at this ``alpha``.
    """
    values = np.asarray([observed])
    return Calibration(
        observed=float(observed),
        score=float(calibrated(values, nulls, alpha=alpha, maximum=maximum)[0]),
        threshold=float(thresholds(values, nulls, alpha=alpha)[0]),
        p=(1 + int((nulls >= observed).sum())) / (len(nulls) + 1),
        null_mean=float(nulls.mean()),
        null_deviation=float(nulls.std()),
    )


def calibrated(
    observed: Scores, nulls: Scores, *, alpha: float = ALPHA, maximum: float = 1.0
) -> Scores:
    """Calibrated scores of any shape, each held by itself against the same nulls (K,)."""
    limits = thresholds(observed, nulls, alpha=alpha)
    room = np.maximum(maximum - limits, np.finfo(np.float64).tiny)
    scores: Scores = np.clip((observed - limits) / room, 0.0, 1.0)
    return scores


def thresholds(observed: Scores, nulls: Scores, *, alpha: float = ALPHA) -> Scores:
    """The order statistic tau for each observed score with the nulls (K,).

    The r-th smallest of K nulls and one more value is that value, brought between the nulls of
    rank r - 1 and r.
    """
    rank = threshold_rank(len(nulls), alpha)
    ordered = np.sort(nulls)
    least = ordered[rank - 2] if rank > 1 else -np.inf
    limits: Scores = np.clip(observed, least, ordered[rank - 1])
    return limits


def threshold_rank(count: int, alpha: float = ALPHA) -> int:
    """Which of ``count`` nulls and the observed score, sorted upwards from 1, is the threshold.

    Raises:
        InvalidInput: so few permutations that nothing can be told at this ``alpha``.
    """
    rank = math.ceil((1 - alpha) * (count + 1))
    if not 1 <= rank <= count:
        raise InvalidInput(
            f"{count} permutations cannot tell chance at a level of {alpha:g}; take at least "
            f"{math.ceil(1 / alpha) - 1}, better {PERMUTATIONS}."
        )
    return rank


def best_of_layers(scores: Scores) -> BestLayers:
    """Of (1 + K, image layers, text layers), the true pairs first, all layers permuted alike.

    Of equals the later image layer, then the later text layer.

    Raises:
        InvalidInput: too few permutations.
    """
    observed, nulls = scores[0], scores[1:].max(axis=(1, 2))
    place = observed.size - 1 - int(observed.reshape(-1)[::-1].argmax())
    image, text = divmod(place, observed.shape[1])
    best = calibrate(float(observed[image, text]), nulls)
    return BestLayers(image, text, best, calibrated(observed, nulls))


def matrix(values: Scores) -> Matrix:
    """Plain numbers, to be kept."""
    return tuple(tuple(float(value) for value in row) for row in values)


def permuted(
    score: Callable[[NDArray[np.int32]], float],
    orders: NDArray[np.int32],
    report: Report = silent,
) -> Scores:
    """Nulls (K,) of any score: ``score(order)`` is that with one side's rows in this order."""
    values = np.empty(len(orders))
    for number, order in enumerate(orders):
        report(number, len(orders), "permutations")
        values[number] = score(order)
    report(len(orders), len(orders), "permutations")
    return values


def calibrated_mutual_knn(
    a: NDArray[np.generic],
    b: NDArray[np.generic],
    k: int = 10,
    *,
    orders: NDArray[np.int32] | None = None,
    report: Report = silent,
) -> Calibration:
    """Mutual kNN of row-aligned features (n, d) with its nulls; no neighbour is sought twice.

    Args:
        a, b: as they are; normalise first for the cosine.
        k: neighbours.
        orders: (K, n) permutations of b's rows; 200 random ones without.
        report: called with rows done.
    """
    first, second = lists_of(a, b, k)
    counts = shared_neighbours([first], [second], with_identity(orders, len(a)), report)
    shares = counts[:, 0, 0] / first.size
    return calibrate(float(shares[0]), shares[1:])


def calibrated_cka(
    a: NDArray[np.generic],
    b: NDArray[np.generic],
    *,
    unbiased: bool = False,
    orders: NDArray[np.int32] | None = None,
    report: Report = silent,
) -> Calibration:
    """Linear CKA of row-aligned features (n, d) with its nulls. Arguments as above."""
    first, second = LinearKernel(a), LinearKernel(b)
    every = with_identity(orders, len(a))
    values = permuted(lambda order: linear_cka(first, second, unbiased, order), every, report)
    return calibrate(float(values[0]), values[1:])


def with_identity(orders: NDArray[np.int32] | None, n: int) -> NDArray[np.int32]:
    """(K + 1, n): the true order, then the permutations, random ones where none are given."""
    given = permutations(n) if orders is None else orders
    return np.concatenate([np.arange(n, dtype=np.int32)[None], given.astype(np.int32)])
