"""Where chains of nearest neighbours end: the whole map of them, exactly.

The nearest item of the other modality is a function on items, so all chains together are its functional
graph: every item walks into exactly one cycle and stays there.

    attractor    a cycle. By a similarity that is symmetric, with ties broken by row, all have two items
                 (an image and a caption that are each other's nearest): no step is ever less similar
                 than the one before
    basin        the items that end in it, its own among them
    steps        until an item of it is reached; 0 for its own
    occurrence   N_k, how often an item is among the k nearest of the other side's; its skewness is the
                 hubness of a side (Radovanovic et al. 2010)

Images come first, then captions: item i of n images is node i, caption j is node n + j.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from backend.drift.neighbours import nearest
from backend.errors import InvalidInput, NotFound
from backend.evaluation.enrichment import wilson
from backend.evaluation.geometry import skewness
from backend.reporting import Report, silent
from backend.schemas.drift_scores import Attraction, Attractor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backend.drift.neighbours import Galleries

NEIGHBOURS: Final = 10
SHOWN: Final = 50
_BLOCK: Final = 1024  # items searched for between two reports
_NORMAL: Final = 1.959963984540054
_LEAST: Final = 4  # attractors without which a correlation has no interval

Nodes = NDArray[np.int64]


@dataclass(frozen=True)
class NearestMap:
    """The nearest item of every item.

    Attributes:
        ids: (N,) of the nodes, images first.
        images: how many of them.
        successor: (N,) the node that each node's nearest item is.
        occurrence: (N,) how often a node is among the k nearest of the other side's.
        neighbours: k.
    """

    ids: tuple[str, ...]
    images: int
    successor: Nodes
    occurrence: Nodes
    neighbours: int


@dataclass(frozen=True)
class FunctionalGraph:
    """What a function on N nodes leads to.

    Attributes:
        attractor: (N,) the attractor that each node ends in, 0 to A - 1 in the order of their lowest node.
        steps: (N,) until a node of it is reached.
        first: (A,) the lowest node of each attractor.
        period: (A,) how many nodes it has.
        basin: (A,) how many nodes end in it.
    """

    attractor: Nodes
    steps: Nodes
    first: Nodes
    period: Nodes
    basin: Nodes


def nearest_map(
    galleries: Galleries, neighbours: int = NEIGHBOURS, report: Report = silent
) -> NearestMap:
    """The nearest neighbours of all items of both sides, as chains find them.

    Args:
        galleries: both sides' indexes, none of them empty.
        neighbours: k of the occurrence.
        report: told items done; may raise ``Cancelled``.

    Raises:
        InvalidInput: a side has no item.
    """
    image, text = galleries["image"], galleries["text"]
    if not (len(image) and len(text)):
        raise InvalidInput(
            "A side of the gallery has no item, so none is nearest. Choose another run."
        )
    total, done = len(image) + len(text), 0
    successor = np.empty(total, np.int64)
    occurrence = np.zeros(total, np.int64)
    for asking, asked, here, there in ((image, text, 0, len(image)), (text, image, len(image), 0)):
        vectors, k = asking.vectors(), min(neighbours, len(asked))
        for start in range(0, len(asking), _BLOCK):
            report(done, total, "items")
            block = np.ascontiguousarray(vectors[start : start + _BLOCK])
            rows, _ = nearest(asked, block, k)
            successor[here + start : here + start + len(block)] = there + rows[:, 0]
            counts = np.bincount(rows.ravel(), minlength=len(asked))
            occurrence[there : there + len(asked)] += counts
            done += len(block)
    report(done, total, "items")
    return NearestMap((*image.ids, *text.ids), len(image), successor, occurrence, neighbours)


def functional_graph(successor: NDArray[np.integer]) -> FunctionalGraph:
    """Attractors, basins and steps of a function, by doubling: 2^k steps at once.

    Args:
        successor: (N,) nodes, N at least 1.
    """
    once = np.asarray(successor, np.int64)
    jumps = [once]
    while True:  # until the nodes that can be reached get no fewer: then they are the cycles'
        before = np.zeros(len(once), bool)
        before[jumps[-1]] = True
        jumps.append(jumps[-1][jumps[-1]])
        cyclic = np.zeros(len(once), bool)
        cyclic[jumps[-1]] = True
        if cyclic.sum() == before.sum():
            break
    at, steps = np.arange(len(once)), np.zeros(len(once), np.int64)
    for power in range(len(jumps) - 1, -1, -1):  # as far as one can go without reaching a cycle
        further = jumps[power][at]
        outside = ~cyclic[further]
        at, steps = np.where(outside, further, at), steps + (outside.astype(np.int64) << power)
    outside = ~cyclic[at]
    at, steps = np.where(outside, once[at], at), steps + outside
    own = np.flatnonzero(cyclic)
    first, of_node = np.unique(_lowest_of_cycle(once, own)[at], return_inverse=True)
    return FunctionalGraph(
        attractor=of_node,
        steps=steps,
        first=first,
        period=np.bincount(of_node[own], minlength=len(first)),
        basin=np.bincount(of_node, minlength=len(first)),
    )


def attraction(
    found: NearestMap,
    graph: FunctionalGraph,
    seeds: Sequence[str] | None = None,
    shown: int = SHOWN,
) -> Attraction:
    """Attractors ranked by how many seeds end in them, and hubness beside it.

    Args:
        found: the nearest items.
        graph: what they lead to.
        seeds: ids that chains begin with; None for all items.
        shown: how many attractors are told, the ones with most seeds.

    Raises:
        NotFound: a seed is no item.
        InvalidInput: there is no seed.
    """
    begun = _nodes(found, seeds)
    ends = np.bincount(graph.attractor[begun], minlength=len(graph.first))
    own = graph.steps == 0
    occurrence = np.bincount(
        graph.attractor[own], found.occurrence[own], minlength=len(graph.first)
    )
    ranked = np.lexsort((graph.first, -graph.basin, -ends))
    periods, many = np.unique(graph.period, return_counts=True)
    correlation, bounds = _spearman(occurrence, graph.basin)
    steps = graph.steps[begun]
    sides = {"image": slice(found.images), "text": slice(found.images, None)}
    return Attraction(
        items=len(found.ids),
        seeds=len(begun),
        attractors=tuple(
            _attractor(found, graph, int(each), int(ends[each]), len(begun), int(occurrence[each]))
            for each in ranked[:shown]
        ),
        attractor_count=len(graph.first),
        periods=dict(zip(periods.tolist(), many.tolist(), strict=True)),
        mean_steps=float(steps.mean()),
        most_steps=int(steps.max()),
        half_of_seeds=1 + int(np.searchsorted(np.cumsum(ends[ranked]), len(begun) / 2)),
        neighbours=found.neighbours,
        hubness={
            side: skewness(found.occurrence[rows].astype(np.float64))
            for side, rows in sides.items()
        },
        correlation=correlation,
        correlation_interval=bounds,
    )


def members(found: NearestMap, first: int) -> list[int]:
    """The nodes of an attractor in the order of the cycle, from one of them on."""
    nodes = [first]
    while (following := int(found.successor[nodes[-1]])) != first:
        nodes.append(following)
    return nodes


def _attractor(
    found: NearestMap, graph: FunctionalGraph, place: int, ends: int, seeds: int, occurrence: int
) -> Attractor:
    """One attractor, in which so many of so many seeds end."""
    nodes = members(found, int(graph.first[place]))
    return Attractor(
        items=tuple(found.ids[node] for node in nodes),
        basin=int(graph.basin[place]),
        seeds=ends,
        share=ends / seeds,
        interval=wilson(ends / seeds, seeds),
        occurrence=occurrence,
    )


def _lowest_of_cycle(successor: Nodes, cyclic: Nodes) -> Nodes:
    """(N,) of nodes in cycles, the lowest node of their cycle; -1 elsewhere."""
    lowest = np.full(len(successor), -1, np.int64)
    lowest[cyclic] = cyclic
    jump = successor.copy()
    while (lowest[successor[cyclic]] != lowest[cyclic]).any():
        lowest[cyclic] = np.minimum(lowest[cyclic], lowest[jump[cyclic]])
        jump[cyclic] = jump[jump[cyclic]]
    return lowest


def _nodes(found: NearestMap, seeds: Sequence[str] | None) -> Nodes:
    if seeds is None:
        return np.arange(len(found.ids))
    place = {item: node for node, item in enumerate(found.ids)}
    gone = [item for item in seeds if item not in place]
    if gone:
        raise NotFound(f"{gone[0]!r} cannot be found in this run's gallery (the test split).")
    if not seeds:
        raise InvalidInput("There is no seed. Choose some items.")
    return np.array([place[item] for item in seeds])


def _spearman(
    x: NDArray[np.generic], y: NDArray[np.generic]
) -> tuple[float | None, tuple[float, float] | None]:
    """Rank correlation with Fisher's interval as Bonett & Wright 2000 have it for ranks."""
    from scipy.stats import rankdata

    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None, None
    rho = float(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
    if len(x) < _LEAST or abs(rho) >= 1 - 1e-12:  # atanh has no value there
        return rho, None
    half = _NORMAL * np.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    low, high = np.tanh([np.arctanh(rho) - half, np.arctanh(rho) + half])
    return rho, (float(low), float(high))
