"""Similarity of two representations by the neighbours they give to the same items.

All after platonic-rep, on features compared by dot product. Chance level of mutual kNN: k / (n - 1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.similarity.neighbours import Lists, nearest_neighbours, shared_neighbours
from backend.evaluation.similarity.preparation import check_aligned

Features = NDArray[np.generic]


def mutual_knn(a: Features, b: Features, k: int = 10) -> float:
    """Mean share of an item's k nearest neighbours that both representations name. In [0, 1]."""
    first, second = lists_of(a, b, k)
    return float(shared_neighbours([first], [second])[0, 0, 0] / first.size)


def cycle_knn(a: Features, b: Features, k: int = 10) -> float:
    """Share of items that are found again among a's neighbours of their neighbours in b.

    Not symmetric. In [0, 1].
    """
    first, second = lists_of(a, b, k)
    return cycles(first, second)


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


def cycles(first: Lists, second: Lists) -> float:
    """Share of items i that are in ``first`` of any item of ``second`` of i."""
    items = np.arange(len(first))
    back = np.zeros(len(first), bool)
    for place in range(second.shape[1]):  # (n, k) at a time instead of (n, k, k)
        back |= (first[second[:, place]] == items[:, None]).any(axis=1)
    return float(back.mean())


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
