"""Neighbour graphs, against all distances at once; the fuzzy graph, against umap-learn's own."""

from __future__ import annotations

import numpy as np
import pytest

from backend.errors import Cancelled
from backend.exploration.layouts import graphs
from backend.exploration.layouts.fuzzy import fuzzy_graph
from backend.exploration.layouts.graphs import Graph, centred, graph, nearest
from backend.schemas import NeighbourGraph

IMAGES, CAPTIONS, D = 40, 90, 12
N = IMAGES + CAPTIONS


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Two modalities with a gap between them."""
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(N, D))
    rows[IMAGES:] += 3 * draw.normal(size=D)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def loop(vectors: np.ndarray, among: range, k: int) -> list[set[int]]:
    """The k nearest of every row among some rows, itself left out."""
    found = []
    for row in range(len(vectors)):
        others = [other for other in among if other != row]
        found.append(
            set(sorted(others, key=lambda other: -float(vectors[row] @ vectors[other]))[:k])
        )
    return found


def test_a_joint_graph_has_whatever_is_nearest(vectors: np.ndarray) -> None:
    made = graph(nearest(vectors, IMAGES, "joint", 50), 7)
    assert made.rows.shape == made.distances.shape == (N, 8)
    np.testing.assert_array_equal(made.rows[:, 0], np.arange(N))
    assert (made.distances[:, 0] == 0).all() and (np.diff(made.distances, axis=1) >= 0).all()
    assert [set(row) for row in made.rows[:, 1:].tolist()] == loop(vectors, range(N), 7)
    cosines = np.take_along_axis(vectors @ vectors.T, made.rows[:, 1:], axis=1)
    np.testing.assert_allclose(made.distances[:, 1:], 1 - cosines, atol=1e-5)


@pytest.mark.parametrize("neighbours", [6, 9])
def test_a_cross_modal_graph_has_half_of_each_modality(
    vectors: np.ndarray, neighbours: int
) -> None:
    made = graph(nearest(vectors, IMAGES, "cross-modal", 50), neighbours)
    half = neighbours // 2
    np.testing.assert_array_equal(made.rows[:, 0], np.arange(N))
    assert (np.diff(made.distances, axis=1) >= 0).all()
    found = [set(row) for row in made.rows[:, 1:].tolist()]
    images, captions = range(IMAGES), range(IMAGES, N)
    wanted = zip(
        loop(vectors, images, half), loop(vectors, captions, neighbours - half), strict=True
    )
    assert found == [one | other for one, other in wanted]


def test_either_modality_counts_as_much_however_far_it_is(vectors: np.ndarray) -> None:
    made = graph(nearest(vectors, IMAGES, "cross-modal", 50), 8)
    others = made.rows[:, 1:]
    across = (others < IMAGES) != (np.arange(N) < IMAGES)[:, None]
    own, other = made.distances[:, 1:][~across], made.distances[:, 1:][across]
    assert own.mean() == pytest.approx(other.mean(), rel=1e-5)
    # the nearest of each modality are at 1 and the mean of its others at 2
    assert made.distances[:, 1:3] == pytest.approx(1) and other.mean() == pytest.approx(1.75)


def test_a_centred_graph_is_joint_once_each_mean_is_gone(vectors: np.ndarray) -> None:
    moved = np.concatenate(
        [part - part.mean(axis=0) for part in (vectors[:IMAGES], vectors[IMAGES:])]
    )
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    np.testing.assert_allclose(centred(vectors, IMAGES), moved, atol=1e-6)
    made = graph(nearest(vectors, IMAGES, "centred", 50), 7)
    assert [set(row) for row in made.rows[:, 1:].tolist()] == loop(moved, range(N), 7)
    mixed = [
        (np.asarray(found.rows[:, 1:] < IMAGES) != (np.arange(N) < IMAGES)[:, None]).mean()
        for found in (graph(nearest(vectors, IMAGES, "joint", 50), 7), made)
    ]
    assert mixed[0] < 0.1 and mixed[1] > 0.3  # the gap hid what lies near across it


def test_the_neighbours_of_fewer_are_among_those_of_more(vectors: np.ndarray) -> None:
    kinds: tuple[NeighbourGraph, ...] = ("joint", "cross-modal", "centred")
    for kind in kinds:
        blocks = nearest(vectors, IMAGES, kind, 50)
        one, other = graph(blocks, 10), graph(nearest(vectors, IMAGES, kind, 10), 10)
        np.testing.assert_array_equal(one.rows, other.rows)
        np.testing.assert_array_equal(one.distances, other.distances)


def test_equal_points_keep_themselves_in_the_first_column() -> None:
    rows = np.full((30, 4), 0.5, np.float32)
    made = graph(nearest(rows, 10, "cross-modal", 6), 6)
    np.testing.assert_array_equal(made.rows[:, 0], np.arange(30))
    assert all(len(set(row)) == 7 for row in made.rows.tolist())
    assert np.isfinite(centred(rows, 10)).all()


@pytest.mark.parametrize("images", [0, 1, 3])
def test_a_side_of_hardly_any_points_takes_what_there_is(vectors: np.ndarray, images: int) -> None:
    made = graph(nearest(vectors, images, "cross-modal", 50), 8)
    assert len(made.rows) == N and all(len(set(row)) == len(row) for row in made.rows.tolist())


def test_searching_tells_how_far_it_is_and_can_be_stopped(
    vectors: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "_PRODUCTS", 0)
    told: list[tuple[int, int, str]] = []
    nearest(vectors, IMAGES, "cross-modal", 8, lambda *each: told.append(each))
    assert [each[0] for each in told] == sorted(each[0] for each in told)
    assert told[0] == (0, N, "points") and told[-1] == (N, N, "points")

    def stop(done: int, total: int, unit: str) -> None:
        if done > N // 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        nearest(vectors, IMAGES, "joint", 8, stop)


@pytest.mark.parametrize("kind", ["joint", "cross-modal", "equal"])
def test_the_fuzzy_graph_is_that_of_umap_learn(
    vectors: np.ndarray, kind: NeighbourGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    from umap import umap_

    for name in ("smooth_knn_dist", "compute_membership_strengths"):
        # as it is written: to compile it takes longer than this file's tests together
        monkeypatch.setattr(umap_, name, getattr(umap_, name).py_func)
    if kind == "equal":  # some points are the same, and some all alike
        rows = vectors.copy()
        rows[5:9], rows[50:70] = rows[5], rows[50]
        made = graph(nearest(rows, IMAGES, "joint", 10), 10)
    else:
        made = graph(nearest(vectors, IMAGES, kind, 10), 10)
    theirs, _, _, _ = umap_.fuzzy_simplicial_set(
        vectors, 11, np.random.RandomState(0), "cosine", knn_indices=made.rows,
        knn_dists=made.distances, return_dists=True,
    )  # fmt: skip
    np.testing.assert_allclose(fuzzy_graph(made).toarray(), theirs.toarray(), atol=1e-4)


def test_memberships_add_up_to_log2_of_the_neighbours() -> None:
    draw = np.random.default_rng(1)
    distances = np.sort(draw.uniform(0.1, 1, size=(50, 9)).astype(np.float32), axis=1)
    distances[:, 0] = 0
    rows = np.stack([np.roll(np.arange(50), -row)[:9] for row in range(50)]).astype(np.int32)
    directed = fuzzy_graph(Graph(rows, distances)).toarray()
    # a + b - a b, and the neighbours of these rows point one way round the circle alone
    np.testing.assert_allclose(directed.sum(axis=1) / 2, np.log2(9), rtol=0.4)
    np.testing.assert_allclose(directed, directed.T, atol=1e-7)
