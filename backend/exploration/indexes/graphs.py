"""Approximate search by FAISS. A graph scores what it finds by the vectors that it holds; what short codes
find is scored again with the vectors themselves. So a cosine is a cosine, and an item's place among those
found is right; what is missed is what the measured recall tells."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import faiss
import numpy as np

from backend.exploration.indexes import devices
from backend.exploration.indexes.choosing import Choice, memory_of
from backend.exploration.indexes.flat import exact, exact_among
from backend.exploration.indexes.vectors import ID_BYTES, Found, IndexFacts, Rows, Vectors
from backend.reporting import Report, silent
from backend.schemas.exploring import IndexKind

log = logging.getLogger(__name__)

_BLOCK: Final = 20_000  # vectors added between two reports
_TRAINED: Final = 64  # vectors that a list's centre is learnt from


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
        self._times = facts.settings.get("rescored", 0)
        search_harder(index, facts.settings)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def memory_bytes(self) -> int:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
        kind, count = cast(IndexKind, self.facts.kind), len(self.ids)
        held = memory_of(kind, self.facts.settings, count, self.facts.dimension)
        return held + ID_BYTES * count

    def search(self, queries: Vectors, k: int, among: Rows | None = None) -> Found:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
        if among is not None:  # what a filter leaves may lie far from what a graph looks at
            return exact_among(self._vectors, queries, k, among)
        k = min(k, len(self.ids))
        given = np.ascontiguousarray(queries, np.float32)
        if self._times:
            rows, scores = self._rescored(given, k)
        else:
            scores, rows = self._index.search(given, k)
        # too few were looked at: of lists, or of a graph's nodes
        short = (rows < 0).any(axis=1)
        if short.any():
            rows[short], scores[short] = exact(self._vectors, given[short], k)
        return rows, scores

    def _rescored(self, queries: Vectors, k: int) -> Found:
        """The best by the vectors themselves of some times as many by the index; -1 where those are fewer."""
        wanted = min(len(self.ids), k * self._times)
        _, candidates = self._index.search(queries, wanted)
        rows = np.empty((len(queries), k), np.int64)
        scores = np.empty((len(queries), k), np.float32)
        # what FAISS's own refinement calls; that would want the vectors within an index, in memory.
        # The last number is how far the queries' candidates are apart, which FAISS 1.15 does not see itself
        faiss.knn_inner_products_by_idx(  # type: ignore[attr-defined]
            *map(faiss.swig_ptr, (queries, self._vectors, candidates)),
            queries.shape[1], len(queries), len(self._vectors), wanted, k,
            faiss.swig_ptr(scores), faiss.swig_ptr(rows), wanted,
        )  # fmt: skip
        return rows, scores

    def vectors(self) -> Vectors:
        """See :class:`backend.exploration.indexes.VectorIndex`."""
        return self._vectors


def build(
    vectors: Vectors, choice: Choice, seed: int = 0, report: Report = silent, device: str = "cpu"
) -> Any:
    """A FAISS index of a kind.

    Args:
        vectors: (n, d) unit rows.
        choice: kind and settings.
        seed: of k-means.
        report: told vectors added; may raise ``Cancelled``.
        device: auto, cpu, cuda or cuda:N. FAISS trains and fills an inverted file on a GPU; a graph it
            builds there in its builds with cuVS alone, which requirements-gpu.txt does not name.
    """
    if choice.kind == "hnsw":
        return _filled(_graph(vectors.shape[1], choice), vectors, report)
    index = _inverted(vectors.shape[1], choice, seed)
    twin = devices.twin_on_gpu(index, choice.memory_bytes, device)
    if twin is not None:
        try:
            return devices.to_processor(
                _filled(_trained(twin, vectors, seed, report), vectors, report)
            )
        except RuntimeError as error:
            log.warning("The index is built on the processor: %s", error)
    return _filled(_trained(index, vectors, seed, report), vectors, report)


# FAISS's classes are untyped: their attributes are set by name


def _graph(dimension: int, choice: Choice) -> Any:
    index: Any = faiss.IndexHNSWFlat(
        dimension, choice.settings["links"], faiss.METRIC_INNER_PRODUCT
    )
    index.hnsw.efConstruction = choice.settings["build"]
    return index


def _inverted(dimension: int, choice: Choice, seed: int) -> Any:
    written = f"IVF{choice.settings['lists']},PQ{choice.settings['code']}"
    index: Any = faiss.index_factory(dimension, written, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = index.pq.cp.seed = seed + 1
    # it orders codes for a search by Hamming distance, which is not used, and takes most of the training
    index.do_polysemous_training = False
    return index


def _trained(index: Any, vectors: Vectors, seed: int, report: Report) -> Any:
    draw = np.random.default_rng(seed).permutation(len(vectors))[: index.nlist * _TRAINED]
    report(0, len(vectors), "vectors")
    index.train(np.ascontiguousarray(vectors[np.sort(draw)]))
    return index


def _filled(index: Any, vectors: Vectors, report: Report) -> Any:
    for start in range(0, len(vectors), _BLOCK):
        report(start, len(vectors), "vectors")
        index.add(np.ascontiguousarray(vectors[start : start + _BLOCK]))
    report(len(vectors), len(vectors), "vectors")
    return index


def search_harder(index: Any, settings: Mapping[str, int]) -> None:
    """Sets how many candidates a search looks at."""
    if "search" in settings:
        index.hnsw.efSearch = settings["search"]
    if "probes" in settings:
        index.nprobe = settings["probes"]
