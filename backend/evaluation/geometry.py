"""The geometry of a shared space, measured on unit embeddings of held-out pairs.

    modality gap      length of mean(u) - mean(v) (Liang et al. 2022); says nothing about retrieval
    alignment         mean |u - v|^2 over pairs; uniformity  log mean exp(-2 |a - b|^2) over different
                      items of a side, or over items of both sides that are no pair (Wang & Isola 2020)
    hubness           skewness of N_k, how often an item is among the k nearest of the other side's items
                      (Radovanovic et al. 2010)
    effective rank    exp of the entropy of the singular values' shares (Roy & Vetterli 2007), of the
                      centred embeddings, since a mean offset is the gap's business
    trustworthiness   whether the head's neighbours were the frozen encoder's; continuity  whether the
                      encoder's neighbours are still the head's (Venna & Kaski 2001), Euclidean on both

Everything is formed in blocks of rows and holds no n x n matrix. Of large splits some rows are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.schemas import GeometryReport, SideGeometry

NEIGHBOURS: Final = 10
#: items of a side; fewer have no neighbourhoods
LEAST: Final = 5
#: rows of a side that are measured; the cost grows with their square
MOST: Final = 2000
_VALUES: Final = 2**24  # of a side's rows; a space of anchors has tens of thousands of dimensions
_TEMPERATURE: Final = 2.0  # t of Wang & Isola
_TIE: Final = 1e-9  # squared distances that differ by less differ by rounding
_CELLS: Final = 2**22  # distances held at once

Rows = NDArray[np.float64]


def geometry(
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    image_of_text: NDArray[np.int64],
    image_features: NDArray[np.float32] | None = None,
    text_features: NDArray[np.float32] | None = None,
    k: int = NEIGHBOURS,
) -> GeometryReport:
    """All of it, of one split.

    Args:
        image: (n, d) unit rows, at least :data:`LEAST`.
        text: (m, d) unit rows, at least :data:`LEAST`.
        image_of_text: (m,) row of the image that a caption describes.
        image_features, text_features: what the frozen encoders gave for the same rows, (n, D) and
            (m, E); None where there is no one vector an item.
        k: neighbours looked at; fewer where a side is small.
    """
    first, second = image.astype(np.float64), text.astype(np.float64)
    k = max(1, min(k, (min(len(first), len(second)) - 1) // 2))
    return GeometryReport(
        neighbours=k,
        dimension=first.shape[1],
        modality_gap=modality_gap(first, second),
        alignment=alignment(first, second, image_of_text),
        pair_cosine=float((first[image_of_text] * second).sum(axis=1).mean()),
        cross_uniformity=cross_uniformity(first, second, image_of_text),
        image=_side(first, second, image_features, k),
        text=_side(second, first, text_features, k),
    )


def measured_rows(dimension: int) -> int:
    """How many rows of a side are measured at most, in a space of so many dimensions."""
    return max(LEAST, min(MOST, _VALUES // dimension))


def drawn(
    images: int, image_of_text: NDArray[np.int64], seed: int, most: int = MOST
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """At most ``most`` images and as many of their captions, drawn by the seed.

    Returns:
        Rows of the images, rows of the captions, and for each of these captions the place of its
        image among these images.
    """
    draw = np.random.default_rng(seed)
    first = np.sort(draw.permutation(images)[:most])
    theirs = np.flatnonzero(np.isin(image_of_text, first))
    second = np.sort(draw.permutation(theirs)[:most])
    return first, second, np.searchsorted(first, image_of_text[second])


def modality_gap(image: Rows, text: Rows) -> float:
    """Length of the difference of the two sides' means; between 0 and 2 for unit rows."""
    return float(np.linalg.norm(image.mean(axis=0) - text.mean(axis=0)))


def alignment(image: Rows, text: Rows, image_of_text: NDArray[np.int64]) -> float:
    """Mean squared distance between a caption and its image; 0 is perfect."""
    return float(((image[image_of_text] - text) ** 2).sum(axis=1).mean())


def uniformity(rows: Rows) -> float:
    """log mean exp(-2 |a - b|^2) over all pairs of different rows; 0 where all are the same."""
    n = len(rows)
    total = sum(float(np.exp(-_TEMPERATURE * square).sum()) for _, square in _squares(rows, rows))
    return float(np.log((total - n) / (n * (n - 1))))


def cross_uniformity(image: Rows, text: Rows, image_of_text: NDArray[np.int64]) -> float:
    """The same over all images and captions that are no pair."""
    total = sum(float(np.exp(-_TEMPERATURE * square).sum()) for _, square in _squares(text, image))
    pairs = ((image[image_of_text] - text) ** 2).sum(axis=1)
    total -= float(np.exp(-_TEMPERATURE * pairs).sum())
    return float(np.log(total / (len(text) * (len(image) - 1))))


def effective_rank(rows: Rows) -> float:
    """How many dimensions the centred rows fill: between 1 and min(n - 1, d); 0 of equal rows."""
    centred = rows - rows.mean(axis=0)
    gram = centred @ centred.T if len(rows) < rows.shape[1] else centred.T @ centred
    squares = np.linalg.eigvalsh(gram)
    # what is below this is rounding, and all of it is where the rows are equal
    real = squares[squares > np.finfo(np.float64).eps * len(gram) * (rows**2).sum()]
    shares = np.sqrt(real) / np.sqrt(real).sum()
    return float(np.exp(-(shares * np.log(shares)).sum())) if len(real) else 0.0


def hubness(rows: Rows, queries: Rows, k: int) -> float | None:
    """Skewness of how often each row is among the k nearest of the queries; None where it has none.

    About 0 where every row is found about equally often; large where a few are found by everyone. Rows as
    far as the k-th share what places are left, so that equal captions are no hubs by their position.
    """
    counts = np.zeros(len(rows))
    for _, square in _squares(queries, rows):
        last = np.partition(square, k - 1, axis=1)[:, k - 1 : k]
        nearer, tied = square < last - _TIE, np.abs(square - last) <= _TIE
        left = k - nearer.sum(axis=1, keepdims=True)
        counts += (nearer + tied * (left / tied.sum(axis=1, keepdims=True))).sum(axis=0)
    return skewness(counts)


def skewness(counts: Rows) -> float | None:
    """Third standardised moment of (n,) counts; None where all are the same."""
    centred = counts - counts.mean()
    spread = float(np.sqrt((centred**2).mean()))
    return float((centred**3).mean() / spread**3) if spread > _TIE * counts.mean() else None


def trustworthiness(
    original: Rows, embedded: Rows, k: int, some: NDArray[np.int64] | None = None
) -> float:
    """How many of the embedded rows' neighbours are neighbours among the original rows, too; 1 is all.

    1 - 2 / (n k (2 n - 3 k - 1)) sum over i, and over j that is among the k nearest of i embedded but
    not originally, of (rank of j from i originally - k). Euclidean. Continuity is the same with the
    arguments swapped. Equals scikit-learn's and STRUCTURE's where no distances are equal; of equal
    ones any may be taken, and their rank is that of the first.

    Args:
        original: (n, D).
        embedded: (n, d), the same items.
        k: less than n / 2.
        some: rows whose neighbours are looked at, among all; None for every row. The mean over i.
    """
    n, penalty = len(original), 0
    asked = np.arange(n) if some is None else some
    for (start, now), (_, before) in zip(
        _squares(embedded[asked], embedded), _squares(original[asked], original), strict=True
    ):
        lines = np.arange(len(now))
        own = asked[start : start + len(now)]
        now[lines, own] = before[lines, own] = np.inf
        nearest = np.argpartition(now, k - 1, axis=1)[:, :k]
        for place in range(k):
            reached = np.take_along_axis(before, nearest[:, place : place + 1], axis=1)
            rank = 1 + (before < reached).sum(axis=1)
            penalty += int(np.maximum(rank - k, 0).sum())
    return 1 - 2 * penalty / (len(asked) * k * (2 * n - 3 * k - 1))


def _side(rows: Rows, others: Rows, features: NDArray[np.float32] | None, k: int) -> SideGeometry:
    near = None
    if features is not None:
        before = features.astype(np.float64)
        near = trustworthiness(before, rows, k), trustworthiness(rows, before, k)
    return SideGeometry(
        items=len(rows),
        uniformity=uniformity(rows),
        effective_rank=effective_rank(rows),
        hubness=hubness(rows, others, k),
        trustworthiness=near[0] if near else None,
        continuity=near[1] if near else None,
    )


def _squares(rows: Rows, others: Rows) -> Iterator[tuple[int, Rows]]:
    """Squared distances of blocks of rows from all others, each with the place of its first row."""
    length = (others**2).sum(axis=1)
    step = max(1, _CELLS // max(1, len(others)))
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        square = (block**2).sum(axis=1)[:, None] + length - 2 * (block @ others.T)
        yield start, np.maximum(square, 0.0)
