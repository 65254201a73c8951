"""CKNNA (Huh et al. 2024): kernel alignment over the items that both representations call neighbours."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.similarity.kernels import EPSILON
from backend.evaluation.similarity.neighbours import Lists, nearest_neighbours
from backend.evaluation.similarity.preparation import check_aligned, working

Sparse: TypeAlias = Any  # a scipy.sparse array; scipy has no types

_ENTRIES: Final = 2**14  # dot products computed at once


def cknna(
    a: NDArray[np.generic], b: NDArray[np.generic], k: int = 10, *, unbiased: bool = True
) -> float:
    """HSIC of two linear kernels, masked to mutual nearest neighbours, over those of each with itself.

    With all n - 1 neighbours it is CKA. The kernels with themselves keep their own neighbours, not the
    mutual ones. Masked kernels are not symmetric, and held sparse: n k entries at most.

    Args:
        a, b: row-aligned (n, d), as they are.
        k: neighbours, at least 2.
        unbiased: leaves out the item itself and takes the unbiased HSIC; otherwise the diagonal may
            be a neighbour.
    """
    n = check_aligned([a, b], ["the first features", "the second features"], 4)
    if k < 2:
        raise InvalidInput(f"CKNNA over {k} neighbours says nothing; take at least 2.")
    first = _mask(nearest_neighbours(a, k, itself=not unbiased, seed=0), n)
    second = _mask(nearest_neighbours(b, k, itself=not unbiased, seed=1), n)
    mutual = first.multiply(second).tocsr()
    cross = _hsic(_masked(a, mutual), _masked(b, mutual), unbiased)
    own_a, own_b = _masked(a, first), _masked(b, second)
    own = _hsic(own_a, own_a, unbiased) * _hsic(own_b, own_b, unbiased)
    return float(cross / (np.sqrt(max(own, 0.0)) + EPSILON))


def _mask(lists: Lists, n: int) -> Sparse:
    """(n, n) ones where a list names an item."""
    from scipy.sparse import csr_array

    rows = np.repeat(np.arange(n), lists.shape[1])
    return csr_array((np.ones(lists.size), (rows, lists.reshape(-1))), shape=(n, n))


def _masked(features: NDArray[np.generic], mask: Sparse) -> Sparse:
    """The mask with dot products for its ones."""
    rows, entries = working(features), mask.tocoo()
    values = np.empty(entries.nnz)
    left, right = entries.coords
    for start in range(0, len(values), _ENTRIES):
        some = slice(start, start + _ENTRIES)
        values[some] = np.einsum("ij,ij->i", rows[left[some]], rows[right[some]], dtype=np.float64)
    entries.data = values
    return entries.tocsr()


def _hsic(first: Sparse, second: Sparse, unbiased: bool) -> float:
    """HSIC of two kernels that need not be symmetric; unbiased, their diagonals are 0."""
    n = first.shape[0]
    product = float(first.multiply(second.T).sum())
    through = float(first.sum(axis=0) @ second.sum(axis=1))  # 1'KL1
    sums = float(first.sum()) * float(second.sum())
    if unbiased:
        estimate = product + sums / ((n - 1) * (n - 2)) - 2 / (n - 2) * through
        return float(estimate / (n * (n - 3)))
    back = float(second.sum(axis=0) @ first.sum(axis=1))
    return float(product - (through + back) / n + sums / n**2)
