"""Regions of a map: k-means of its coordinates.

Of the map and not of the space, so that a region is one place with one colour and one label. How many there
are is chosen by the simplified silhouette (Hruschka, de Castro & Campello 2004): how much nearer a point is
to its own centre than to the next.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST: Final = 12
_LEAST: Final = 3
_POINTS: Final = 10  # a region has at least so many points on average
_ROUNDS: Final = 25
_TRIES: Final = 4


def clusters(coordinates: NDArray[np.float32], seed: int = 0) -> NDArray[np.int8]:
    """(n,) the region of each point, from 0, the largest first; at most :data:`MOST`.

    Args:
        coordinates: (n, 2) or (n, 3).
        seed: of the first centres.
    """
    best, found = -np.inf, np.zeros(len(coordinates), np.int64)
    rows = np.ascontiguousarray(coordinates, np.float32)
    for count in range(_LEAST, min(MOST, len(rows) // _POINTS) + 1):
        squares = _squares(rows, _centres(rows, count, seed))
        own, other = np.sqrt(np.partition(squares, 1, axis=1)[:, :2]).T
        silhouette = float(np.mean(1 - own / np.maximum(other, 1e-12)))
        if silhouette > best:
            best, found = silhouette, squares.argmin(axis=1)
    order = np.argsort(-np.bincount(found), kind="stable")
    place = np.empty(len(order), np.int8)
    place[order] = np.arange(len(order), dtype=np.int8)
    return place[found]


def _centres(rows: NDArray[np.float32], count: int, seed: int) -> NDArray[np.float32]:
    import faiss

    means = faiss.Kmeans(
        rows.shape[1], count, niter=_ROUNDS, nredo=_TRIES, seed=seed + 1, min_points_per_centroid=1
    )
    means.train(rows)
    return np.asarray(means.centroids, np.float32)


def _squares(rows: NDArray[np.float32], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    apart: NDArray[np.float32] = ((rows[:, None] - centres) ** 2).sum(axis=2)
    return apart
