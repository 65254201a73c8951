"""CKNNA (Huh et al. 2024): kernel alignment over the items that both representations call neighbours.

HSIC of two linear kernels, masked to mutual nearest neighbours, over those of each with itself. The kernels
with themselves keep their own neighbours, not the mutual ones. Masked kernels are not symmetric.

A mask has n k entries, and two unrelated ones share about k^2: what is mutual under a permutation is looked
up, and nothing but those entries is ever added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.similarity.kernels import EPSILON
from backend.evaluation.similarity.neighbours import (
    Lists,
    looked_up,
    nearest_neighbours,
    table_rows,
)
from backend.evaluation.similarity.preparation import check_aligned, working
from backend.reporting import Report, silent

_ENTRIES: Final = 2**14  # dot products computed at once
_MUTUAL: Final = 2**21  # entries of all permutations that are held at once

Vector = NDArray[np.float64]


class NeighbourKernel(NamedTuple):
    """A linear kernel's entries where an item is one of another's neighbours.

    Attributes:
        lists: (n, k) neighbours of each item.
        values: (n, k) dot products with them.
        unbiased: which HSIC is taken.
        own: HSIC with itself.
    """

    lists: Lists
    values: Vector
    unbiased: bool
    own: float


class _Mutual(NamedTuple):
    """Entries (e,) of both kernels where both masks hold, under several permutations."""

    number: NDArray[np.int64]  # of the permutation
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    first: Vector
    second: Vector


def cknna(
    a: NDArray[np.generic], b: NDArray[np.generic], k: int = 10, *, unbiased: bool = True
) -> float:
    """Kernel alignment over mutual nearest neighbours. With all n - 1 neighbours it is CKA.

    Args:
        a, b: row-aligned (n, d), as they are.
        k: neighbours, at least 2.
        unbiased: leaves out the item itself and takes the unbiased HSIC; otherwise the diagonal may
            be a neighbour.
    """
    n = check_aligned([a, b], ["the first features", "the second features"], 4)
    first, second = (
        neighbour_kernel(
            features, nearest_neighbours(features, k, itself=not unbiased, seed=seed), unbiased
        )
        for seed, features in enumerate((a, b))
    )
    return float(permuted_cknna([first], [second], np.arange(n)[None])[0, 0, 0])


def neighbour_kernel(
    features: NDArray[np.generic], lists: Lists, unbiased: bool = True
) -> NeighbourKernel:
    """The kernel of features (n, d) at the entries of their own lists (n, k).

    Raises:
        InvalidInput: fewer than 2 neighbours.
    """
    n, k = lists.shape
    if k < 2:
        raise InvalidInput(f"CKNNA over {k} neighbours says nothing; take at least 2.")
    rows, left, right = working(features), np.repeat(np.arange(n), k), lists.reshape(-1)
    values = np.empty(n * k)
    for start in range(0, len(values), _ENTRIES):
        some = slice(start, start + _ENTRIES)
        values[some] = np.einsum("ij,ij->i", rows[left[some]], rows[right[some]], dtype=np.float64)
    every = _Mutual(np.zeros(n * k, np.int64), left, right.astype(np.int64), values, values)
    return NeighbourKernel(
        lists, values.reshape(n, k), unbiased, float(_hsic(every, 1, n, unbiased)[0])
    )


def permuted_cknna(
    first: Sequence[NeighbourKernel],
    second: Sequence[NeighbourKernel],
    orders: NDArray[np.integer],
    report: Report = silent,
) -> Vector:
    """CKNNA of all layer pairs under permutations.

    Args:
        first, second: kernels of each layer of the two sides.
        orders: (p, n); the second side's item i becomes its item ``order[i]``.
        report: called with layer pairs done.

    Returns:
        (p, layers of first, layers of second).
    """
    n, k = first[0].lists.shape
    scores = np.empty((len(orders), len(first), len(second)))
    step = max(1, _MUTUAL // (n * k))
    for cell in range(len(first) * len(second)):
        report(cell, len(first) * len(second), "layer pairs")
        row, column = divmod(cell, len(second))
        a, b = first[row], second[column]
        for start in range(0, len(orders), step):
            some = orders[start : start + step]
            cross = _hsic(_mutual(a, b, some), len(some), n, a.unbiased)
            scores[start : start + step, row, column] = cross / (
                np.sqrt(max(a.own * b.own, 0.0)) + EPSILON
            )
    report(len(first) * len(second), len(first) * len(second), "layer pairs")
    return scores


def _mutual(a: NeighbourKernel, b: NeighbourKernel, orders: NDArray[np.integer]) -> _Mutual:
    """The entries of ``a`` that are entries of ``b`` in each order, by a's items."""
    n, k = b.lists.shape
    kind = np.min_scalar_type(k)
    places = np.arange(1, k + 1, dtype=kind)  # 0: not a neighbour
    parts: list[_Mutual] = []
    for start, stop in table_rows(n, kind.itemsize):
        table = np.zeros((stop - start, n), kind)
        table[np.arange(stop - start)[:, None], b.lists[start:stop]] = places
        for number, order in enumerate(orders):
            items, words = looked_up(table, a.lists, order, start, stop)
            line, place = np.divmod(np.flatnonzero(words), a.lists.shape[1])
            row = items[line]
            parts.append(
                _Mutual(
                    np.full(len(row), number),
                    row,
                    a.lists[row, place].astype(np.int64),
                    a.values[row, place],
                    b.values[start + line, words[line, place].astype(np.int64) - 1],
                )
            )
    return _Mutual(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _hsic(entries: _Mutual, count: int, n: int, unbiased: bool) -> Vector:
    """(count,) HSIC of two kernels that need not be symmetric, a permutation each."""
    number, row, column, first, second = entries

    def sums(at: NDArray[np.int64], values: Vector) -> Vector:
        total = np.bincount(number * n + at, values, count * n)
        return total.astype(np.float64, copy=False).reshape(count, n)

    code, mirrored = (number * n + row) * n + column, (number * n + column) * n + row
    order = np.argsort(code)
    place = np.minimum(np.searchsorted(code, mirrored, sorter=order), max(0, len(code) - 1))
    both = code[order[place]] == mirrored if len(code) else np.zeros(0, bool)
    products = first[both] * second[order[place[both]]]
    product = np.bincount(number[both], products, count).astype(np.float64, copy=False)
    rows, columns = sums(row, first), sums(column, second)
    through = (sums(column, first) * sums(row, second)).sum(axis=1)  # 1'KL1
    total = rows.sum(axis=1) * columns.sum(axis=1)
    estimate: Vector
    if unbiased:  # their diagonals are 0
        estimate = product + total / ((n - 1) * (n - 2)) - 2 / (n - 2) * through
        return estimate / (n * (n - 3))
    back = (rows * columns).sum(axis=1)
    estimate = product - (through + back) / n + total / n**2
    return estimate
