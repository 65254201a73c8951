"""SVCCA (Raghu et al. 2017): canonical correlations of the leading directions of two representations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.similarity.preparation import check_aligned, check_finite, working
from backend.reporting import Report, silent

_VALUES: Final = 2**21  # of permuted bases held at once
_SOLID: Final = 1e-12  # squared singular values below this share of the largest are rounding


def svcca(a: NDArray[np.generic], b: NDArray[np.generic], dimensions: int = 10) -> float:
    """Mean canonical correlation of the first left singular vectors of the standardised features.

    platonic-rep takes a randomised SVD and an iterative CCA, which give another number for each seed.
    This one is exact, hence repeatable: of two orthonormal bases the canonical correlations are the
    singular values of their product.

    Args:
        a, b: row-aligned (n, d).
        dimensions: of each basis; fewer where n or a d is smaller.

    Returns:
        In [0, 1]; for unrelated features of the order of sqrt(dimensions / n), not 0.
    """
    check_aligned([a, b], ["the first features", "the second features"], 4)
    first, second = leading(a, dimensions), leading(b, dimensions)
    return float(permuted_svcca([first], [second], np.arange(len(a))[None])[0, 0, 0])


def permuted_svcca(
    first: Sequence[NDArray[np.float64]],
    second: Sequence[NDArray[np.float64]],
    orders: NDArray[np.integer],
    report: Report = silent,
) -> NDArray[np.float64]:
    """SVCCA of all layer pairs under permutations, which move the rows of a basis and nothing else.

    Args:
        first, second: :func:`leading` directions of each layer of the two sides.
        orders: (p, n); the second side's item i becomes its item ``order[i]``.
        report: called with permutations of a layer done.

    Returns:
        (p, layers of first, layers of second); 0 of a layer without directions.
    """
    n, total = len(first[0]), len(orders) * len(second)
    scores = np.empty((len(orders), len(first), len(second)))
    for column, basis in enumerate(second):
        step = max(1, _VALUES // max(1, basis.size))
        for start in range(0, len(orders), step):
            report(column * len(orders) + start, total, "permutations")
            some = orders[start : start + step]
            moved = basis[some.reshape(-1)].reshape(len(some), n, basis.shape[1])
            for row, other in enumerate(first):
                if other.shape[1] == 0 or basis.shape[1] == 0:  # all items are the same there
                    scores[start : start + step, row, column] = 0.0
                    continue
                correlations = np.linalg.svd(other.T @ moved, compute_uv=False)
                means = np.clip(correlations, 0.0, 1.0).mean(axis=1)
                scores[start : start + step, row, column] = means
    report(total, total, "permutations")
    return scores


def leading(features: NDArray[np.generic], dimensions: int = 10) -> NDArray[np.float64]:
    """(n, up to ``dimensions``) left singular vectors of the standardised features.

    By the smaller of the two Gram matrices.
    """
    from scipy.linalg import eigh

    check_finite(features, "features")
    rows = working(features).astype(np.float64)
    rows -= rows.mean(axis=0)
    rows /= rows.std(axis=0, ddof=1) + 1e-8
    wide = rows.shape[1] > len(rows)
    gram = rows @ rows.T if wide else rows.T @ rows
    size = len(gram)
    squares, vectors = eigh(gram, subset_by_index=[max(0, size - dimensions), size - 1])
    solid = squares > squares[-1] * _SOLID
    left = vectors[:, solid] if wide else rows @ (vectors[:, solid] / np.sqrt(squares[solid]))
    basis: NDArray[np.float64] = left
    return basis
