"""SVCCA (Raghu et al. 2017): canonical correlations of the leading directions of two representations."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.similarity.preparation import check_aligned, check_finite, working

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
    first, second = _leading(a, dimensions), _leading(b, dimensions)
    correlations = np.linalg.svd(first.T @ second, compute_uv=False)
    return float(np.clip(correlations, 0.0, 1.0).mean())


def _leading(features: NDArray[np.generic], dimensions: int) -> NDArray[np.float64]:
    """(n, up to ``dimensions``) left singular vectors, by the smaller of the two Gram matrices."""
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
