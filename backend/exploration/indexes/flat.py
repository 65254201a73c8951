"""Exact search: every vector is looked at, by FAISS on the memory map itself."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np

from backend.exploration.indexes.vectors import Found, IndexFacts, Vectors


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

    def search(self, queries: Vectors, k: int) -> Found:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
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
