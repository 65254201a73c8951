"""Geometry against scikit-learn, STRUCTURE's own values, slow loops, and numbers known by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import skew
from sklearn.manifold import trustworthiness as reference

from backend.evaluation import geometry as module
from backend.evaluation.geometry import (
    alignment,
    cross_uniformity,
    drawn,
    effective_rank,
    geometry,
    hubness,
    measured_rows,
    modality_gap,
    trustworthiness,
    uniformity,
)
from backend.schemas import GeometryReport
from tests.unit.golden import arrays, assert_golden, unit


def spaces(seed: int, images: int = 40, captions: int = 3, dimension: int = 6):
    draw = np.random.default_rng(seed)
    owner = draw.permutation(np.repeat(np.arange(images), captions))
    image = unit(draw.normal(size=(images, dimension)) + 0.5)
    text = unit(image[owner] + 0.5 * draw.normal(size=(len(owner), dimension)))
    return image, text, owner


@pytest.mark.parametrize("k", [5, 10, 20])
def test_neighbourhoods_equal_the_published_code_and_scikit_learn(k: int) -> None:
    original, embedded = arrays()["s_x"], arrays()["s_ax"]
    mine = trustworthiness(original, embedded, k)
    assert_golden(mine, f"structure/trustworthiness/image/k{k}")
    assert_golden(trustworthiness(embedded, original, k), f"structure/continuity/image/k{k}")
    assert mine == pytest.approx(reference(original, embedded, n_neighbors=k), abs=1e-12)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    image, text, owner = spaces(0)
    draw = np.random.default_rng(1)
    features = draw.normal(size=(40, 9)), draw.normal(size=(120, 5))
    whole = geometry(image, text, owner, *features)
    monkeypatch.setattr(module, "_CELLS", 300)
    parts = geometry(image, text, owner, *features)
    assert flat(parts) == pytest.approx(flat(whole), rel=1e-9)


def flat(report: GeometryReport) -> dict[str, float]:
    """All its numbers by name."""
    values = report.model_dump()
    sides = {f"{side}/{name}": value for side in ("image", "text")
             for name, value in values.pop(side).items()}  # fmt: skip
    return {name: value for name, value in (values | sides).items() if value is not None}


def test_uniformity_and_alignment_equal_slow_loops() -> None:
    image, text, owner = spaces(2, images=15)
    within = [
        np.exp(-2 * ((image[i] - image[j]) ** 2).sum())
        for i in range(15)
        for j in range(15)
        if i != j
    ]
    assert uniformity(image) == pytest.approx(np.log(np.mean(within)))
    between = [
        np.exp(-2 * ((image[i] - text[j]) ** 2).sum())
        for i in range(15)
        for j in range(45)
        if owner[j] != i
    ]
    assert cross_uniformity(image, text, owner) == pytest.approx(np.log(np.mean(between)))
    apart = [((image[owner[j]] - text[j]) ** 2).sum() for j in range(45)]
    assert alignment(image, text, owner) == pytest.approx(np.mean(apart))


def test_a_square_is_known_by_hand() -> None:
    square = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    # two neighbours at squared distance 2, one opposite at 4
    assert uniformity(square) == pytest.approx(np.log((2 * np.exp(-4) + np.exp(-8)) / 3))
    assert effective_rank(square) == pytest.approx(2)
    assert modality_gap(square, square) == 0
    right, up = np.tile([[1.0, 0.0]], (5, 1)), np.tile([[0.0, 1.0]], (5, 1))
    assert modality_gap(right, up) == pytest.approx(np.sqrt(2))
    assert alignment(right, up, np.arange(5)) == pytest.approx(2)
    assert effective_rank(right) == 0
    assert uniformity(right) == pytest.approx(0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rotation_changes_nothing_and_rank_has_its_bounds(seed: int) -> None:
    image, text, owner = spaces(seed)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(6, 6)))
    turned = flat(geometry(image @ turn, text @ turn, owner))
    assert turned == pytest.approx(flat(geometry(image, text, owner)), rel=1e-9)
    assert 1 <= effective_rank(image) <= 6 + 1e-9
    line = np.random.default_rng(seed).normal(size=(40, 1)) * image[:1]
    assert effective_rank(line) == pytest.approx(1)


def test_effective_rank_equals_the_singular_values_both_ways_round() -> None:
    for shape in ((30, 8), (8, 30)):
        rows = np.random.default_rng(0).normal(size=shape)
        values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
        shares = values[values > 1e-9] / values.sum()
        assert effective_rank(rows) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))


def test_hubness_is_the_skew_of_how_often_each_is_found() -> None:
    image, text, _ = spaces(4)
    nearest = np.argsort(-(text @ image.T), axis=1)[:, :5]
    counts = np.bincount(nearest.ravel(), minlength=40)
    assert hubness(image, text, 5) == pytest.approx(skew(counts))
    # one item that everybody finds first, and the rest never
    hub = np.concatenate([[[1.0, 0.0]], np.tile([[-1.0, 0.0]], (9, 1))])
    assert hubness(hub, np.tile([[1.0, 0.0]], (20, 1)), 1) == pytest.approx(skew([20, *[0] * 9]))
    assert hubness(np.eye(6), np.eye(6), 1) is None


def test_equal_captions_are_no_hubs_by_their_position() -> None:
    draw = np.random.default_rng(9)
    rows, queries = (
        np.repeat(unit(draw.normal(size=(20, 8))), 25, axis=0),
        draw.normal(size=(60, 8)),
    )
    expected = np.zeros(20)
    for query in queries:  # the nearest caption's 25 copies share the 10 places
        expected[((rows[::25] - query) ** 2).sum(axis=1).argmin()] += 10 / 25
    found = hubness(rows, queries, 10)
    assert found == pytest.approx(skew(np.repeat(expected, 25)))
    assert hubness(rows[draw.permutation(500)], queries, 10) == pytest.approx(found)
    collapsed = np.tile(unit(draw.normal(size=(1, 8))), (40, 1))
    assert hubness(collapsed, queries, 10) is None


def test_an_untouched_space_is_trusted_and_a_shuffled_one_is_not() -> None:
    rows = np.random.default_rng(5).normal(size=(200, 12))
    assert trustworthiness(rows, 3 * rows, 10) == 1.0
    order = np.random.default_rng(6).permutation(200)
    assert trustworthiness(rows, rows[order], 10) == pytest.approx(0.5, abs=0.05)


def test_a_draw_keeps_captions_with_their_images() -> None:
    _, _, owner = spaces(7, images=300, captions=4)
    images, texts, places = drawn(300, owner, seed=1, most=100)
    assert len(images) == len(texts) == 100
    assert np.array_equal(images[places], owner[texts])
    again = drawn(300, owner, seed=1, most=100)
    assert all(np.array_equal(a, b) for a, b in zip((images, texts, places), again, strict=True))
    everything = drawn(300, owner, seed=1, most=5000)
    assert len(everything[0]) == 300 and np.array_equal(everything[1], np.arange(1200))


def test_fewer_rows_are_measured_in_a_space_of_many_dimensions() -> None:
    assert measured_rows(512) == 2000
    assert measured_rows(50_000) * 50_000 <= 2**24 < (measured_rows(50_000) + 1) * 50_000
    assert measured_rows(10**9) == 5


def test_tokens_have_no_neighbourhoods_and_small_sets_fewer_neighbours() -> None:
    image, text, owner = spaces(8, images=7, captions=1)
    report = geometry(image, text, owner, None, text)
    assert report.neighbours == 3
    assert report.image.trustworthiness is report.image.continuity is None
    assert report.text.trustworthiness == report.text.continuity == 1.0
