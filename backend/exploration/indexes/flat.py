"""Exact search: every vector is looked at, by FAISS on the memory map itself, or on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import faiss
import numpy as np

from backend.exploration.indexes import devices
from backend.exploration.indexes.vectors import ID_BYTES, Found, IndexFacts, Rows, Vectors

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
        device: auto, cpu, cuda or cuda:N.
    """

    def __init__(
        self, ids: Sequence[str], vectors: Vectors, facts: IndexFacts, device: str = "cpu"
    ) -> None:
        self.ids = ids
        self.row_of = {item: row for row, item in enumerate(ids)}
        self.facts = facts
        self._vectors = vectors
        self._device = device

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def memory_bytes(self) -> int:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
        return self._vectors.nbytes + ID_BYTES * len(self.ids)

    def search(self, queries: Vectors, k: int, among: Rows | None = None) -> Found:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
        if among is not None:
            return exact_among(self._vectors, queries, k, among)
        k = min(k, len(self.ids))
        if k <= devices.MOST and self._copied is not None:
            return self._copied.search(queries, k)
        return exact(self._vectors, queries, k)

    def vectors(self) -> Vectors:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
        return self._vectors

    @cached_property
    def _copied(self) -> devices.GpuVectors | None:
        """On the GPU from the first search on; whoever only reads the vectors takes nothing there."""
        return devices.on_gpu(self._vectors, self._device)


def exact(vectors: Vectors, queries: Vectors, k: int) -> Found:
    """Rows and cosines of the k best of all vectors, best first."""
    given, k = np.ascontiguousarray(queries, np.float32), min(k, len(vectors))
    if len(given) == 1:  # FAISS puts one query on one core; BLAS shares its rows out: half the time
        return _best(np.arange(len(vectors)), (vectors @ given[0])[None], k)
    scores, rows = faiss.knn(given, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
    return rows, scores


def exact_among(vectors: Vectors, queries: Vectors, k: int, among: Rows) -> Found:
    """Rows and cosines of the k best of some rows, best first; of equal ones the first.

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
        best, found = _best(block, cosines, k)
        rows, scores = np.concatenate([rows, best], 1), np.concatenate([scores, found], 1)
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _best(rows: Rows, scores: Vectors, k: int) -> Found:
    """The k best of each line of scores (q, m), best first; of equal ones the first.

    Args:
        rows: (m,) what the scores are of.
    """
    k = min(k, len(rows))
    best = np.empty((len(scores), k), np.int64)
    for place, line in enumerate(scores):
        least = np.partition(line, len(line) - k)[len(line) - k]
        near = np.flatnonzero(line >= least)
        best[place] = near[np.argsort(-line[near], kind="stable")[:k]]
    return rows[best], np.take_along_axis(scores, best, axis=1)
