"""How far a layout can be believed: whether neighbours on the map are neighbours in the space."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.geometry import trustworthiness
from backend.exploration.indexes.flat import exact
from backend.reporting import Report, silent

NEIGHBOURS: Final = 10
#: points whose neighbours are looked at, among all
JUDGED: Final = 2000
#: numbers of the vectors that are held as float64; of wider spaces the points are held against fewer
_VALUES: Final = 2**26
_PRODUCTS: Final = 5_000_000_000  # multiplications between two reports, about half a second
_LEAST: Final = 10


class Quality(NamedTuple):
    """See :class:`backend.schemas.MapView`."""

    trustworthiness: float
    neighbours_kept: float
    judged: int


def judge(
    vectors: NDArray[np.float32],
    coordinates: NDArray[np.float32],
    judged: int = JUDGED,
    seed: int = 0,
    report: Report = silent,
) -> Quality | None:
    """Measured at some points, drawn by the seed, against all; None where there are too few.

    Args:
        vectors: (n, d) unit rows.
        coordinates: (n, 2) or (n, 3).
        judged: points at most.
        seed: of the draw.
        report: told points; may raise ``Cancelled``.
    """
    draw = np.random.default_rng(seed)
    most = max(judged, _VALUES // vectors.shape[1])
    if len(vectors) > most:
        some = np.sort(draw.permutation(len(vectors))[:most])
        vectors, coordinates = vectors[some], coordinates[some]
    n = len(vectors)
    if n <= 3 * NEIGHBOURS:
        return None
    rows = np.sort(draw.permutation(n)[:judged])
    before, after = vectors.astype(np.float64), coordinates.astype(np.float64)
    told, step = [], max(_LEAST, _PRODUCTS // before.size)
    for start in range(0, len(rows), step):
        report(start, len(rows), "points")
        part = rows[start : start + step]
        told.append(len(part) * trustworthiness(before, after, NEIGHBOURS, part))
    report(len(rows), len(rows), "points")
    return Quality(sum(told) / len(rows), _kept(vectors, coordinates, rows), len(rows))


def _kept(
    vectors: NDArray[np.float32], coordinates: NDArray[np.float32], rows: NDArray[np.int64]
) -> float:
    """Share of the nearest in space that are among the nearest on the map."""
    from scipy.spatial import cKDTree

    in_space = exact(vectors, vectors[rows], NEIGHBOURS + 1)[0]
    on_map = cKDTree(coordinates).query(coordinates[rows], NEIGHBOURS + 1)[1]
    shared = [
        len(np.intersect1d(_others(near, row), _others(drawn, row)))
        for row, near, drawn in zip(rows, in_space, on_map, strict=True)
    ]
    return float(np.mean(shared)) / NEIGHBOURS


def _others(found: NDArray[np.int64], row: int) -> NDArray[np.int64]:
    others: NDArray[np.int64] = found[found != row][:NEIGHBOURS]
    return others
