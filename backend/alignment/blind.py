"""mini-vec2vec's steps: a linear map between two spaces from unpaired rows (Dar 2025, arXiv 2510.02348).

Centred rows of length one in, of the same width on both sides. What both sides must share is the shape of
their clouds: which groups there are and how near they lie to each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.cluster import kmeans_plusplus

from backend.alignment.closed_form import turn
from backend.alignment.moments import Matrix, unit
from backend.reporting import Report, silent

_CELLS: Final = 2**22  # similarities held at once
_LLOYD: Final = 100  # most steps of k-means
_TRIES: Final = 5  # starts of k-means
_CLUSTERED: Final = 4000  # most rows that are clustered for one matching


def matched_centroids(
    x: Matrix,
    y: Matrix,
    clusters: int,
    restarts: int,
    generator: np.random.Generator,
    on_wait: Callable[[], None],
) -> tuple[Matrix, Matrix, float]:
    """Clusters both sides and matches the clusters by their similarities within each side.

    Args:
        x, y: (n, d) and (m, d), centred rows of length one.
        clusters: on each side.
        restarts: starts of the matching, see :func:`assignment`.
        on_wait: called every few tenths of a second.

    Returns:
        (clusters, d) centroids of x, those of y in the matching order, and the objective as a share of
        the most that it could be (1 where the two Gram matrices are the same up to order).
    """
    first, second = (_clustered(rows, clusters, generator, on_wait) for rows in (x, y))
    gram_x, gram_y = _centred_gram(first), _centred_gram(second)
    order, value = assignment(gram_x, gram_y, restarts, generator)
    on_wait()
    most = float(np.linalg.norm(gram_x) * np.linalg.norm(gram_y))
    return first, second[order], value / most if most > 0 else 0.0


def assignment(
    first: Matrix, second: Matrix, restarts: int, generator: np.random.Generator
) -> tuple[NDArray[np.int64], float]:
    """Quadratic assignment: the order p that makes sum_ij first_ij second_p(i)p(j) large.

    2-opt as in scipy.optimize.quadratic_assignment, but of all exchanges of two the best one is made,
    from all starts at once: a hundred starts cost what one costs there, and it takes that many to find
    the best order of twenty.

    Args:
        first, second: (k, k) symmetric.
        restarts: random orders to start from.

    Returns:
        (k,) the best order found, and its objective.
    """
    size = len(first)
    orders = np.stack([generator.permutation(size) for _ in range(restarts)])
    own = np.diag(first)
    least = 1e-12 * float(np.linalg.norm(first) * np.linalg.norm(second))
    while True:
        moved = second[orders[:, :, None], orders[:, None, :]]
        gain = _exchange_gains(first, own, moved).reshape(restarts, -1)
        best = gain.argmax(axis=1)
        better = np.flatnonzero(gain[np.arange(restarts), best] > least)
        if len(better) == 0:
            break
        one, other = np.divmod(best[better], size)
        orders[better, one], orders[better, other] = orders[better, other], orders[better, one]
    values = np.einsum("ij,rij->r", first, moved)
    return orders[values.argmax()], float(values.max())


def _exchange_gains(first: Matrix, own: Matrix, moved: Matrix) -> Matrix:
    """(starts, k, k): what exchanging r and s adds to sum_ij first_ij moved_ij.

    2 sum_j (A_rj - A_sj)(B_sj - B_rj) without j = r and j = s, and what the two diagonals give.
    """
    product = first @ moved
    diagonal = np.einsum("rii->ri", product)
    kept = np.einsum("rii->ri", moved)
    everything = product + product.transpose(0, 2, 1) - diagonal[:, :, None] - diagonal[:, None, :]
    at_r = (own[:, None] - first) * (moved - kept[:, :, None])
    at_s = (first - own[None, :]) * (kept[:, None, :] - moved)
    ends = (own[:, None] - own[None, :]) * (kept[:, None, :] - kept[:, :, None])
    gains: Matrix = 2 * (everything - at_r - at_s) + ends
    return gains


def matched_rows(
    x: Matrix, y: Matrix, anchors_x: Matrix, anchors_y: Matrix, neighbours: int, report: Report
) -> Matrix:
    """For each row of x the mean of the rows of y that are most alike by similarities to matched anchors."""
    relative_x, relative_y = (
        unit(unit(rows) @ unit(anchors).T) for rows, anchors in ((x, anchors_x), (y, anchors_y))
    )
    return _nearest_mean(relative_x, relative_y, y, neighbours, report)


def refined_by_neighbours(
    x: Matrix,
    y: Matrix,
    weight: Matrix,
    iterations: int,
    sample: int,
    neighbours: int,
    smoothing: float,
    generator: np.random.Generator,
    report: Report,
) -> Matrix:
    """Repeats: map some rows, average their nearest rows of y, solve Procrustes, move some way towards it."""
    for number in range(iterations):
        report(number, iterations, "refinements")
        rows = x[generator.permutation(len(x))[:sample]]
        targets = _nearest_mean(unit(rows @ weight), y, y, neighbours, silent)
        weight = _towards(weight, rows, targets, smoothing)
    report(iterations, iterations, "refinements")
    return weight


def refined_by_clusters(
    x: Matrix,
    y: Matrix,
    weight: Matrix,
    clusters: int,
    smoothing: float,
    generator: np.random.Generator,
    on_wait: Callable[[], None],
) -> Matrix:
    """Clusters x, starts the clusters of y from the mapped centroids, solves Procrustes between the two."""
    first = _settled(x, x[generator.permutation(len(x))[:clusters]], on_wait)
    second = _settled(y, first @ weight, on_wait)
    return _towards(weight, first, second, smoothing)


def rotation(source: Matrix, target: Matrix) -> Matrix:
    """(d, d): the rotation or reflection that brings rows of one nearest to rows of the other."""
    left, _, right = turn(source.T @ target)
    result: Matrix = left @ right
    return result


def agreement(x: Matrix, y: Matrix, weight: Matrix, report: Report) -> float:
    """Mean cosine of mapped rows with the nearest row of the other side; told without any pair."""
    mapped = unit(x @ weight)
    nearest = _nearest_mean(mapped, y, y, 1, report)
    return float((mapped * nearest).sum(axis=1).mean())


def _towards(weight: Matrix, source: Matrix, target: Matrix, smoothing: float) -> Matrix:
    result: Matrix = (1 - smoothing) * weight + smoothing * rotation(source, target)
    return result


def _clustered(
    rows: Matrix, clusters: int, generator: np.random.Generator, on_wait: Callable[[], None]
) -> Matrix:
    """Centroids of some rows, the tightest of a few tries: both sides have to find the same groups."""
    some = rows[generator.permutation(len(rows))[:_CLUSTERED]]
    tries = [_settled(some, _spread(some, clusters, generator), on_wait) for _ in range(_TRIES)]
    return min(tries, key=lambda centres: _looseness(some, centres))


def _looseness(rows: Matrix, centres: Matrix) -> float:
    """Sum of squared distances to the nearest centre, less what does not depend on the centres."""
    nearness = rows @ centres.T - np.square(centres).sum(axis=1) / 2
    return -2 * float(nearness.max(axis=1).sum())


def _spread(rows: Matrix, clusters: int, generator: np.random.Generator) -> Matrix:
    """Rows to start from, far from each other (k-means++)."""
    starts, _ = kmeans_plusplus(
        rows.astype(np.float32), clusters, random_state=int(generator.integers(2**31))
    )
    return np.asarray(starts, np.float64)


def _settled(rows: Matrix, centres: Matrix, on_wait: Callable[[], None]) -> Matrix:
    """k-means from given centres (Lloyd); one that no row is nearest to stays where it is."""
    labels = np.full(len(rows), -1)
    narrow = rows.astype(np.float32)
    for _ in range(_LLOYD):
        on_wait()
        nearness = narrow @ centres.T.astype(np.float32)
        nearness -= np.square(centres).sum(axis=1).astype(np.float32) / 2
        now = nearness.argmax(axis=1)
        if np.array_equal(now, labels):
            break
        labels = now
        ones = np.ones(len(rows))
        members = csr_array((ones, (labels, np.arange(len(rows)))), shape=(len(centres), len(rows)))
        sizes = np.bincount(labels, minlength=len(centres))[:, None]
        centres = np.where(sizes > 0, (members @ rows) / np.maximum(sizes, 1), centres)
    return centres


def _centred_gram(centroids: Matrix) -> Matrix:
    centred = centroids - centroids.mean(axis=0)
    gram: Matrix = centred @ centred.T
    return gram


def _nearest_mean(
    queries: Matrix, keys: Matrix, values: Matrix, neighbours: int, report: Report
) -> Matrix:
    """Mean of the values whose keys have the largest dot products with each query."""
    kept = min(neighbours, len(keys))
    narrow = keys.T.astype(np.float32)
    result = np.empty((len(queries), values.shape[1]))
    step = max(1, _CELLS // len(keys))
    for start in range(0, len(queries), step):
        report(start, len(queries), "rows")
        scores = queries[start : start + step].astype(np.float32) @ narrow
        nearest = np.argpartition(scores, len(keys) - kept, axis=1)[:, len(keys) - kept :]
        share = np.full(nearest.size, 1 / kept)
        ends = np.arange(0, nearest.size + 1, kept)
        mean = csr_array((share, nearest.ravel(), ends), shape=(len(nearest), len(keys)))
        result[start : start + step] = mean @ values
    return result
