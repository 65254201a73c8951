"""Approximate search by FAISS. What it finds is scored with the vectors themselves, so that a cosine is a
cosine, and an item's place among those found is right; what it misses is what the measured recall tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import faiss
import numpy as np

from backend.exploration.indexes.choosing import Choice
from backend.exploration.indexes.flat import exact_among
from backend.exploration.indexes.vectors import Found, IndexFacts, Rows, Vectors
from backend.reporting import Report, silent

_BLOCK: Final = 20_000  # vectors added between two reports
_TRAINED: Final = 64  # vectors that a list's centre is learnt from
_GRAPH: Final[Mapping[str, int]] = {"rescored": 1}


class ApproximateIndex:
    """A FAISS index beside the vectors it was built of.

    Args:
        ids: of the rows.
        vectors: (n, d) unit rows.
        index: of FAISS, by inner product.
        facts: what it is; its settings say how hard it searches.
    """

    def __init__(self, ids: Sequence[str], vectors: Vectors, index: Any, facts: IndexFacts) -> None:
        self.ids = ids
        self.row_of = {item: row for row, item in enumerate(ids)}
        self.facts = facts
        self._vectors = vectors
        self._index = index
        self._times = facts.settings.get("rescored", _GRAPH["rescored"])
        search_harder(index, facts.settings)

    def __len__(self) -> int:
        return len(self.ids)

    def search(self, queries: Vectors, k: int, among: Rows | None = None) -> Found:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
        if among is not None:  # what a filter leaves may lie far from what a graph looks at
            return exact_among(self._vectors, queries, k, among)
        k = min(k, len(self.ids))
        given = np.ascontiguousarray(queries, np.float32)
        _, candidates = self._index.search(given, min(len(self.ids), k * self._times))
        rows = np.zeros((len(given), k), np.int64)
        scores = np.zeros((len(given), k), np.float32)
        for place, found in enumerate(candidates):
            # in rising order, so that a memory map is read once from front to back
            own = np.sort(found[found >= 0])
            cosines = self._vectors[own] @ given[place]
            if len(own) < k:  # too few lists were looked into
                own, cosines = _all(self._vectors, given[place])
            best = np.argsort(-cosines, kind="stable")[:k]
            rows[place], scores[place] = own[best], cosines[best]
        return rows, scores

    def vectors(self) -> Vectors:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
        return self._vectors


def build(vectors: Vectors, choice: Choice, seed: int = 0, report: Report = silent) -> Any:
    """A FAISS index of a kind.

    Args:
        vectors: (n, d) unit rows.
        choice: kind and settings.
        seed: of k-means.
        report: told vectors added; may raise ``Cancelled``.
    """
    n, d = vectors.shape
    settings = choice.settings
    # FAISS's classes are untyped: their attributes are set by name
    index: Any
    if choice.kind == "hnsw":
        index = faiss.IndexHNSWFlat(d, settings["links"], faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = settings["build"]
    else:
        written = f"IVF{settings['lists']},PQ{settings['code']}"
        index = faiss.index_factory(d, written, faiss.METRIC_INNER_PRODUCT)
        index.cp.seed = index.pq.cp.seed = seed + 1
        draw = np.random.default_rng(seed).permutation(n)[: settings["lists"] * _TRAINED]
        report(0, n, "vectors")
        index.train(np.ascontiguousarray(vectors[np.sort(draw)]))
    for start in range(0, n, _BLOCK):
        report(start, n, "vectors")
        index.add(np.ascontiguousarray(vectors[start : start + _BLOCK]))
    report(n, n, "vectors")
    return index


def search_harder(index: Any, settings: Mapping[str, int]) -> None:
    """Sets how many candidates a search looks at."""
    if "search" in settings:
        index.hnsw.efSearch = settings["search"]
    if "probes" in settings:
        index.nprobe = settings["probes"]


def _all(vectors: Vectors, query: Vectors) -> tuple[Any, Vectors]:
    return np.arange(len(vectors)), vectors @ query
