"""Regions of a map: k-means of its coordinates (Lloyd 1982, begun as by Arthur & Vassilvitskii 2007).

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
_LEARNT: Final = 3_000  # points that the centres are learnt from, evenly taken
_TRIES: Final = 4
_ROUNDS: Final = 30

Coordinates = NDArray[np.float32]


def clusters(coordinates: Coordinates, seed: int = 0) -> NDArray[np.int8]:
    """(n,) the region of each point, from 0, the largest first; at most :data:`MOST`.

    Args:
        coordinates: (n, 2) or (n, 3).
        seed: of the first centres.
    """
    some = coordinates[:: -(-len(coordinates) // _LEARNT) or 1]
    best, found = -np.inf, np.zeros(len(coordinates), np.int64)
    for count in range(_LEAST, min(MOST, len(coordinates) // _POINTS) + 1):
        draw = np.random.default_rng(seed)
        tries = [_centres(some, count, draw) for _ in range(_TRIES)]
        centres = min(tries, key=lambda each: float(_squares(some, each).min(axis=1).sum()))
        squares = _squares(coordinates, centres)
        own, other = np.sqrt(np.partition(squares, 1, axis=1)[:, :2]).T
        silhouette = float(np.mean(1 - own / np.maximum(other, 1e-12)))
        if silhouette > best and other.any():
            best, found = silhouette, squares.argmin(axis=1)
    order = np.argsort(-np.bincount(found), kind="stable")
    place = np.empty(len(order), np.int8)
    place[order] = np.arange(len(order), dtype=np.int8)
    return place[found]


def _centres(rows: Coordinates, count: int, draw: np.random.Generator) -> Coordinates:
    """(count, d) means that no round moves any more."""
    centres = rows[draw.integers(len(rows), size=1)]
    while len(centres) < count:
        far = _squares(rows, centres).min(axis=1).astype(np.float64)
        chances = far / far.sum() if far.any() else None
        centres = np.concatenate([centres, rows[draw.choice(len(rows), size=1, p=chances)]])
    for _ in range(_ROUNDS):
        own = _squares(rows, centres).argmin(axis=1)
        sizes = np.bincount(own, minlength=count)[:, None]
        sums = np.stack([np.bincount(own, axis, count) for axis in rows.T], axis=1)
        moved = np.where(sizes > 0, sums / np.maximum(sizes, 1), centres).astype(np.float32)
        if np.array_equal(moved, centres):
            break
        centres = moved
    return centres


def _squares(rows: Coordinates, centres: Coordinates) -> Coordinates:
    apart: Coordinates = np.zeros((len(rows), len(centres)), np.float32)
    for axis in range(rows.shape[1]):
        apart += (rows[:, axis, None] - centres[:, axis]) ** 2
    return apart
