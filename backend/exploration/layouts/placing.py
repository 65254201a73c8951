"""Where something lands on a map that was laid out without it: between its nearest points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from backend.exploration.layouts.graphs import Graph
from backend.exploration.points import Drawn
from backend.schemas import NeighbourGraph

if TYPE_CHECKING:
    from backend.exploration.gallery import Gallery
    from backend.exploration.indexes import VectorIndex

#: points that a query is placed between
NEAREST: Final = 8
_PASSES: Final = 8


def place(
    gallery: Gallery,
    points: NDArray[np.int32],
    coordinates: NDArray[np.float32],
    graph: NeighbourGraph,
    query: NDArray[np.float32],
    told: float,
) -> NDArray[np.float32]:
    """(2,) or (3,) where a query lands, between its nearest points as the map's graph understands it.

    Of a map of the frozen features the nearest are those of the shared space, which alone knows queries.

    Args:
        gallery: that is mapped.
        points: (n,) that are drawn, rising.
        coordinates: (n, 2 or 3) theirs.
        graph: which the map was drawn by.
        query: (d,) unit vector.
        told: how much of the query is of the captions' side, 0 to 1; it decides what is taken away from
            it where the map is centred.
    """
    drawn = Drawn.of(points, len(gallery.indexes["image"]))
    sides = [
        (gallery.indexes["image"], drawn.image, 0),
        (gallery.indexes["text"], drawn.text, len(drawn.image)),
    ]
    sides = [side for side in sides if len(side[1])]
    if graph == "centred":
        means = [_mean(index, rows) for index, rows, _ in sides]
        mean = means[0] if len(means) == 1 else (1 - told) * means[0] + told * means[1]
        query = (query - mean) / max(float(np.linalg.norm(query - mean)), 1e-12)
        found = [_centred(*side, query, mean) for side, mean in zip(sides, means, strict=True)]
    else:
        found = [_nearest(*side, query) for side in sides]
    if graph == "cross-modal":
        half = -(-NEAREST // len(found))
        places = [barycentre(cosines[:half], coordinates[at[:half]]) for at, cosines in found]
        middle: NDArray[np.float32] = np.mean(places, axis=0)
        return middle
    at, cosines = (np.concatenate(part) for part in zip(*found, strict=True))
    best = np.argsort(-cosines, kind="stable")[:NEAREST]
    return barycentre(cosines[best], coordinates[at[best]])


def barycentre(
    cosines: NDArray[np.floating], coordinates: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(d,) mean of the nearest points' coordinates, weighted by how much nearer than the farthest they are.

    Args:
        cosines: (k,) to each of them.
        coordinates: (k, d) on the map.
    """
    weights = cosines - cosines.min()
    # of equal ones all count alike; the farthest counts a little, so that two are more than one
    weights = weights + max(float(weights.mean()), 1e-9)
    placed: NDArray[np.float32] = (weights @ coordinates / weights.sum()).astype(np.float32)
    return placed


def filled(
    coordinates: NDArray[np.float32], known: NDArray[np.bool_], graph: Graph
) -> NDArray[np.float32]:
    """Coordinates of all points, where some are known: the others lie between their known neighbours.

    Those that have none take the mean of neighbours that were placed before them; what no path reaches
    takes the mean of all that are known.

    Args:
        coordinates: (n, d), of which the known rows count.
        known: (n,).
        graph: of the n points.
    """
    placed, known = coordinates.copy(), known.copy()
    for _ in range(_PASSES):
        rows = np.flatnonzero(~known)
        near = graph.rows[rows, 1:]
        counted = known[near]
        reached = counted.any(axis=1)
        if not reached.any():
            break
        rows, near, counted = rows[reached], near[reached], counted[reached]
        total = np.einsum("rk,rkd->rd", counted.astype(np.float32), placed[near])
        placed[rows] = total / counted.sum(axis=1, keepdims=True)
        known[rows] = True
    placed[~known] = placed[known].mean(axis=0)
    return placed


def _nearest(
    index: VectorIndex, rows: NDArray[np.int64], first: int, query: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Places among all points, and cosines, of a side's nearest to a query."""
    found, cosines = index.search(query[None], NEAREST, _among(index, rows))
    return first + np.searchsorted(rows, found[0]), cosines[0]


def _centred(
    index: VectorIndex,
    rows: NDArray[np.int64],
    first: int,
    query: NDArray[np.float32],
    mean: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The same after a side's mean was taken away from its unit rows."""
    vectors = _rows(index, rows)
    lengths = np.sqrt(np.maximum(1 - 2 * (vectors @ mean) + mean @ mean, 1e-12))
    cosines = (vectors @ query - mean @ query) / lengths
    best = np.argsort(-cosines, kind="stable")[:NEAREST]
    return first + best, cosines[best].astype(np.float32)


def _mean(index: VectorIndex, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = _rows(index, rows).mean(axis=0)
    return mean


def _rows(index: VectorIndex, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    vectors = index.vectors()
    return vectors if len(rows) == len(vectors) else vectors[rows]


def _among(index: VectorIndex, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    return None if len(rows) == len(index) else rows
