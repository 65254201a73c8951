"""What changes between two shared spaces of the same items: how many of each one's nearest stay the same.

    kept(point) = |nearest k in the first space and nearest k in the second| / k

among the points of the other modality, as retrieval searches them, or of both, k of each, the point itself
left out. A random order would keep k / n. Search is exact, a piece at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from backend.exploration.points import Drawn
from backend.reporting import Report, silent

#: whose nearest are held against each other
Among = Literal["other", "both"]

#: scores between two reports
_SCORES: Final = 200_000_000

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]


class Space(NamedTuple):
    """Unit rows of a space: images (n, d) and captions (m, d)."""

    image: Vectors
    text: Vectors


def neighbours_kept(
    first: Space,
    second: Space,
    asked: Drawn,
    k: int,
    among: Among = "other",
    report: Report = silent,
) -> NDArray[np.float32]:
    """(len(asked),) share of nearest that both spaces have in common, 0 to 1.

    Args:
        first, second: the same items in the same rows.
        asked: which points are asked about.
        k: nearest of each modality; fewer where there are fewer.
        among: the points of the other modality, or of both.
        report: told points done.
    """
    total, done = len(asked), 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        report(done, total, "points")

    found = []
    for side, rows in (("image", asked.image), ("text", asked.text)):
        other = "text" if side == "image" else "image"
        shares = [_shares(first, second, side, other, rows, k, tell)]
        if among == "both":
            shares.append(_shares(first, second, side, side, rows, k, lambda more: None))
        found.append(np.mean(shares, axis=0))
    return np.concatenate(found).astype(np.float32)


def chance_kept(images: int, captions: int, k: int, asked: Drawn, among: Among = "other") -> float:
    """The mean share that random orders keep.

    Args:
        images, captions: that are searched.
        k, asked, among: as :func:`neighbours_kept` takes them.
    """
    at_random = {"image": min(1.0, k / images), "text": min(1.0, k / captions)}
    # one's own modality has one point fewer to find: the point itself
    itself = {"image": min(1.0, k / max(1, images - 1)), "text": min(1.0, k / max(1, captions - 1))}
    total = 0.0
    for side, count in (("image", len(asked.image)), ("text", len(asked.text))):
        other = at_random["text" if side == "image" else "image"]
        total += count * (other if among == "other" else (other + itself[side]) / 2)
    return total / max(1, len(asked))


def _shares(
    first: Space,
    second: Space,
    side: str,
    target: str,
    rows: Rows,
    k: int,
    tell: Callable[[int], None],
) -> NDArray[np.float64]:
    """(len(rows),) share of the k nearest of a modality that both spaces have in common."""
    size = len(getattr(first, target))
    step = max(64, _SCORES // max(1, size))
    shares = np.zeros(len(rows))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        one, other = (_nearest(space, side, target, some, k) for space in (first, second))
        shares[start : start + len(some)] = _common(one, other)
        tell(len(some))
    return shares


def _nearest(space: Space, side: str, target: str, rows: Rows, k: int) -> Rows:
    """(len(rows), k) rows of a modality nearest to each, itself left out."""
    queries: Vectors = np.ascontiguousarray(getattr(space, side)[rows])
    vectors: Vectors = getattr(space, target)
    itself = side == target
    most = min(k + itself, len(vectors))
    found: Rows = faiss.knn(queries, vectors, most, metric=faiss.METRIC_INNER_PRODUCT)[1]
    if not itself:
        return found
    # the one asked about goes to the end; where equal ones crowded it out, the farthest does
    order = np.argsort(found == rows[:, None], axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)[:, : most - 1]


def _common(one: Rows, other: Rows) -> NDArray[np.float64]:
    """(n,) share of each row's values that are in both."""
    width = one.shape[1]
    if width == 0:
        return np.ones(len(one))
    both = np.sort(np.concatenate([one, other], axis=1), axis=1)
    # within one row's nearest none comes twice, so equal neighbours are one of each
    common: NDArray[np.float64] = (both[:, 1:] == both[:, :-1]).sum(axis=1) / width
    return common
