"""Closed forms: moments in blocks, CCA against scikit-learn, planted rotations, published numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cross_decomposition import CCA
from sklearn.linear_model import Ridge

from backend.alignment.base import Alignment, load_alignment
from backend.alignment.closed_form import (
    RIDGES,
    Whitening,
    choose,
    linear_heads,
    solve_ridge_cca,
    turn,
)
from backend.alignment.heads import HeadConfig, UnitRowsHead, weighted_head
from backend.alignment.methods import fit
from backend.alignment.moments import PairMoments, Scaling, mean_and_scale, pair_moments, unit
from backend.alignment.pairs import PairedFeatures
from backend.alignment.recipes.csa import csa
from backend.alignment.rows import FeatureRows
from backend.alignment.scoring import held_out_recall
from backend.errors import Cancelled, InvalidInput
from backend.evaluation.retrieval import mean_recall
from tests.unit.alignment.pairs_of import context, pairs
from tests.unit.golden import arrays, assert_golden, value

TRAIN, VAL = pairs(200, 0), pairs(60, 1)
SOLVED = ("ridge-cca", "procrustes", "ridge", "csa")


def one_to_one(x: np.ndarray, y: np.ndarray) -> PairedFeatures:
    return PairedFeatures(x, y, np.arange(len(x)))


def published() -> PairedFeatures:
    """The training part of the published CCA case."""
    return one_to_one(arrays()["x"][:96], arrays()["y"][:96])


def scores(alignment: Alignment, pair: PairedFeatures) -> np.ndarray:
    return alignment.transform("image", pair.image) @ alignment.transform("text", pair.text).T


# moments


@pytest.mark.parametrize("scaling", ["standardised", "centred", "unit rows"])
def test_moments_in_blocks_are_those_of_the_captions_rows(
    scaling: Scaling, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = np.array([0, 0, 0, 2, 1, 1, 3, 3, 3, 3])  # not all as often; the last has none
    draw = np.random.default_rng(0)
    image = draw.normal(size=(5, 3)).astype(np.float32) * [1, 10, 100] + 4
    text = draw.normal(size=(10, 2)).astype(np.float32)
    monkeypatch.setattr("backend.alignment.rows._BLOCK_BYTES", 4 * 3 * 2)  # two images a block
    mine = pair_moments(PairedFeatures(image.astype(np.float32), text, owner), scaling)
    x, y = image.astype(np.float32)[owner].astype(np.float64), text.astype(np.float64)
    if scaling == "unit rows":
        x, y = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (x, y))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    if scaling == "standardised":
        x, y = x / x.std(axis=0), y / y.std(axis=0)
    for ours, theirs in ((mine.xx, x.T @ x), (mine.yy, y.T @ y), (mine.xy, x.T @ y)):
        np.testing.assert_allclose(ours, theirs / 10, atol=1e-9)
    assert mine.pairs == 10


def test_moments_do_not_cancel_far_from_zero() -> None:
    values = np.float32(1e4) + np.arange(100, dtype=np.float32)[:, None] / 8
    mean, scale = mean_and_scale(FeatureRows(values))
    np.testing.assert_allclose(mean, values.astype(np.float64).mean(), rtol=1e-12)
    np.testing.assert_allclose(scale, values.astype(np.float64).std(), rtol=1e-9)


def test_a_constant_feature_is_harmless(tmp_path: Path) -> None:
    image = np.asarray(TRAIN.image).copy()
    image[:, 3] = 7
    train = PairedFeatures(image, TRAIN.text, TRAIN.image_of_text)
    for method in SOLVED:
        alignment = fit(method, train, VAL, context(tmp_path, method))
        assert np.isfinite(alignment.transform("image", image)).all()


def test_counting_can_be_broken_off() -> None:
    def stop(done: int, total: int, unit: str) -> None:
        assert total == 200 + 600 and unit == "rows"
        raise Cancelled("asked to")

    with pytest.raises(Cancelled):
        pair_moments(TRAIN, report=stop)


# whitening and CCA


def test_whitening_makes_a_covariance_the_identity_on_what_is_there() -> None:
    rows = np.random.default_rng(0).normal(size=(5, 8))  # rank 5 of 8
    covariance = rows.T @ rows
    root = Whitening(covariance).root(0)
    whitened = root @ covariance @ root
    np.testing.assert_allclose(whitened @ whitened, whitened, atol=1e-8)  # a projection
    assert np.trace(whitened) == pytest.approx(5)
    ridged = Whitening(covariance).root(0.5)
    np.testing.assert_allclose(
        np.linalg.inv(ridged @ ridged), covariance + 0.5 * np.eye(8), atol=1e-8
    )


def test_cca_at_a_vanishing_ridge_is_scikit_learns() -> None:
    x, y = arrays()["x"][:96], arrays()["y"][:96]
    cca = solve_ridge_cca(pair_moments(one_to_one(x, y)), 1e-12, 4)
    theirs = CCA(4, max_iter=20_000, tol=1e-12).fit(x, y)
    first, second = theirs.transform(x, y)
    correlations = [np.corrcoef(first[:, i], second[:, i])[0, 1] for i in range(4)]
    np.testing.assert_allclose(cca.correlations, correlations, atol=1e-5)
    mine = ((x - x.mean(0)) / x.std(0)) @ cca.image
    for i in range(4):  # up to sign and scale
        assert abs(np.corrcoef(mine[:, i], first[:, i])[0, 1]) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("scaling", ["standardised", "centred"])
def test_published_canonical_correlations(scaling: Scaling) -> None:
    mine = solve_ridge_cca(pair_moments(published(), scaling), 1e-13, 8).correlations
    assert_golden(mine, "cca_zoo4/canonical_correlations/train_part")
    assert_golden(mine, "csa/canonical_correlations")
    # the released CSA multiplies by N / (N - 1); a common factor, so no ranking changes
    assert_golden(mine * 96 / 95, "csa/rho")
    everything = pair_moments(one_to_one(arrays()["x"], arrays()["y"]), scaling)
    everywhere = solve_ridge_cca(everything, 1e-13, 8).correlations
    assert_golden(everywhere, "cca_zoo4/canonical_correlations/all")


def test_canonical_coordinates_have_variance_one_on_the_training_pairs() -> None:
    moments = pair_moments(published())
    cca = solve_ridge_cca(moments, 1e-13, 8)
    assert_golden(np.diag(cca.image.T @ moments.xx @ cca.image), "csa/train_variance")
    np.testing.assert_allclose(
        cca.image.T @ moments.xy @ cca.text, np.diag(cca.correlations), atol=1e-9
    )


def test_sotaligns_teacher() -> None:
    """Length one, centre, ridge 0.1 on covariances by n - 1, inverse roots, SVD; written out plainly."""
    x, y = unit(arrays()["x"]), unit(arrays()["y"])
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    n = len(x)

    def root(rows: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(rows.T @ rows / (n - 1) + 0.1 * np.eye(rows.shape[1]))
        return vectors @ np.diag(values**-0.5) @ vectors.T

    left, rho, right = np.linalg.svd(root(x) @ (x.T @ y / (n - 1)) @ root(y), full_matrices=False)
    expected = unit(x @ root(x) @ left[:, :8]) @ unit(y @ root(y) @ right[:8].T).T
    moments = pair_moments(one_to_one(arrays()["x"], arrays()["y"]), "unit rows")
    # ours divides by n: the same as a ridge that is smaller by this factor
    cca = solve_ridge_cca(moments, 0.1 * (n - 1) / n, 8)
    alignment = Alignment("ridge-cca", linear_heads(moments, cca.image, cca.text), {})
    mine = scores(alignment, one_to_one(arrays()["x"], arrays()["y"]))
    np.testing.assert_allclose(mine, expected, atol=2e-5)
    np.testing.assert_allclose(cca.correlations, rho[:8], atol=1e-10)


def test_unit_rows_forget_lengths_and_are_kept(tmp_path: Path) -> None:
    options = {"scaling": "unit rows", "weighting": "none", "ridge": 0.1}
    alignment = fit("ridge-cca", TRAIN, VAL, context(tmp_path, "ridge-cca", **options))
    rows = np.asarray(VAL.image)
    image = alignment.transform("image", rows)
    np.testing.assert_allclose(alignment.transform("image", rows * 50), image, atol=1e-5)
    alignment.save(tmp_path / "heads")
    np.testing.assert_array_equal(
        load_alignment(tmp_path / "heads").transform("image", rows), image
    )


def test_a_head_of_unit_rows_prepares_itself_as_the_moments_do() -> None:
    head = UnitRowsHead(HeadConfig("unit-linear", TRAIN.image.width, 2))
    head.prepare(TRAIN.image)
    moments = pair_moments(TRAIN, "unit rows")  # equally many captions each
    np.testing.assert_allclose(head.mean.numpy(), moments.image_mean, atol=1e-6)


@pytest.mark.parametrize("weighting", ["correlation", "none"])
def test_directions_are_weighted_by_the_root_of_their_correlation(
    weighting: str, tmp_path: Path
) -> None:
    options = {"ridge": 0.1, "dimension": 6, "weighting": weighting}
    alignment = fit("ridge-cca", TRAIN, VAL, context(tmp_path, "ridge-cca", **options))
    moments = pair_moments(TRAIN)
    cca = solve_ridge_cca(moments, 0.1, 6)
    factor = np.sqrt(cca.correlations) if weighting == "correlation" else np.ones(6)
    standard = (np.asarray(VAL.image) - moments.image_mean) / moments.image_scale
    expected = unit(standard @ cca.image * factor)
    np.testing.assert_allclose(alignment.transform("image", VAL.image), expected, atol=1e-5)


# CSA


@pytest.mark.parametrize(("kept", "name"), [(8, "matched"), (4, "matched_half_dim")])
def test_csa_scores_as_published(kept: int, name: str) -> None:
    data = arrays()
    moments = pair_moments(published())
    full = solve_ridge_cca(moments, 1e-13, 8)
    held_out = one_to_one(data["x"][96:], data["y"][96:])
    matrix = scores(csa("csa", moments, type(full)(*(part[..., :kept] for part in full))), held_out)
    own = np.diag(matrix)
    # float32 heads; the released rho are ours times N / (N - 1)
    mine = np.array([own.mean(), *own[:5]]) * 96 / 95
    assert_golden(mine, f"csa/weighted_similarity/{name}", rtol=1e-5)
    if kept == 8:
        found = value("csa/weighted_similarity/matrix")
        np.testing.assert_allclose(np.linalg.norm(matrix) * 96 / 95, found[0], rtol=1e-5)
        np.testing.assert_allclose(np.trace(matrix) * 96 / 95, found[1], rtol=1e-5)
        places = np.arange(len(matrix))
        assert (matrix.argmax(axis=1) == places).mean() == found[2]
        assert (matrix.argmax(axis=0) == places).mean() == found[3]


def test_without_weights_it_is_the_cosine_that_structure_scores_with() -> None:
    moments = pair_moments(published())
    cca = solve_ridge_cca(moments, 1e-13, 8)
    alignment = Alignment("ridge-cca", linear_heads(moments, cca.image, cca.text), {})
    own = np.diag(scores(alignment, one_to_one(arrays()["x"][96:], arrays()["y"][96:])))
    assert_golden([own.mean(), *own[:5]], "csa/cosine_similarity/matched", rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_a_weighted_score_is_a_dot_product_of_unit_rows(seed: int, kept: int) -> None:
    draw = np.random.default_rng(seed)
    rho = draw.uniform(size=kept)
    sides = {}
    for side in ("image", "text"):
        directions = draw.normal(size=(7, kept))
        rows = draw.normal(size=(5, 7))
        head = weighted_head(side, np.zeros(7), np.ones(7), directions, rho).double()
        with torch.no_grad():
            head.linear.weight.copy_(torch.from_numpy(directions.T))
            head.weights.copy_(torch.from_numpy(np.sqrt(rho)))
        sides[side] = (unit(rows @ directions), head(torch.from_numpy(rows)).detach().numpy())
    (x, image), (y, text) = sides["image"], sides["text"]
    np.testing.assert_allclose(np.linalg.norm(image, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(image @ text.T, (x * rho) @ y.T, atol=1e-12)


def test_csa_chooses_ridge_and_dimension_on_validation(tmp_path: Path) -> None:
    alignment = fit("csa", TRAIN, VAL, context(tmp_path, "csa"))
    details = alignment.details
    assert details["dimension"] == alignment.dimension - 2 == 16  # the rank; two keep the length
    assert f"{details['ridge']:g}" == max(details["tried"], key=details["tried"].get)
    assert details["validation"]["mean_recall"] == max(details["tried_dimensions"].values())
    fixed = fit("csa", TRAIN, VAL, context(tmp_path, "csa", dimension=5, ridge=0.1))
    assert fixed.dimension == 7 and set(fixed.details["tried"]) == {"0.1"}


# Procrustes


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.booleans())
def test_a_planted_rotation_is_found(seed: int, width: int, mirrored: bool) -> None:
    draw = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(draw.normal(size=(width, width)))
    if mirrored:
        rotation[:, 0] *= -1
    x = draw.normal(size=(80, width)) * np.geomspace(1, 3, width)
    y = x @ rotation + 1e-4 * draw.normal(size=x.shape)
    left, _, right = turn(x.T @ y)
    np.testing.assert_allclose(left @ right, rotation, atol=1e-3)


def test_procrustes_finds_held_out_pairs_through_any_invertible_map(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    hidden = draw.normal(size=(300, 10))
    x = hidden @ draw.normal(size=(10, 10)) + 5
    y = hidden @ draw.normal(size=(10, 10)) - 2
    train, val = one_to_one(x[:200], y[:200]), one_to_one(x[200:], y[200:])
    alignment = fit("procrustes", train, val, context(tmp_path, "procrustes", ridge=1e-6))
    np.testing.assert_allclose(np.diag(scores(alignment, val)), 1, atol=1e-3)
    assert (scores(alignment, val).argmax(axis=1) == np.arange(100)).all()


@pytest.mark.parametrize("name", ["unit", "raw_centred"])
def test_scipys_procrustes_on_published_inputs(name: str) -> None:
    """No whitening there, and reflections count as rotations, as they do here."""
    a, b = arrays()["u_raw"], arrays()["v_raw"]
    if name == "unit":
        a, b = unit(a), unit(b)
        cross = a.T @ b
    else:
        moments = pair_moments(one_to_one(a, b), "centred")
        cross = moments.xy * moments.pairs
        a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    left, strength, right = turn(cross)
    rotation = left @ right
    found = [strength.sum(), np.linalg.norm(a @ rotation - b), np.linalg.det(rotation)]
    # features are float32 where rows are taken: the published inputs were
    assert_golden([*found, *rotation.flatten()[:5]], f"procrustes/{name}")


# ridge regression


@pytest.mark.parametrize("direction", ["image-to-text", "text-to-image"])
def test_ridge_is_scikit_learns_each_way(direction: str, tmp_path: Path) -> None:
    options = {"ridge": 0.3, "direction": direction}
    alignment = fit("ridge", TRAIN, VAL, context(tmp_path, "ridge", **options))
    x = np.asarray(TRAIN.image, np.float64)[TRAIN.image_of_text]
    y = np.asarray(TRAIN.text, np.float64)
    held_x, held_y = np.asarray(VAL.image), np.asarray(VAL.text)
    x, held_x = (x - x.mean(0)) / x.std(0), (held_x - x.mean(0)) / x.std(0)
    y, held_y = (y - y.mean(0)) / y.std(0), (held_y - y.mean(0)) / y.std(0)
    strength = 0.3 * len(y)  # theirs adds to sums, ours to means
    if direction == "image-to-text":
        image, text = Ridge(alpha=strength, fit_intercept=False).fit(x, y).predict(held_x), held_y
    else:
        image, text = held_x, Ridge(alpha=strength, fit_intercept=False).fit(y, x).predict(held_y)
    np.testing.assert_allclose(alignment.transform("image", VAL.image), unit(image), atol=1e-4)
    np.testing.assert_allclose(alignment.transform("text", VAL.text), unit(text), atol=1e-4)


# all of them


@pytest.mark.parametrize("method", SOLVED)
def test_the_scale_of_a_feature_changes_nothing(method: str, tmp_path: Path) -> None:
    factor = np.geomspace(0.01, 100, TRAIN.image.width)

    def scaled(pair: PairedFeatures) -> PairedFeatures:
        return PairedFeatures(np.asarray(pair.image) * factor - 7, pair.text, pair.image_of_text)

    options = {"ridge": 0.1}
    plain = fit(method, TRAIN, VAL, context(tmp_path, method, **options))
    other = fit(method, scaled(TRAIN), scaled(VAL), context(tmp_path, method, **options))
    np.testing.assert_allclose(scores(plain, VAL), scores(other, scaled(VAL)), atol=5e-3)


@pytest.mark.parametrize("method", SOLVED)
def test_the_order_of_the_pairs_changes_nothing(method: str, tmp_path: Path) -> None:
    order = np.random.default_rng(3).permutation(len(TRAIN.text))
    shuffled = PairedFeatures(
        TRAIN.image, np.asarray(TRAIN.text)[order], TRAIN.image_of_text[order]
    )
    options = {"ridge": 0.1}
    plain, other = (
        fit(method, train, VAL, context(tmp_path, method, **options)) for train in (TRAIN, shuffled)
    )
    np.testing.assert_allclose(scores(plain, VAL), scores(other, VAL), atol=1e-4)


@pytest.mark.parametrize("method", SOLVED)
def test_fewer_pairs_than_dimensions_have_a_solution(method: str, tmp_path: Path) -> None:
    few = pairs(9, 5, captions=1)  # 24 and 16 dimensions
    alignment = fit(method, few, VAL, context(tmp_path, method))
    assert np.isfinite(scores(alignment, VAL)).all()
    assert alignment.details["validation"]["mean_recall"] > 0.1  # chance 0.09


@pytest.mark.parametrize("method", (*SOLVED, "asif", "relative", "mini-vec2vec"))
def test_features_that_are_not_finite_are_told(method: str, tmp_path: Path) -> None:
    image = np.asarray(TRAIN.image).copy()
    image[:, 2] = np.nan
    with np.errstate(invalid="ignore"), pytest.raises(InvalidInput, match="not finite"):
        broken = PairedFeatures(image, TRAIN.text, TRAIN.image_of_text)
        fit(method, broken, VAL, context(tmp_path, method))


def test_the_best_ridge_on_validation_is_taken_and_all_are_named(tmp_path: Path) -> None:
    chosen = fit("ridge-cca", TRAIN, VAL, context(tmp_path, "ridge-cca")).details
    each = {
        f"{ridge:g}": fit(
            "ridge-cca", TRAIN, VAL, context(tmp_path, "ridge-cca", ridge=ridge)
        ).details["validation"]["mean_recall"]
        for ridge in RIDGES
    }
    assert chosen["tried"] == each
    assert chosen["validation"]["mean_recall"] == max(each.values())
    assert chosen["ridge"] == float(max(each, key=each.get))


def test_a_choice_can_be_broken_off_between_candidates(tmp_path: Path) -> None:
    asked: list[float] = []

    def stop(done: int, total: int, unit: str) -> None:
        if done == 2:
            raise Cancelled("asked to")

    def solve(candidate: float) -> Alignment:
        asked.append(candidate)
        moments: PairMoments = pair_moments(TRAIN)
        return Alignment("x", linear_heads(moments, moments.xy, np.eye(16)), {})

    with pytest.raises(Cancelled):
        choose("ridge", (1.0, 2.0, 3.0, 4.0), solve, VAL, context(tmp_path, "ridge", report=stop))
    assert asked == [1.0, 2.0]


def test_scoring_in_pieces_is_scoring_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = np.random.default_rng(0).permutation(len(VAL.text))
    mixed = PairedFeatures(VAL.image, np.asarray(VAL.text)[order], VAL.image_of_text[order])
    alignment = fit("ridge", TRAIN, VAL, context(tmp_path, "ridge"))
    monkeypatch.setattr("backend.alignment.scoring._ROWS", 7)
    monkeypatch.setattr(
        "backend.alignment.scoring._pieces",
        lambda n, gallery: [(i, min(i + 13, n)) for i in range(0, n, 13)],
    )
    waits: list[int] = []
    mine = held_out_recall(alignment, mixed, lambda: waits.append(1))
    image, text = (alignment.transform(side, getattr(mixed, side)) for side in ("image", "text"))
    assert mine == pytest.approx(mean_recall(image, text, mixed.image_of_text), abs=1e-12)
    assert len(waits) > 20
