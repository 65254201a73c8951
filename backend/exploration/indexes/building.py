"""Building an index, measuring how well it finds, saving it, opening it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np

from backend.errors import NotFound
from backend.exploration.indexes.choosing import Budget, choose
from backend.exploration.indexes.flat import FlatIndex, exact
from backend.exploration.indexes.graphs import ApproximateIndex, build
from backend.exploration.indexes.vectors import (
    FACTS,
    IDS,
    VECTORS,
    VERSION,
    IndexFacts,
    VectorIndex,
    Vectors,
    key_of,
    read_vectors,
    write_facts,
    write_vectors,
)
from backend.reporting import Report, silent

_FAISS: Final = "index.faiss"
_OLDER: Final = (IDS, _FAISS)
#: queries that recall is measured with
MEASURED: Final = 500
#: an index that finds less than this of the exact neighbours searches harder, if it can
WANTED: Final = 0.95
_HARDER: Final = {"hnsw": ("search", 2048), "ivf-pq": ("probes", 1 << 30)}


def build_index(
    folder: Path,
    ids: Sequence[str],
    vectors: Vectors,
    queries: Vectors | None = None,
    budget: Budget | None = None,
    seed: int = 0,
    report: Report = silent,
) -> VectorIndex:
    """Writes an index, or leaves one that is of the same vectors as it is.

    Args:
        folder: where.
        ids: of the rows.
        vectors: (n, d) unit rows.
        queries: of the other side, as people will ask: some of them measure recall; without, some of the
            vectors themselves.
        budget: what it may take.
        seed: of k-means, and of the measured queries.
        report: told vectors added; may raise ``Cancelled``.
    """
    if len(ids) != len(vectors):
        raise ValueError(f"{len(ids)} ids for {len(vectors)} vectors")
    count, dimension = vectors.shape
    choice, key = choose(count, dimension, budget), key_of(ids, vectors)
    known = _facts(folder)
    if known is not None and (known.key, known.kind) == (key, choice.kind):
        return open_index(folder)
    write_vectors(folder, ids, vectors)
    (folder / _FAISS).unlink(missing_ok=True)
    facts = IndexFacts(
        kind=choice.kind, vectors=count, dimension=dimension, key=key,
        settings=choice.settings,
    )  # fmt: skip
    if choice.kind != "flat":
        index = build(vectors, choice, seed, report)
        asked = _drawn(vectors if queries is None else queries, seed)
        facts = _measured(ids, vectors, index, facts, asked)
        faiss.write_index(index, str(folder / _FAISS))
    write_facts(folder, facts)
    return open_index(folder)


def open_index(folder: Path) -> VectorIndex:
    """The index in ``folder``, memory-mapped.

    Raises:
        NotFound: nothing whole is there, or it was written by another version.
    """
    if not is_whole(folder):
        raise NotFound(f"There is no whole index in {folder}.")
    facts = _facts(folder)
    if facts is None:
        return _older(folder)
    ids, vectors = read_vectors(folder)
    if facts.kind == "flat":
        return FlatIndex(ids, vectors, facts)
    index = faiss.read_index(str(folder / _FAISS), faiss.IO_FLAG_MMAP_IFC)
    return ApproximateIndex(ids, vectors, index, facts)


def is_whole(folder: Path) -> bool:
    """Whether there is an index that can be opened, without opening it."""
    facts = _facts(folder)
    if facts is None:
        begun = any((folder / name).exists() for name in (FACTS, VECTORS))
        return not begun and _there(folder, _OLDER)
    numbers = facts.vectors * facts.dimension * 4  # bytes of float32
    needed = (IDS, VECTORS) if facts.kind == "flat" else (IDS, VECTORS, _FAISS)
    return _there(folder, needed) and (folder / VECTORS).stat().st_size >= numbers


def _there(folder: Path, names: Sequence[str]) -> bool:
    return all((folder / name).is_file() for name in names)


def _older(folder: Path) -> VectorIndex:
    """An index of before the vectors had a file of their own: flat, its vectors within FAISS's file."""
    ids = json.loads((folder / IDS).read_text("utf-8"))
    flat: Any = faiss.read_index(str(folder / _FAISS))
    vectors = flat.reconstruct_n(0, flat.ntotal)
    facts = IndexFacts(kind="flat", vectors=len(ids), dimension=flat.d, key="", version=1)
    return FlatIndex(ids, vectors, facts)


def _measured(
    ids: Sequence[str], vectors: Vectors, index: Any, facts: IndexFacts, queries: Vectors
) -> IndexFacts:
    """Facts with the recall at 10; where it is low, the search looks at more candidates."""
    name, most = _HARDER[facts.kind]
    truth, _ = exact(vectors, queries, 10)
    while True:
        found, _ = ApproximateIndex(ids, vectors, index, facts).search(queries, 10)
        shared = [len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True)]
        recall = float(np.mean(shared)) / truth.shape[1]
        facts = facts.model_copy(update={"recall_at_10": recall, "queries": len(queries)})
        harder = min(2 * facts.settings[name], most, facts.settings.get("lists", most))
        if recall >= WANTED or harder == facts.settings[name]:
            return facts
        facts = facts.model_copy(update={"settings": {**facts.settings, name: harder}})


def _drawn(queries: Vectors, seed: int) -> Vectors:
    rows = np.sort(np.random.default_rng(seed).permutation(len(queries))[:MEASURED])
    drawn: Vectors = np.ascontiguousarray(queries[rows], np.float32)
    return drawn


def _facts(folder: Path) -> IndexFacts | None:
    """What a folder says it holds; None where it holds nothing whole of this version."""
    try:
        told = json.loads((folder / FACTS).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(told, dict) or told.get("version") != VERSION:
        return None
    return IndexFacts.model_validate(told)
