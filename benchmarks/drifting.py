"""Retrieval chains and their scores from stored vectors: how long, and how much memory.

Galleries are synthetic: pairs with noise, so that recall is about that of real photographs. The usual one
is of Flickr8k's test split (1,000 images, 5,000 captions, 512 numbers); the large one has 100,000 of
each. Nothing is encoded but for the last question, whether worse alignments drift more
(:mod:`benchmarks.worse_alignments`).
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from backend.drift.attractors import attraction, functional_graph, nearest_map
from backend.drift.cycles import Walk, retrieval_chains
from backend.drift.scores.cumulative import PARITY, drift_scores, generations_of
from backend.drift.scores.rate import drift_rate
from backend.drift.scores.scenes import attribute_table
from backend.drift.scores.similarity import Embedded, to_start
from backend.drift.scores.survival import survival
from backend.exploration.indexes import IndexFacts, VectorIndex
from backend.exploration.indexes.flat import FlatIndex
from backend.scenes.captions import captions
from backend.scenes.graph import sample_scene
from backend.schemas import Side
from benchmarks.worse_alignments import measure_alignments

SEEDS: Final = 200
GENERATIONS: Final = 20
DIMENSION: Final = 512
NOISE: Final = 0.75
LARGE: Final = 100_000
CHAINS: Final = (1000, 5000)
ITEMS: Final = 400  # of the paper
_MEGABYTE: Final = 2**20


def measure(quick: bool) -> dict[str, float]:
    """Seconds of chains, maps and scores; megabytes of few and of many chains; drift by alignment."""
    rounds = 1 if quick else 3
    usual = _galleries(1000, 5)
    seeds = list(usual["image"].ids[:SEEDS])
    kinds = {
        "nearest": Walk(),
        "never the same item": Walk(revisit=False),
        "drawn, seeds left out": Walk(temperature=0.05, excluded=frozenset(seeds)),
    }
    told = f"{SEEDS} chains of {GENERATIONS}"
    figures: dict[str, float] = {}
    for name, walk in kinds.items():
        figures[f"{told}, {name}, s"] = _seconds(rounds, partial(_walk, usual, seeds, walk))
    figures["all nearest of 6,000 items, s"] = _seconds(rounds, lambda: nearest_map(usual))
    figures |= _memory(usual)
    draw = np.random.default_rng(0)
    successor = draw.integers(0, 2 * LARGE, 2 * LARGE)
    figures["attractors of 200,000 items, s"] = _seconds(
        rounds, lambda: functional_graph(successor)
    )
    figures |= {name: _seconds(rounds, work) for name, work in _scores().items()}
    if not quick:
        large = _galleries(LARGE, 1)
        seeds = list(large["image"].ids[:SEEDS])
        figures[f"{told} among 200,000 items, s"] = _seconds(1, lambda: _walk(large, seeds, Walk()))
    return figures | measure_alignments(quick)


def _galleries(images: int, captions_each: int) -> dict[Side, VectorIndex]:
    draw = np.random.default_rng(0)
    image = draw.normal(size=(images, DIMENSION)).astype(np.float32)
    text = np.repeat(image, captions_each, axis=0)
    sides: dict[Side, Any] = {"image": image, "text": text}
    found: dict[Side, VectorIndex] = {}
    for side, rows in sides.items():
        noisy = rows + NOISE * draw.normal(size=rows.shape).astype(np.float32) * 4
        noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
        facts = IndexFacts(kind="flat", vectors=len(rows), dimension=DIMENSION, key="")
        found[side] = FlatIndex([f"{side}:{row}" for row in range(len(rows))], noisy, facts)
    return found


def _walk(galleries: dict[Side, VectorIndex], seeds: list[str], walk: Walk) -> int:
    chains = retrieval_chains(galleries, seeds, GENERATIONS, walk)
    return sum(len(chain.generations) for chain in chains)


def _memory(galleries: dict[Side, VectorIndex]) -> dict[str, float]:
    """Peak of what few and many chains take beside the gallery."""
    figures = {}
    for many in CHAINS:
        seeds = list(galleries["text"].ids[:many])
        tracemalloc.start()
        _walk(galleries, seeds, Walk())
        figures[f"{many:,} chains, MB at most"] = tracemalloc.get_traced_memory()[1] / _MEGABYTE
        tracemalloc.stop()
    return figures


def _scores() -> dict[str, Callable[[], Any]]:
    """Scores of the paper's 400 items and 20 generations."""
    draw = np.random.default_rng(0)
    ids = [f"item {number}" for number in range(ITEMS)]
    rows = np.cumsum(draw.normal(size=(GENERATIONS + 1, ITEMS, DIMENSION)), axis=0).astype(
        np.float32
    )

    def directions() -> dict[Any, Any]:
        return {
            name: to_start(
                Embedded(ids, rows[0]),
                ((number, Embedded(ids, rows[number])) for number in generations_of(name)),
            )
            for name in PARITY
        }

    known = directions()
    scenes = {f"{index}": sample_scene("benchmark", index) for index in range(ITEMS)}
    told = {item: captions(scene, item)[0] for item, scene in scenes.items()}

    def attributes() -> Any:
        return attribute_table(scenes, ((number, told) for number in range(1, GENERATIONS + 1)))

    table = attributes()
    return {
        "similarity in four directions, s": directions,
        "mean cumulative drift with intervals, s": lambda: drift_scores(known),
        "drift rates with intervals, s": lambda: drift_rate(known),
        "attributes of 400 scenes and 20 captions each, s": attributes,
        "survival of attributes with intervals, s": lambda: survival(table),
        "attractors told with hubness, s": _told_attractors(),
    }


def _told_attractors() -> Callable[[], Any]:
    found = nearest_map(_galleries(1000, 5))
    graph = functional_graph(found.successor)
    return lambda: attraction(found, graph)


def _seconds(rounds: int, work: Callable[[], Any]) -> float:
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return min(taken)
