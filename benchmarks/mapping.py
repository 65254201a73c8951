"""The map of 10,000 points, warm and in a fresh process, against umap-learn as it comes; questions to a map.

2,000 items with four captions each in 384 dimensions: 60 groups, and a gap between the modalities. Ours is
all that a run's map job computes of them: exact neighbours, both modalities' half, UMAP from PCA. Plain is
``UMAP(metric="cosine", random_state=0).fit_transform`` of the same vectors. A cold time is that of a whole
process, imports and what Numba compiles counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.exploration.gallery import Entry, Gallery, build_gallery, load_gallery
from backend.exploration.layouts.graphs import USUAL, graph, nearest
from backend.exploration.layouts.pca import pca
from backend.exploration.layouts.placing import place
from backend.exploration.layouts.projecting import project
from backend.exploration.layouts.quality import judge
from backend.schemas import USUAL_LAYOUT
from backend.services.mapping import Mapping

ITEMS: Final = 2_000
CAPTIONS: Final = 4
GROUPS: Final = 60
WIDTH: Final = 384
#: items of the gallery that is asked questions, with four captions each: 100,000 points
MANY: Final = 20_000
_ASKED: Final = 20
_SEED: Final = 0
#: a process that does nothing else
_PLAIN: Final = f"""
import sys, numpy, umap
vectors = numpy.load(sys.argv[1] + "/vectors.npy")
flat = umap.UMAP(metric="cosine", random_state={_SEED}).fit_transform(vectors)
numpy.save(sys.argv[1] + "/plain.npy", flat)
"""


class _Taken(NamedTuple):
    """Seconds on the clock, and of all cores together, which others on the machine change less."""

    wall: float
    cores: float


def measure(quick: bool) -> dict[str, float]:
    """Seconds, milliseconds, and how many times as long plain umap-learn takes."""
    rounds = 1 if quick else 3
    figures = {"load average before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        vectors = made(ITEMS)
        np.save(folder / "vectors.npy", vectors)
        cold: dict[str, list[_Taken]] = {"ours": [], "plain": []}
        for _ in range(rounds):
            for name, taken in cold.items():
                taken.append(_cold(name, folder))
        ours, plain = (np.load(folder / f"{name}.npy") for name in cold)
        warm = [_timed(partial(lay_out, vectors)) for _ in range(rounds + 1)][1:]
        seconds = {name: median(each.wall for each in taken) for name, taken in cold.items()}
        worked = {name: median(each.cores for each in taken) for name, taken in cold.items()}
        figures |= {
            "10,000 points, warm, s": median(warm),
            "10,000 points, cold, s": seconds["ours"],
            "10,000 points, plain umap-learn, cold, s": seconds["plain"],
            "plain / ours, cold": seconds["plain"] / seconds["ours"],
            "10,000 points, cold, s of all cores": worked["ours"],
            "plain / ours, cold, of all cores": worked["plain"] / worked["ours"],
            "same coordinates in two processes": float(np.array_equal(ours, lay_out(vectors))),
            "other settings from that map, warm, s": _timed(partial(lay_out, vectors, ours)),
            **_judged("ours", vectors, ours),
            **_judged("plain", vectors, plain),
        }
        figures |= _questions(folder, vectors, ours)
    if not quick:
        many = made(MANY)
        figures["100,000 points, warm, s"] = _timed(partial(lay_out, many))
    figures["load average after"] = os.getloadavg()[0]
    return figures


def made(items: int) -> NDArray[np.float32]:
    """(5 n, d) unit rows: items, then their captions."""
    draw = np.random.default_rng(_SEED)
    centres = draw.normal(size=(GROUPS, WIDTH))
    image = centres[draw.integers(GROUPS, size=items)] + 0.8 * draw.normal(size=(items, WIDTH))
    text = np.repeat(image, CAPTIONS, axis=0)
    text += draw.normal(size=text.shape) + 0.7 * draw.normal(size=WIDTH)
    rows = np.concatenate([image, text])
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float32)


def lay_out(
    vectors: NDArray[np.float32], start: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """What a run's map job does; from a layout, what its other requests do."""
    images = len(vectors) // (1 + CAPTIONS)
    asked = USUAL_LAYOUT.model_copy(update={"seed": _SEED})
    blocks = nearest(vectors, images, asked.graph, USUAL)
    near = graph(blocks, asked.neighbours)
    begin = pca(vectors, 2) if start is None else start
    return project(asked, vectors, near, begin, again=start is not None).coordinates


def _cold(name: str, folder: Path) -> _Taken:
    program = ["-c", _PLAIN] if name == "plain" else ["-m", "benchmarks.mapping"]
    command = [sys.executable, "-W", "ignore", *program, str(folder)]
    before = os.times()
    wall = _timed(partial(subprocess.run, command, check=True, stdout=subprocess.DEVNULL))
    after = os.times()
    of_children = (after.children_user, after.children_system)
    return _Taken(wall, sum(of_children) - before.children_user - before.children_system)


def _judged(name: str, vectors: NDArray[np.float32], flat: NDArray[np.float32]) -> dict[str, float]:
    found = judge(vectors, flat)
    assert found is not None
    return {
        f"{name}: trustworthiness": found.trustworthiness,
        f"{name}: neighbours kept": found.neighbours_kept,
    }


def _questions(
    folder: Path, vectors: NDArray[np.float32], flat: NDArray[np.float32]
) -> dict[str, float]:
    """Milliseconds until a query has its place, and an item its neighbours, both warm."""
    small = _gallery(folder / "small", vectors)
    points = np.arange(len(vectors), dtype=np.int32)
    large = _gallery(folder / "large", made(MANY))

    asked, names = _Asked(large), [*large.indexes["image"].ids, *large.indexes["text"].ids]
    every = np.random.default_rng(_SEED).integers(len(names), size=_ASKED)
    placed = [
        _timed(partial(place, small, points, flat, "cross-modal", vectors[row], 1.0))
        for row in range(_ASKED)
    ]
    near = [_timed(partial(asked.neighbours, "r", names[row])) for row in every]
    return {
        "a query's place among 10,000 points, ms": 1000 * median(placed),
        "neighbours among 100,000 points, ms": 1000 * median(near),
        "neighbours among 100,000 points, slowest, ms": 1000 * max(near[1:]),
    }


class _Asked(Mapping):
    """The door's answers, with a gallery that no run has."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery

    def _space(self, run_id: str) -> Any:
        return SimpleNamespace(gallery=self._gallery, vector=self._gallery.vector)


def _gallery(folder: Path, vectors: NDArray[np.float32]) -> Gallery:
    """Items that are words, so that no picture is read."""
    items = len(vectors) // (1 + CAPTIONS)
    captions = tuple(f"caption {number}" for number in range(CAPTIONS))
    entries = [Entry(f"i{number}", "text", "words", captions, {}) for number in range(items)]
    build_gallery(folder, entries, vectors[:items], vectors[items:])
    return load_gallery(folder, folder / "previews")


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


if __name__ == "__main__":
    # a whole process for one layout
    where = Path(sys.argv[1])
    np.save(where / "ours.npy", lay_out(np.load(where / "vectors.npy")))
