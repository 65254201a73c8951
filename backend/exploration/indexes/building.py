"""Building an index, measuring how well it finds, saving it, opening it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np

from backend.errors import NotFound
from backend.exploration.indexes.choosing import Budget, choose
from backend.exploration.indexes.flat import FlatIndex, exact
from backend.exploration.indexes.graphs import ApproximateIndex, build
from backend.exploration.indexes.milvus import (
    MilvusIndex,
    collection_of,
    drop_of,
    fill,
    settings_for,
)
from backend.exploration.indexes.stores import Store, exists
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
_HARDER: Final = {
    "hnsw": ("search", 2048),
    "ivf-pq": ("probes", 1 << 30),
    "milvus": ("search", 2048),
}


def build_index(
    folder: Path,
    ids: Sequence[str],
    vectors: Vectors,
    queries: Vectors | None = None,
    budget: Budget | None = None,
    seed: int = 0,
    report: Report = silent,
    store: Store | None = None,
) -> VectorIndex:
    """Writes an index, or leaves one that is of the same vectors as it is.

    Args:
        folder: where; its name and that of the folder around it name a collection of Milvus.
        ids: of the rows.
        vectors: (n, d) unit rows.
        queries: of the other side, as people will ask: some of them measure recall; without, some of the
            vectors themselves.
        budget: what it may take.
        seed: of k-means, and of the measured queries.
        report: told vectors added; may raise ``Cancelled``.
        store: Milvus, where that is to search.

    Raises:
        StorageError: Milvus is to search and does not answer.
    """
    if len(ids) != len(vectors):
        raise ValueError(f"{len(ids)} ids for {len(vectors)} vectors")
    budget, key = budget or Budget(), key_of(ids, vectors)
    choice = choose(len(ids), vectors.shape[1], budget)
    known = _facts(folder)
    kind = "milvus" if store else choice.kind
    if known is not None and (known.key, known.kind) == (key, kind) and is_in(folder, store):
        return open_index(folder, budget.device, store)
    write_vectors(folder, ids, vectors)
    (folder / _FAISS).unlink(missing_ok=True)
    asked = _drawn(vectors if queries is None else queries, seed)
    facts = IndexFacts(kind=kind, vectors=len(ids), dimension=vectors.shape[1], key=key)
    if store:
        facts = _into(store, folder, facts, budget, asked, report)
    elif choice.kind != "flat":
        facts = facts.model_copy(update={"settings": choice.settings})
        index = build(vectors, choice, seed, report, budget.device)
        facts = _measured(lambda told: ApproximateIndex(ids, vectors, index, told), facts, asked)
        faiss.write_index(index, str(folder / _FAISS))
    write_facts(folder, facts)
    return open_index(folder, budget.device, store)


def open_index(folder: Path, device: str = "cpu", store: Store | None = None) -> VectorIndex:
    """The index in ``folder``, memory-mapped.

    Args:
        device: auto, cpu, cuda or cuda:N; where exact search is done, if it can.
        store: Milvus, which is asked where the index is there. Without, such an index is searched
            exactly on this machine.

    Raises:
        NotFound: nothing whole is there, or it was written by another version.
    """
    facts = facts_of(folder)
    if facts is None:
        return _older(folder)
    ids, vectors = read_vectors(folder)
    if facts.kind == "milvus" and store:
        return MilvusIndex(ids, vectors, facts, store, collection_of(folder, facts.key))
    if facts.kind in ("flat", "milvus"):
        return FlatIndex(ids, vectors, facts, device)
    index = faiss.read_index(str(folder / _FAISS), faiss.IO_FLAG_MMAP_IFC)
    return ApproximateIndex(ids, vectors, index, facts)


def facts_of(folder: Path) -> IndexFacts | None:
    """What the index in ``folder`` is, without opening it; None of one before that was written down.

    Raises:
        NotFound: nothing whole is there, or it was written by another version.
    """
    if not is_whole(folder):
        raise NotFound(f"There is no whole index in {folder}.")
    return _facts(folder)


def is_in(folder: Path, store: Store | None) -> bool:
    """Whether a whole index is where it is to be: in Milvus, or on this machine where that is None.

    Raises:
        StorageError: Milvus does not answer.
    """
    facts = _facts(folder)
    if not is_whole(folder) or (facts is not None and facts.kind == "milvus") != (
        store is not None
    ):
        return False
    if store is None or facts is None:
        return True
    return exists(store, collection_of(folder, facts.key))


def is_whole(folder: Path) -> bool:
    """Whether there is an index that can be opened, without opening it."""
    facts = _facts(folder)
    if facts is None:
        begun = any((folder / name).exists() for name in (FACTS, VECTORS))
        return not begun and _there(folder, _OLDER)
    numbers = facts.vectors * facts.dimension * 4  # bytes of float32
    needed = (IDS, VECTORS, _FAISS) if facts.kind in ("hnsw", "ivf-pq") else (IDS, VECTORS)
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


def _into(
    store: Store,
    folder: Path,
    facts: IndexFacts,
    budget: Budget,
    asked: Vectors,
    report: Report,
) -> IndexFacts:
    """Fills a collection of Milvus with the vectors on disk; earlier ones of the same folder are dropped."""
    ids, vectors = read_vectors(folder)
    name = collection_of(folder, facts.key)
    facts = facts.model_copy(update={"settings": settings_for(len(ids), budget)})
    fill(store, name, vectors, facts.settings, report)
    drop_of(store, folder.parent.name, folder.name, keep=name)
    if not facts.settings:
        return facts
    return _measured(lambda told: MilvusIndex(ids, vectors, told, store, name), facts, asked)


def _measured(
    index_of: Callable[[IndexFacts], VectorIndex], facts: IndexFacts, queries: Vectors
) -> IndexFacts:
    """Facts with the recall at 10; where it is low, the search looks at more candidates."""
    name, most = _HARDER[facts.kind]
    truth, _ = exact(index_of(facts).vectors(), queries, 10)
    while True:
        found, _ = index_of(facts).search(queries, 10)
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
