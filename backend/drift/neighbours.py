"""The nearest items of a modality, in an order that depends on nothing but the query.

Searching many queries at once and one alone differ in their last bits, and equal captions have equal
vectors: an index alone decides such ties by chance. A chain that is resumed in other company, or the
graph of all nearest neighbours, must find the same. So what an index finds is scored again in double
precision, row by row; of equal ones the lowest row comes first; and where the index may have cut equals
off, more is asked of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.schemas import Side

if TYPE_CHECKING:  # it imports FAISS
    from backend.exploration.indexes import VectorIndex

    Galleries: TypeAlias = Mapping[Side, VectorIndex]

#: cosines of float32 vectors are right to this
_SLACK: Final = 1e-5
_MORE: Final = 8  # asked for beyond what is wanted, so that most queries need no second search
_CELLS: Final = 2**23  # numbers of candidates that are searched for at once
_CACHED: Final = 2**17  # numbers of their vectors that are looked at together, a megabyte

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]
Cosines = NDArray[np.float64]


def nearest(
    index: VectorIndex,
    queries: Vectors,
    k: int,
    excluded: NDArray[np.bool_] | None = None,
    visited: Sequence[Sequence[int]] | None = None,
) -> tuple[Rows, Cosines]:
    """The k nearest rows of each query, and their cosines.

    Args:
        queries: (q, d) unit rows.
        excluded: (n,) rows that are found by no query.
        visited: rows that are not found by a query, for each.

    Returns:
        (q, k) rows, the nearest first, -1 where there are no more; (q, k) cosines, not a number there.
    """
    found = np.full((len(queries), k), -1, np.int64)
    cosines = np.full((len(queries), k), np.nan)
    # of what is found as large a share is left out as of all
    left_out = 0 if excluded is None else int(excluded.sum())
    asked = -(-(k + _MORE) * len(index) // max(1, len(index) - left_out))
    pending: Rows = np.arange(len(queries))
    while len(pending):
        asked = min(asked, len(index))
        block = max(1, _CELLS // (asked * queries.shape[1]))
        left = []
        for start in range(0, len(pending), block):
            some = pending[start : start + block]
            own = None if visited is None else [visited[row] for row in some]
            rows, exact, sure = _searched(index, queries[some], k, asked, excluded, own)
            width = rows.shape[1]
            found[some[sure], :width], cosines[some[sure], :width] = rows[sure], exact[sure]
            left.append(some[~sure])
        pending, asked = np.concatenate(left), 4 * asked
    return found, cosines


def _searched(
    index: VectorIndex,
    queries: Vectors,
    k: int,
    asked: int,
    excluded: NDArray[np.bool_] | None,
    visited: Sequence[Sequence[int]] | None,
) -> tuple[Rows, Cosines, NDArray[np.bool_]]:
    """The k best of what an index gives when it is asked for so many, and whether none can be missing."""
    rows, rough = index.search(queries, asked)
    exact = _scored(index.vectors(), rows, queries)
    barred = rows < 0
    if excluded is not None:
        barred |= excluded[rows]
    if visited is not None:
        for place, own in enumerate(visited):
            barred[place] |= np.isin(rows[place], own)
    exact[barred] = -np.inf
    order = np.lexsort((rows, -exact))[:, :k]
    rows = np.take_along_axis(rows, order, axis=1)
    exact = np.take_along_axis(exact, order, axis=1)
    sure = np.full(len(rows), asked >= len(index))
    if exact.shape[1] == k:
        sure |= rough[:, -1] < exact[:, -1] - _SLACK
    nothing = np.isneginf(exact)
    rows[nothing], exact[nothing] = -1, np.nan
    return rows, exact, sure


def _scored(vectors: Vectors, rows: Rows, queries: Vectors) -> Cosines:
    """(q, m) cosines of the queries with their rows, each summed by itself in double precision."""
    exact = np.empty(rows.shape)
    step = max(1, _CACHED // (rows.shape[1] * queries.shape[1]))
    for start in range(0, len(rows), step):
        some = slice(start, start + step)
        own = vectors[rows[some]].astype(np.float64)
        own *= queries[some, None]
        exact[some] = own.sum(axis=2)
    return exact
