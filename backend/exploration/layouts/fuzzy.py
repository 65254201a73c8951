"""UMAP's fuzzy graph (McInnes, Healy & Melville 2018, algorithms 2 and 3) by NumPy.

umap-learn has the same, compiled by Numba when it is first called: that takes as long as laying out ten
thousand points, and this takes a tenth of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from backend.exploration.layouts.graphs import Graph

if TYPE_CHECKING:
    from scipy.sparse import coo_matrix

_ROUNDS: Final = 64
_CLOSE: Final = 1e-5
#: a bandwidth is no smaller than this share of the mean distance
_LEAST: Final = 1e-3


def fuzzy_graph(graph: Graph) -> coo_matrix:
    """(n, n) memberships: of either point in the other's neighbourhood, joined by a + b - a b."""
    from scipy.sparse import coo_matrix

    n, k = graph.rows.shape
    nearest, width = _bandwidths(graph.distances)
    beyond = np.maximum(graph.distances[:, 1:] - nearest[:, None], 0)
    strength = np.exp(-beyond / width[:, None]).astype(np.float32)
    rows = np.repeat(np.arange(n, dtype=np.int32), k - 1)
    directed = coo_matrix((strength.ravel(), (rows, graph.rows[:, 1:].ravel())), (n, n)).tocsr()
    other = directed.T.tocsr()
    joined: coo_matrix = (directed + other - directed.multiply(other)).tocoo()
    return joined


def _bandwidths(
    distances: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Of each point: the distance of its nearest neighbour that is apart from it, and the width at which
    its neighbours' memberships add up to log2 of their number, the point itself counted."""
    apart = np.where(distances > 0, distances, np.inf).min(axis=1)
    nearest = np.where(np.isfinite(apart), apart, 0).astype(np.float32)
    beyond = np.maximum(distances[:, 1:] - nearest[:, None], 0)
    wanted = np.log2(distances.shape[1])
    width = np.ones(len(distances), np.float32)
    low, high = np.zeros_like(width), np.full_like(width, np.inf)
    open_ = np.arange(len(width))
    for _ in range(_ROUNDS):
        found = np.exp(-beyond[open_] / width[open_, None]).sum(axis=1)
        open_, found = (part[np.abs(found - wanted) >= _CLOSE] for part in (open_, found))
        if not len(open_):
            break
        wide, narrow = open_[found > wanted], open_[found <= wanted]
        high[wide], low[narrow] = width[wide], width[narrow]
        bounded = np.isfinite(high[open_])
        width[open_] = np.where(bounded, (low[open_] + high[open_]) / 2, width[open_] * 2)
    own = distances.mean(axis=1)
    return nearest, np.maximum(width, _LEAST * np.where(nearest > 0, own, distances.mean()))
