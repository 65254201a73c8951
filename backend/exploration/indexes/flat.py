"""Exact search: every vector is looked at, by FAISS on the memory map itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import faiss
import numpy as np

from backend.exploration.indexes.vectors import Found, IndexFacts, Rows, Vectors

#: rows looked at together where only some are searched: 128 MiB of 512 numbers each
_BLOCK: Final = 65_536
#: rows that lie at most so many times apart are multiplied where they lie, which is quicker than a copy
_APART: Final = 4


class FlatIndex:
    """Search over the vectors as they lie.

    Args:
        ids: of the rows.
        vectors: (n, d) unit rows.
        facts: what it is.
    """

    def __init__(self, ids: Sequence[str], vectors: Vectors, facts: IndexFacts) -> None:
        self.ids = ids
        self.row_of = {item: row for row, item in enumerate(ids)}
        self.facts = facts
        self._vectors = vectors

    def __len__(self) -> int:
        return len(self.ids)

    def search(self, queries: Vectors, k: int, among: Rows | None = None) -> Found:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
        if among is not None:
            return exact_among(self._vectors, queries, k, among)
        return exact(self._vectors, queries, k)

    def vectors(self) -> Vectors:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
        return self._vectors


def exact(vectors: Vectors, queries: Vectors, k: int) -> Found:
    """Rows and cosines of the k best of all vectors, best first."""
    scores, rows = faiss.knn(
        np.ascontiguousarray(queries, np.float32),
        vectors,
        min(k, len(vectors)),
        metric=faiss.METRIC_INNER_PRODUCT,
    )
    return rows, scores


def exact_among(vectors: Vectors, queries: Vectors, k: int, among: Rows) -> Found:
    """Rows and cosines of the k best of some rows, best first.

    Args:
        among: (m,) rows of ``vectors``, rising, each once.
    """
    given = np.ascontiguousarray(queries, np.float32)
    rows = np.empty((len(given), 0), np.int64)
    scores = np.empty((len(given), 0), np.float32)
    for start in range(0, len(among), _BLOCK):
        block = among[start : start + _BLOCK]
        first, last = int(block[0]), int(block[-1]) + 1
        if last - first <= _APART * len(block):
            cosines = (given @ vectors[first:last].T)[:, block - first]
        else:
            cosines = given @ vectors[block].T
        rows = np.concatenate([rows, np.broadcast_to(block, cosines.shape)], axis=1)
        scores = np.concatenate([scores, cosines], axis=1)
        best = _best(scores, k)
        rows = np.take_along_axis(rows, best, axis=1)
        scores = np.take_along_axis(scores, best, axis=1)
    return rows, scores


def _best(scores: Vectors, k: int) -> Rows:
    """Places of the k best of each line, best first."""
    if k < scores.shape[1]:
        near = np.sort(np.argpartition(-scores, k, axis=1)[:, :k], axis=1)
    else:
        near = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    order = np.argsort(-np.take_along_axis(scores, near, axis=1), axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1)
