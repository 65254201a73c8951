"""Galleries that move: one frame for all stops, positions and figures against what is known otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from backend.alignment.base import Alignment
from backend.alignment.heads import HeadConfig, build_head
from backend.alignment.pairs import PairedFeatures
from backend.evaluation.gap import moved, offset
from backend.evaluation.retrieval import mean_recall
from backend.exploration.moving import (
    gap_plane,
    measured,
    places,
    retrieval,
    through_gap,
)
from backend.exploration.plane import Plane
from backend.exploration.points import Drawn
from tests.unit.alignment.pairs_of import pairs

PAIRS = pairs(40, 3)


def heads(seed: int) -> Alignment:
    import torch

    made = {}
    for side, width in (("image", 24), ("text", 16)):
        made[side] = build_head(HeadConfig("linear", width, 9))
        made[side].initialise(torch.Generator().manual_seed(seed))
    return Alignment("linear-infonce", made, {})


def embedded(alignment: Alignment, of: PairedFeatures = PAIRS) -> tuple[np.ndarray, np.ndarray]:
    return alignment.transform("image", of.image), alignment.transform("text", of.text)


def test_the_plane_is_that_of_another_pca_up_to_signs() -> None:
    vectors = np.concatenate(embedded(heads(0)))
    plane = Plane.of(vectors)
    other = PCA(2, svd_solver="full").fit(vectors)
    flat = plane.flat(vectors)
    along = np.abs(plane.axes.T @ other.components_.T)
    np.testing.assert_allclose(along, np.eye(2), atol=1e-4)
    theirs = other.transform(vectors) * np.sign(np.diag(plane.axes.T @ other.components_.T))
    np.testing.assert_allclose(flat * plane.reach + plane.middle, theirs, atol=1e-4)
    np.testing.assert_allclose(np.median(flat, axis=0), 0, atol=1e-5)
    assert np.quantile(np.abs(flat), 0.995) == pytest.approx(1, abs=1e-3)


def test_signs_do_not_flip_and_a_line_stays_a_line() -> None:
    vectors = np.concatenate(embedded(heads(0)))
    again = Plane.of(vectors[np.random.default_rng(0).permutation(len(vectors))])
    np.testing.assert_allclose(again.axes, Plane.of(vectors).axes, atol=1e-5)
    line = np.array([[1.0], [-1.0], [1.0]], np.float32)
    assert Plane.of(line).flat(line)[:, 1].tolist() == [0, 0, 0]
    same = np.ones((4, 3), np.float32)
    assert np.isfinite(Plane.of(same).flat(same)).all()


def test_points_stand_where_their_embeddings_do_in_one_frame() -> None:
    final, before = heads(0), heads(1)
    plane = Plane.of(np.concatenate(embedded(final)))
    points = np.array([0, 7, 39, 40, 45, 159], np.int32)  # 40 images, then 120 captions
    drawn = Drawn.of(points, 40)
    assert drawn.image.tolist() == [0, 7, 39] and drawn.text.tolist() == [0, 5, 119]
    for alignment in (final, before):
        every = plane.flat(np.concatenate(embedded(alignment)))
        np.testing.assert_allclose(places(alignment, PAIRS, drawn, plane), every[points], atol=1e-5)


def test_the_figures_are_those_of_the_report(tmp_path: Path) -> None:
    found = retrieval(heads(1), PAIRS)
    expected = mean_recall(*embedded(heads(1)), PAIRS.image_of_text)
    assert set(found) == {"text_to_image/recall_at_1", "image_to_text/recall_at_1"}
    assert found == pytest.approx({name: expected[name] for name in found})


def test_of_a_large_split_some_images_are_measured_with_their_own_captions() -> None:
    assert measured(PAIRS) is PAIRS
    some = measured(PAIRS, 11)
    assert len(some.image) == 11 and len(some.text) == 33
    image, text = np.array(PAIRS.image), np.array(PAIRS.text)
    for row, owner in enumerate(some.image_of_text):
        # the caption's row in the whole, and its image's
        (whole,) = np.flatnonzero((text == np.array(some.text)[row]).all(axis=1))
        expected = image[PAIRS.image_of_text[whole]]
        np.testing.assert_array_equal(np.array(some.image)[owner], expected)
    np.testing.assert_array_equal(np.array(some.image)[[0, -1]], image[[0, -1]])


def test_the_gap_closes_from_left_to_right_in_one_frame() -> None:
    image, text = embedded(heads(0))
    between = offset(image, text)
    vectors = np.concatenate([image, text])
    plane = gap_plane(vectors, between)
    xy = through_gap(image, text, between, (0.0, 0.5, 1.0), plane)
    np.testing.assert_array_equal(xy[0], plane.flat(vectors))
    half = np.concatenate(moved(image, text, between, 0.5))
    np.testing.assert_allclose(xy[1], plane.flat(half), atol=1e-6)
    # the whole distance of the means lies along the first axis, none of it along the second
    apart = np.stack([each[:40].mean(axis=0) - each[40:].mean(axis=0) for each in xy])
    reach = 1 / np.linalg.norm(plane.axes, axis=0)
    assert apart[0, 0] * reach[0] == pytest.approx(np.linalg.norm(between), rel=1e-4)
    assert apart[0, 1] * reach[1] == pytest.approx(0, abs=1e-5)
    assert apart[0, 0] > 1.5 * apart[1, 0] > 2 * 1.5 * abs(apart[2, 0])
    # each axis by itself: nearly all points lie within -1 to 1
    np.testing.assert_allclose(np.quantile(np.abs(xy[0]), 0.995, axis=0), 1, atol=1e-3)


def test_across_the_offset_the_largest_variance_is_drawn() -> None:
    image, text = embedded(heads(0))
    vectors, between = np.concatenate([image, text]), offset(image, text)
    across = gap_plane(vectors, between).axes[:, 1]
    along = between / np.linalg.norm(between)
    rest = vectors - np.outer(vectors @ along, along)
    other = PCA(1, svd_solver="full").fit(rest).components_[0]
    assert abs(other @ across) / np.linalg.norm(across) == pytest.approx(1, abs=1e-4)
    nothing = gap_plane(vectors, np.zeros(9))
    np.testing.assert_allclose(nothing.axes, Plane.of(vectors).axes)
