"""Procrustes against SciPy's, and points placed between others against loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.spatial

from backend.exploration.layouts.fitting import procrustes
from backend.exploration.layouts.graphs import Graph
from backend.exploration.layouts.placing import NEAREST, barycentre, filled, place
from backend.schemas import NeighbourGraph
from tests.unit.exploration.made import make_gallery


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_moved_map_is_brought_back(dimensions: int, mirrored: bool) -> None:
    draw = np.random.default_rng(dimensions)
    fixed = draw.normal(size=(40, dimensions)).astype(np.float32)
    turn, _ = np.linalg.qr(draw.normal(size=(dimensions, dimensions)))
    if (np.linalg.det(turn) < 0) != mirrored:
        turn[:, 0] *= -1
    moving = (3 * fixed @ turn + 7).astype(np.float32)
    np.testing.assert_allclose(procrustes(moving, fixed)(moving), fixed, atol=1e-5)


def test_what_is_left_is_what_scipy_leaves() -> None:
    draw = np.random.default_rng(0)
    fixed = draw.normal(size=(50, 2)).astype(np.float32)
    moving = (fixed @ draw.normal(size=(2, 2)) + 0.5 * draw.normal(size=(50, 2))).astype(np.float32)
    _, _, theirs = scipy.spatial.procrustes(fixed, moving)
    left = ((procrustes(moving, fixed)(moving) - fixed) ** 2).sum()
    spread = ((fixed - fixed.mean(axis=0)) ** 2).sum()
    assert left / spread == pytest.approx(theirs, rel=1e-5)


def test_a_fit_carries_over_to_other_points() -> None:
    fixed = np.array([[0, 0], [2, 0], [0, 2]], np.float32)
    fit = procrustes(fixed / 2 + 5, fixed)
    np.testing.assert_allclose(fit(np.array([[6, 6]], np.float32)), [[2, 2]], atol=1e-5)
    same = np.ones((3, 2), np.float32)
    np.testing.assert_allclose(procrustes(same, fixed)(same), [fixed.mean(axis=0)] * 3, atol=1e-6)


def test_a_query_lies_between_its_nearest_and_nearer_to_the_nearer() -> None:
    corners = np.array([[0, 0], [1, 0], [0, 1]], np.float32)
    np.testing.assert_allclose(barycentre(np.full(3, 0.5), corners), [1 / 3, 1 / 3], atol=1e-6)
    near = barycentre(np.array([0.9, 0.5, 0.5]), corners)
    assert near.sum() < 0.4 and near[0] == pytest.approx(near[1])
    np.testing.assert_allclose(barycentre(np.array([0.3]), corners[1:2]), [1, 0])


@pytest.mark.parametrize("graph", ["joint", "cross-modal", "centred"])
def test_a_query_is_placed_as_the_graph_understands_nearness(
    tmp_path: Path, graph: NeighbourGraph
) -> None:
    gallery = make_gallery(tmp_path)
    image, text, _ = gallery.embedded()
    points = np.r_[0:20, 30:70].astype(np.int32)  # a part of both sides
    places = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    query = text[3]
    landed = place(gallery, points, places, graph, query, told=1.0)

    sides = [image[:20], text[:40]]
    if graph == "centred":
        means = [side.mean(axis=0) for side in sides]
        sides = [side - mean for side, mean in zip(sides, means, strict=True)]
        sides = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
        query = query - means[1]
        query = query / np.linalg.norm(query)
    scores = [side @ query for side in sides]
    if graph == "cross-modal":
        blocks = [
            [(score, first + row) for row, score in enumerate(each)]
            for first, each in ((0, scores[0]), (20, scores[1]))
        ]
        best = [sorted(block, reverse=True)[: NEAREST // 2] for block in blocks]
    else:
        best = [sorted(zip(np.concatenate(scores), range(60), strict=True), reverse=True)[:NEAREST]]
    wanted = np.mean(
        [
            barycentre(np.array([score for score, _ in each]), places[[row for _, row in each]])
            for each in best
        ],
        axis=0,
    )
    np.testing.assert_allclose(landed, wanted, atol=1e-4)


def test_points_that_the_other_map_lacks_lie_between_those_it_has() -> None:
    #  0 - 1 - 2 - 3   4: 0 and 3 are known, 1 and 2 see one of them and each other, 4 nobody
    rows = np.array([[0, 1, 2], [1, 0, 2], [2, 3, 1], [3, 2, 1], [4, 4, 4]], np.int32)
    near = Graph(rows, np.ones(rows.shape, np.float32))
    places = np.array([[0, 0], [9, 9], [9, 9], [4, 2], [9, 9]], np.float32)
    known = np.array([True, False, False, True, False])
    wanted = [[0, 0], [0, 0], [4, 2], [4, 2], [2, 1]]
    np.testing.assert_allclose(filled(places, known, near), wanted)
    # one step further: 2 sees nobody that is known until 1 was placed
    rows[2] = [2, 1, 1]
    np.testing.assert_allclose(filled(places, known, near)[2], [0, 0])
