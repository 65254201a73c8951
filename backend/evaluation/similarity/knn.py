"""Similarity of two representations by the neighbours they give to the same items.

All after platonic-rep, on features compared by dot product. Chance level of mutual kNN: k / (n - 1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.similarity.neighbours import (
    Lists,
    looked_up,
    nearest_neighbours,
    shared_neighbours,
    table_rows,
)
from backend.evaluation.similarity.preparation import check_aligned
from backend.reporting import Report, silent

Features = NDArray[np.generic]


def mutual_knn(a: Features, b: Features, k: int = 10) -> float:
    """Mean share of an item's k nearest neighbours that both representations name. In [0, 1]."""
    first, second = lists_of(a, b, k)
    return float(shared_neighbours([first], [second])[0, 0, 0] / first.size)


def cycle_knn(a: Features, b: Features, k: int = 10) -> float:
    """Share of items that are found again among a's neighbours of their neighbours in b.

    Not symmetric. In [0, 1].
    """
    return float(found_again(*lists_of(a, b, k)).mean())


def lcs_knn(a: Features, b: Features, k: int = 10) -> float:
    """Mean length of the longest common subsequence of the ordered lists. In [0, k]."""
    return float(common_subsequences(*lists_of(a, b, k)).mean())


def edit_distance_knn(a: Features, b: Features, k: int = 10) -> float:
    """1 - mean Levenshtein distance of the ordered lists / k. In [0, 1]."""
    return float(1 - edit_distances(*lists_of(a, b, k)).mean() / k)


def lists_of(a: Features, b: Features, k: int) -> tuple[Lists, Lists]:
    """The neighbour lists of two row-aligned feature arrays, equals in an order of each one's own."""
    check_aligned([a, b], ["the first features", "the second features"])
    return nearest_neighbours(a, k, seed=0), nearest_neighbours(b, k, seed=1)


def overlaps(first: Lists, second: Lists) -> NDArray[np.float64]:
    """(n,) share of each item's neighbours that both lists name; their mean is mutual kNN."""
    shared = np.zeros(len(first))
    for place in range(second.shape[1]):
        shared += (first == second[:, place, None]).any(axis=1)
    shares: NDArray[np.float64] = shared / first.shape[1]
    return shares


def found_again(first: Lists, second: Lists) -> NDArray[np.bool_]:
    """(n,) whether item i is in ``first`` of any item of ``second`` of i; their share is cycle kNN."""
    items = np.arange(len(first))
    back = np.zeros(len(first), bool)
    for place in range(second.shape[1]):  # (n, k) at a time instead of (n, k, k)
        back |= (first[second[:, place]] == items[:, None]).any(axis=1)
    return back


def expected_cycles(lists: Lists) -> float:
    """Mean over all permutations of the share of items that are found again in these lists (n, k).

    An item that c others name is in none of k random others' lists with the chance
    C(n - 1 - c, k) / C(n - 1, k): the more uneven the c, the less is found.
    """
    n, k = lists.shape
    named = np.bincount(lists.reshape(-1), minlength=n)
    miss = np.ones(n)
    for place in range(k):
        miss *= np.maximum(0, n - 1 - named - place) / (n - 1 - place)
    return float(1 - miss.mean())


def permuted_cycles(
    first: Sequence[Lists],
    second: Sequence[Lists],
    orders: NDArray[np.integer],
    report: Report = silent,
) -> NDArray[np.int64]:
    """How many items are found again, for all layer pairs and permutations; over n it is cycle kNN.

    Args:
        first, second: lists (n, k) of each layer: an item goes to its neighbours in ``second`` and is
            sought among theirs in ``first``.
        orders: (p, n); the second side's item i becomes its item ``order[i]``.
        report: called with layer pairs done.

    Returns:
        (p, layers of first, layers of second); each at most n.
    """
    # permuting the second side is permuting the first the other way round
    inverse = np.argsort(orders, axis=1)
    total = np.empty((len(orders), len(first), len(second)), np.int64)
    for cell in range(len(first) * len(second)):
        report(cell, len(first) * len(second), "layer pairs")
        row, column = divmod(cell, len(second))
        total[:, row, column] = _found_again(second[column], first[row], inverse)
    report(len(first) * len(second), len(first) * len(second), "layer pairs")
    return total


def _found_again(lists: Lists, others: Lists, orders: NDArray[np.integer]) -> NDArray[np.int64]:
    """(p,) items that are in ``others`` of an entry of their list, under permutations of the others."""
    n, k = others.shape
    counts = np.zeros(len(orders), np.int64)
    targets, sources = others.reshape(-1), np.repeat(np.arange(n), k)
    for start, stop in table_rows(n):
        table = np.zeros((stop - start, n), np.uint8)
        some = (start <= targets) & (targets < stop)
        table[targets[some] - start, sources[some]] = 1
        for number, order in enumerate(orders):
            _, words = looked_up(table, lists, order, start, stop)
            rows = np.flatnonzero(words) // lists.shape[1]
            counts[number] += len(rows) and 1 + np.count_nonzero(rows[1:] != rows[:-1])
    return counts


def common_subsequences(first: Lists, second: Lists) -> NDArray[np.int32]:
    """(n,) length of each item's longest common subsequence; all items at once, a cell at a time."""
    n, k = first.shape
    above = np.zeros((k + 1, n), np.int32)
    for i in range(k):
        row = np.zeros_like(above)
        for j in range(k):
            same = above[j] + (first[:, i] == second[:, j])
            row[j + 1] = np.maximum(np.maximum(above[j + 1], row[j]), same)
        above = row
    return above[k]


def edit_distances(first: Lists, second: Lists) -> NDArray[np.int32]:
    """(n,) Levenshtein distance of each item's lists: insertions, deletions and substitutions."""
    n, k = first.shape
    above = np.repeat(np.arange(k + 1, dtype=np.int32)[:, None], n, axis=1)
    for i in range(k):
        row = np.full_like(above, i + 1)
        for j in range(k):
            changed = above[j] + (first[:, i] != second[:, j])
            row[j + 1] = np.minimum(np.minimum(above[j + 1], row[j]) + 1, changed)
        above = row
    return above[k]
