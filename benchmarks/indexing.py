"""Indexes of each kind: building, memory, searching, recall, and what our protocol adds to calling FAISS.

Vectors of 256 numbers that lie in groups near a plane of 48 dimensions, as embeddings do, and queries drawn
as they are. "Directly" is the same FAISS index, with the same settings, asked by its own ``search``; answers
by codes, which we score again with the vectors, are also held against FAISS's own refinement, which gives the
same ones. On a machine that others use, the shortest times tell more than the medians. (What a person waits
for, with thumbnails and all, is measured by the benchmark of searching.)

As a program, the last line is what a process grows by when it opens an index and searches it, in MB:
    python -m benchmarks.indexing FOLDER
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from backend.exploration.indexes import Budget, Store, VectorIndex, build_index, open_index
from backend.exploration.indexes.graphs import search_harder
from backend.exploration.indexes.milvus import collection_of
from backend.exploration.indexes.stores import Connection

WIDTH: Final = 256
PLANE: Final = 48
GROUPS: Final = 2000
ANSWERS: Final = 24
TOGETHER: Final = 64
#: a budget that gives each kind
BUDGETS: Final = {
    "flat": Budget(exact_until=1 << 40),
    "HNSW": Budget(memory_bytes=1 << 40, exact_until=0),
    "IVF-PQ": Budget(memory_bytes=1, exact_until=0),
}
#: Milvus Lite is measured up to here: it is for small sets, as its makers say
LITE_UNTIL: Final = 20_000

Vectors = NDArray[np.float32]
Search = Callable[[Vectors], object]


def measure(quick: bool) -> dict[str, float]:
    """Figures of each kind, for each number of vectors."""
    figures: dict[str, float] = {}
    for count in [20_000] if quick else [20_000, 250_000]:
        vectors, queries = _drawn(count, 0), _drawn(1_000, 1)
        with tempfile.TemporaryDirectory() as folder:
            for kind, budget in BUDGETS.items():
                name = f"{kind}, {count:,}"
                place = Path(folder) / "run" / kind
                index = _built(place, vectors, queries, budget, None, name, figures)
                figures[f"{name}, memory that a process grows by, MB"] = _grown(place)
                _compared(place, index, queries, quick, name, figures)
            if count <= LITE_UNTIL and importlib.util.find_spec("milvus_lite"):
                _of_lite(Path(folder), vectors, queries, quick, figures)
    return figures


def _built(
    place: Path,
    vectors: Vectors,
    queries: Vectors,
    budget: Budget,
    store: Store | None,
    name: str,
    figures: dict[str, float],
) -> VectorIndex:
    ids = [f"image:{row}" for row in range(len(vectors))]
    begun, worked = time.perf_counter(), time.process_time()
    index = build_index(place, ids, vectors, queries, budget, store=store)
    figures[f"{name}, built with its recall measured, s"] = time.perf_counter() - begun
    figures[f"{name}, built with its recall measured, processor s"] = time.process_time() - worked
    figures[f"{name}, memory as the budget counts it, MB"] = index.memory_bytes / 1e6
    recall = index.facts.recall_at_10
    figures[f"{name}, recall at 10"] = 1.0 if recall is None else recall
    return index


def _compared(
    place: Path,
    index: VectorIndex,
    queries: Vectors,
    quick: bool,
    name: str,
    figures: dict[str, float],
) -> None:
    """Our search beside FAISS's own."""
    own = _faiss(place, index)
    _timed(_ours(index), own, "calling FAISS directly", queries, quick, name, figures)
    if "rescored" in index.facts.settings:
        same = _refined(place, index)
        _timed(_ours(index), same, "FAISS's refinement", queries, quick, name, figures)


def _of_lite(
    folder: Path, vectors: Vectors, queries: Vectors, quick: bool, figures: dict[str, float]
) -> None:
    for words, budget in {"exact": BUDGETS["flat"], "HNSW": BUDGETS["HNSW"]}.items():
        name = f"Milvus Lite, {words}, {len(vectors):,}"
        store = Store(str(folder / f"{words}.db"))
        place = folder / "lite" / words
        index = _built(place, vectors, queries, budget, store, name, figures)
        directly = _pymilvus(store, collection_of(place, index.facts.key), index)
        _timed(_ours(index), directly, "calling pymilvus directly", queries, True, name, figures)


def _ours(index: VectorIndex) -> Search:
    return lambda rows: index.search(rows, ANSWERS)


def _pymilvus(store: Store, collection: str, index: VectorIndex) -> Search:
    connection = Connection(store, collection)
    told: dict[str, Any] = {"metric_type": "IP"}
    if index.facts.settings:
        told["params"] = {"ef": index.facts.settings["search"]}
    return lambda rows: connection.client.search(
        collection, list(rows), limit=ANSWERS, output_fields=["row"], search_params=told
    )


def _timed(
    ours: Search,
    theirs: Search,
    other: str,
    queries: Vectors,
    quick: bool,
    name: str,
    figures: dict[str, float],
) -> None:
    """Times of ours and the other, asked in turns, and their ratios."""
    ours(queries[:1])  # what is loaded by a first search is loaded
    rounds = 100 if quick else 400
    for words, size, number in (("one query", 1, rounds), (f"{TOGETHER} queries", TOGETHER, 12)):
        taken: list[list[float]] = [[], []]
        for turn in range(number + 2):
            start = turn * size % (len(queries) - size)
            for which in (0, 1) if turn % 2 else (1, 0):
                begun = time.perf_counter()
                (ours, theirs)[which](queries[start : start + size])
                taken[which].append(time.perf_counter() - begun)
        for words_of, of in (("median", statistics.median), ("shortest", min)):
            own, others = (of(times[2:]) for times in taken)
            label = f"{name}, {words}, {words_of}"
            figures[f"{label}, ours, ms"] = 1000 * own
            figures[f"{label}, {other}, ms"] = 1000 * others
            figures[f"{label}, ratio to {other}"] = own / others


def _faiss(place: Path, index: VectorIndex) -> Search:
    if index.facts.kind == "flat":
        flat = _flat(index)
        return lambda rows: flat.search(rows, ANSWERS)
    own: Any = faiss.read_index(str(place / "index.faiss"))
    search_harder(own, index.facts.settings)
    return lambda rows: own.search(rows, ANSWERS)


def _refined(place: Path, index: VectorIndex) -> Search:
    """FAISS's own way to the same answers, with all vectors in memory."""
    codes, flat = faiss.read_index(str(place / "index.faiss")), _flat(index)
    search_harder(codes, index.facts.settings)
    refined: Any = faiss.IndexRefine(codes, flat)
    refined.k_factor = index.facts.settings["rescored"]
    return lambda rows: refined.search(rows, ANSWERS)


def _flat(index: VectorIndex) -> Any:
    flat: Any = faiss.IndexFlatIP(WIDTH)
    flat.add(np.ascontiguousarray(index.vectors()))
    return flat


def _drawn(count: int, seed: int) -> Vectors:
    shared, draw = np.random.default_rng(7), np.random.default_rng(seed)
    plane = shared.normal(size=(PLANE, WIDTH)) / np.sqrt(PLANE)
    middles = shared.normal(size=(GROUPS, PLANE))
    meant = middles[draw.integers(0, GROUPS, count)] + 0.7 * draw.normal(size=(count, PLANE))
    rows = (meant @ plane + 0.2 * draw.normal(size=(count, WIDTH))).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _grown(place: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.indexing", str(place)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(json.loads(done.stdout.splitlines()[-1]))


def memory(place: Path) -> float:
    """MB that this process grows by, with the pages of files that it reads."""
    queries = _drawn(400, 1)
    faiss.knn(queries[:8], queries, 3)
    before = _resident()
    index = open_index(place)
    for query in queries:
        index.search(query[None], ANSWERS)
    return _resident() - before


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


if __name__ == "__main__":
    print(json.dumps(memory(Path(sys.argv[1]))))
