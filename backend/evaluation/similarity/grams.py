"""Centred kernels of few items held whole, for CKA under many permutations of many layers at once.

With K = HKH of both sides HSIC needs one sum a permutation, sum over i, j of K_ij L_p(i)p(j), which costs
n^2 whatever the widths; and the unbiased estimate needs only the diagonals beside it, since the row sums
are 0. The layers of a side lie side by side, so that one pass over the items serves all layer pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.similarity.kernels import EPSILON, LinearKernel, rbf_rows
from backend.evaluation.similarity.preparation import check_aligned, working
from backend.reporting import Report, silent

_MOST: Final = 2**28  # entries of one side's kernels, a gibibyte in single precision
_CELLS: Final = 2**17  # entries of a block of rows; stays in a core's cache

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Grams:
    """Doubly centred kernels of one side's layers.

    Attributes:
        values: (n, n, layers) in the features' precision.
        diagonals: (n, layers).
        squares: (layers,) sum of the squared entries.
    """

    values: NDArray[np.floating]
    diagonals: Vector
    squares: Vector


def grams(
    layers: Sequence[NDArray[np.generic]],
    kernel: Literal["linear", "rbf"] = "linear",
    sigma: float = 1.0,
    report: Report = silent,
) -> Grams:
    """Kernels of features (n, d) of each layer, row i the same item in all of them.

    Args:
        layers: as they are: normalise first where the definition wants it.
        kernel, sigma: as :func:`backend.evaluation.similarity.cka` has them.
        report: called with layers done.

    Raises:
        InvalidInput: too many items to hold their kernels, or none to compare.
    """
    n = check_aligned(layers, [f"layer {number}" for number in range(len(layers))], 4)
    if n * n * len(layers) > _MOST:
        raise InvalidInput(
            f"The kernels of {n} items in {len(layers)} layers do not fit in memory; draw at most "
            f"{int((_MOST / len(layers)) ** 0.5)} items."
        )
    kind = np.result_type(*(working(features).dtype for features in layers))
    values = np.empty((n, n, len(layers)), kind)
    for number, features in enumerate(layers):
        report(number, len(layers), "layers")
        if kernel == "linear":
            rows = LinearKernel(features).rows
            values[..., number] = rows @ rows.T
        else:
            similar = rbf_rows(features, sigma)(0, n)
            mean = similar.mean(axis=1)
            values[..., number] = similar - mean[:, None] - mean + mean.mean()
    return Grams(
        values,
        np.einsum("iil->il", values).astype(np.float64),
        np.einsum("ijl,ijl->l", values, values, dtype=np.float64),
    )


def permuted_cka(
    first: Grams, second: Grams, orders: NDArray[np.integer], report: Report = silent
) -> tuple[Vector, Vector]:
    """Biased and unbiased CKA of all layer pairs under permutations, for the price of one.

    Args:
        first, second: of the same n items.
        orders: (p, n); the second side's item i becomes its item ``order[i]``.
        report: called with permutations done.

    Returns:
        Both (p, layers of first, layers of second).
    """
    n = len(first.values)
    biased = np.empty((len(orders), len(first.squares), len(second.squares)))
    unbiased = np.empty_like(biased)
    norm = np.sqrt(np.outer(first.squares, second.squares)) + EPSILON
    own = [_unbiased(one.squares, (one.diagonals**2).sum(axis=0), _trace(one) ** 2, n)
           for one in (first, second)]  # fmt: skip
    unbiased_norm = np.sqrt(np.maximum(np.outer(*own), 0.0)) + EPSILON
    traces = np.outer(_trace(first), _trace(second))
    for number, order in enumerate(orders):
        report(number, len(orders), "permutations")
        cross = _cross(first.values, second.values, order)
        diagonal = first.diagonals.T @ second.diagonals[order]
        biased[number] = cross / norm
        unbiased[number] = _unbiased(cross, diagonal, traces, n) / unbiased_norm
    report(len(orders), len(orders), "permutations")
    return biased, unbiased


def expected_cka(first: Grams, second: Grams) -> Vector:
    """(layers of first, layers of second) mean of the biased CKA over all permutations.

    tr K tr L / ((n - 1) |K| |L|). That of the unbiased one is 0.
    """
    traces = np.outer(_trace(first), _trace(second)) / (len(first.values) - 1)
    expected: Vector = traces / (np.sqrt(np.outer(first.squares, second.squares)) + EPSILON)
    return expected


def _cross(
    first: NDArray[np.floating], second: NDArray[np.floating], order: NDArray[np.integer]
) -> Vector:
    """(layers of first, layers of second) sums of products, the second's items in this order."""
    n, _, layers = first.shape
    total = np.zeros((layers, second.shape[2]))
    step = max(1, _CELLS // (n * max(layers, second.shape[2])))
    for start in range(0, n, step):
        mine = first[start : start + step].reshape(-1, layers)
        other = np.take(second[order[start : start + step]], order, axis=1)
        total += mine.T @ other.reshape(len(mine), -1)
    return total


def _trace(side: Grams) -> Vector:
    trace: Vector = side.diagonals.sum(axis=0)
    return trace


def _unbiased(cross: Vector, diagonal: Vector, traces: Vector, n: int) -> Vector:
    """Song et al. 2012 of doubly centred kernels: without the diagonal a row sums to minus its entry."""
    centred = cross - n / (n - 2) * diagonal + traces / ((n - 1) * (n - 2))
    estimate: Vector = centred / (n * (n - 3))
    return estimate
