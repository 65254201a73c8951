"""Whose neighbours a layout draws near: exact nearest neighbours of the points that are drawn.

In a shared space images lie nearer to images and captions to captions than to each other (the modality
gap), so that a joint graph draws two islands and hides what an alignment is about. Hence three graphs:

    joint         whatever is nearest
    cross-modal   half of a point's neighbours are its nearest images and half its nearest captions, each
                  half with its own scale of distances; by one scale the nearer modality alone would count
    centred       each modality's mean is taken away and the rows made unit again; then whatever is nearest
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.exploration.indexes.flat import exact
from backend.reporting import Report, silent
from backend.schemas import NeighbourGraph

#: neighbours that are searched once and then do for every smaller number
USUAL: Final = 50
_PRODUCTS: Final = 20_000_000_000  # multiplications between two reports, about half a second
_LEAST: Final = 16

Vectors = NDArray[np.float32]


class Block(NamedTuple):
    """The nearest of every point among one modality or all, nearest first, the point itself left out.

    Attributes:
        rows: (n, k) int32 into the points.
        distances: (n, k) float32, 1 - cosine.
    """

    rows: NDArray[np.int32]
    distances: NDArray[np.float32]


class Graph(NamedTuple):
    """Neighbours as UMAP takes them: the point itself in column 0 at distance 0, then the nearest first.

    Attributes:
        rows: (n, 1 + k) int32.
        distances: (n, 1 + k) float32: 1 - cosine, or within each modality's own scale.
    """

    rows: NDArray[np.int32]
    distances: NDArray[np.float32]


def nearest(
    vectors: Vectors, images: int, kind: NeighbourGraph, neighbours: int, report: Report = silent
) -> tuple[Block, ...]:
    """The blocks that a graph is made of: one, or one a modality.

    Args:
        vectors: (n, d) unit rows, images before captions.
        images: how many of the rows are images.
        kind: see above.
        neighbours: k, of all blocks together.
        report: told points searched; may raise ``Cancelled``.
    """
    n = len(vectors)
    if kind == "centred":
        vectors = centred(vectors, images)
    if kind != "cross-modal":
        return (_block(vectors, 0, n, neighbours, report),)
    half = (neighbours + 1) // 2
    sides = [side for side in ((0, images), (images, n)) if side[1] - side[0] > 1]
    parts = [_part(report, place, len(sides)) for place in range(len(sides))]
    return tuple(
        _block(vectors, *side, half, part) for side, part in zip(sides, parts, strict=True)
    )


def graph(blocks: tuple[Block, ...], neighbours: int) -> Graph:
    """The graph of so many neighbours; of two blocks half of each."""
    rows, distances = blocks[0].rows[:, :neighbours], blocks[0].distances[:, :neighbours]
    if len(blocks) > 1:
        shares = (neighbours // 2, neighbours - neighbours // 2)
        cut = [
            (block.rows[:, :share], _own_scale(block.distances[:, :share]))
            for block, share in zip(blocks, shares, strict=True)
        ]
        rows = np.concatenate([part[0] for part in cut], axis=1)
        distances = np.concatenate([part[1] for part in cut], axis=1)
        order = np.argsort(distances, axis=1, kind="stable")
        rows = np.take_along_axis(rows, order, axis=1)
        distances = np.take_along_axis(distances, order, axis=1)
    own = np.arange(len(rows), dtype=np.int32)[:, None]
    return Graph(
        np.ascontiguousarray(np.concatenate([own, rows], axis=1)),
        np.concatenate([np.zeros((len(rows), 1), np.float32), distances], axis=1),
    )


def centred(vectors: Vectors, images: int) -> Vectors:
    """Unit rows after each modality's mean is taken away; a row that was the mean stays as it was."""
    moved = vectors.copy()
    for part in (moved[:images], moved[images:]):
        if len(part) > 1:
            part -= part.mean(axis=0)
    length = np.linalg.norm(moved, axis=1, keepdims=True)
    gone = length[:, 0] < 1e-6
    moved[gone], length[gone] = vectors[gone], 1.0
    moved /= length
    return moved


def _block(vectors: Vectors, start: int, stop: int, k: int, report: Report) -> Block:
    """The k nearest of every row among the rows from ``start`` to ``stop``."""
    n, side = len(vectors), np.ascontiguousarray(vectors[start:stop], np.float32)
    k, step = min(k, len(side) - 1), max(_LEAST, _PRODUCTS // side.size)
    rows, distances = np.empty((n, k), np.int32), np.empty((n, k), np.float32)
    for first in range(0, n, step):
        report(first, n, "points")
        last = min(n, first + step)
        found, cosines = exact(side, vectors[first:last], k + 1)
        found = found + start
        # the point itself is put last and cut off; where equal ones crowded it out, or it is not of this
        # side, the farthest is
        order = np.argsort(found == np.arange(first, last)[:, None], axis=1, kind="stable")[:, :k]
        rows[first:last] = np.take_along_axis(found, order, axis=1)
        distances[first:last] = 1 - np.take_along_axis(cosines, order, axis=1)
    report(n, n, "points")
    return Block(rows, np.maximum(distances, 0))


def _own_scale(distances: NDArray[np.float32]) -> NDArray[np.float32]:
    """From 1 at the nearest; 2 is the mean of the others."""
    beyond = distances - distances[:, :1]
    mean = beyond[:, 1:].mean(axis=1, keepdims=True) if beyond.shape[1] > 1 else beyond
    scale: NDArray[np.float32] = (1 + beyond / np.where(mean > 0, mean, 1)).astype(np.float32)
    return scale


def _part(report: Report, place: int, parts: int) -> Report:
    def tell(done: int, total: int, unit: str) -> None:
        report((place * total + done) // parts, total, unit)

    return tell
