"""Calibration by permutation against published values, and what it promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Cancelled, InvalidInput
from backend.evaluation.calibration import (
    calibrate,
    calibrated,
    calibrated_cka,
    calibrated_mutual_knn,
    permutations,
    permuted,
    thresholds,
    with_identity,
)
from backend.evaluation.similarity import (
    cka,
    mutual_knn,
    nearest_neighbours,
    shared_neighbours,
    unit_rows,
)
from tests.unit.golden import arrays, assert_golden, value


def golden_pair(related: bool):
    data = arrays()
    return unit_rows(data["x"]), unit_rows(data["y" if related else "y_null"])


def orders() -> np.ndarray:
    return arrays()["perms"].astype(np.int32)


# Published values


@pytest.mark.parametrize("related", [True, False])
def test_mutual_knn_is_calibrated_as_published(related: bool) -> None:
    name = f"calibration/mutual_knn/{'related' if related else 'unrelated'}"
    mine = calibrated_mutual_knn(*golden_pair(related), 10, orders=orders())
    assert_golden([mine.score, mine.p, mine.threshold, mine.observed], name)
    a, b = golden_pair(related)
    lists = nearest_neighbours(a, 10), nearest_neighbours(b, 10)
    counts = shared_neighbours([lists[0]], [lists[1]], orders())[:, 0, 0]
    published = value(f"{name}/null")
    np.testing.assert_array_equal(counts[:5], np.round(np.array(published[2:]) * 1280))
    assert_golden([mine.null_mean, mine.null_deviation, *counts[:5] / 1280], f"{name}/null")


@pytest.mark.parametrize("related", [True, False])
def test_cka_is_calibrated_as_published(related: bool) -> None:
    name = f"calibration/cka/{'related' if related else 'unrelated'}"
    mine = calibrated_cka(*golden_pair(related), orders=orders())
    assert_golden([mine.score, mine.p, mine.threshold], name)


@pytest.mark.parametrize("related", [True, False])
@pytest.mark.parametrize("gather", ["max", "mean"])
def test_layers_are_calibrated_as_published(gather: str, related: bool) -> None:
    data = arrays()
    other = (
        data["y_layers"] if related else np.stack([data["y_null"], np.abs(data["y_null"])], axis=1)
    )
    first, second = (
        [nearest_neighbours(unit_rows(side[:, layer]), 10) for layer in range(side.shape[1])]
        for side in (data["x_layers"], other)
    )
    counts = shared_neighbours(first, second, with_identity(orders(), 128))
    gathered = getattr(counts / 1280, gather)(axis=(1, 2))
    mine = calibrate(gathered[0], gathered[1:])
    name = f"calibration/layers_{gather}/{'related' if related else 'unrelated'}"
    if gather == "max" and not related:
        # 13 nulls share as many neighbours as the true pairs. The released mean in single precision
        # puts 6 of them below, by rounding; counted in whole numbers all 13 tie, and ties count.
        score, p, threshold = value(name)
        counts_of_best = counts.max(axis=(1, 2))
        assert (counts_of_best[1:] == counts_of_best[0]).sum() == 13
        assert (mine.p - p) * 201 == pytest.approx(6, abs=1e-4)
        np.testing.assert_allclose([mine.score, mine.threshold], [score, threshold], rtol=1e-5)
    else:
        assert_golden([mine.score, mine.p, mine.threshold], name)


# Oracles


@pytest.mark.parametrize("count", [19, 20, 39, 59, 60, 99, 199, 200, 299])
@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_the_threshold_is_the_order_statistic_with_the_observed_score(
    count: int, alpha: float
) -> None:
    draw = np.random.default_rng(count)
    nulls = np.round(draw.normal(size=count), 1)  # with ties
    # (1 - alpha)(K + 1) in whole numbers
    rank = -(-(100 - round(100 * alpha)) * (count + 1) // 100)
    observed = np.concatenate([nulls[:15], [-9.0, 0.03, 9.0], np.sort(nulls)[-4:] + 0.01])
    expected = [np.sort(np.append(nulls, one))[rank - 1] for one in observed]
    np.testing.assert_array_equal(thresholds(observed, nulls, alpha=alpha), expected)


def test_ties_count_against_the_observed_score() -> None:
    nulls = np.concatenate([np.full(10, 0.5), np.zeros(190)])
    mine = calibrate(0.5, nulls)
    assert mine.p == 11 / 201
    assert (mine.score, mine.threshold) == (0.0, 0.5)
    assert calibrate(0.75, nulls).score == pytest.approx(0.5)
    assert calibrate(0.75, nulls, maximum=2.0).score == pytest.approx(0.25 / 1.5)
    assert calibrate(1.0, nulls).score == 1.0


def test_a_threshold_at_the_maximum_leaves_nothing() -> None:
    assert calibrate(1.0, np.ones(200)).score == 0.0


def test_renaming_neighbours_gives_the_scores_of_permuted_rows() -> None:
    a, b = golden_pair(True)
    some = orders()[:20]
    lists = nearest_neighbours(a, 10), nearest_neighbours(b, 10)
    quick = shared_neighbours([lists[0]], [lists[1]], some)[:, 0, 0] / 1280
    slow = permuted(lambda order: mutual_knn(a, b[order], 10), some)
    np.testing.assert_array_equal(quick, slow)
    direct = permuted(lambda order: cka(a, b[order], unbiased=True), some)
    mine = calibrated_cka(a, b, unbiased=True, orders=some)
    assert mine.null_mean == pytest.approx(direct.mean())
    assert mine.observed == pytest.approx(cka(a, b, unbiased=True))


# Properties


@given(
    values=st.lists(st.integers(0, 30), min_size=20, max_size=60),
    alpha=st.sampled_from([0.05, 0.1, 0.2]),
)
def test_at_most_alpha_of_exchangeable_scores_are_told_from_chance(
    values: list[int], alpha: float
) -> None:
    # without a relation the true order is a permutation like any other: each is the observed one as often
    scores = np.array(values, float) / 40
    told = unlikely = 0
    for place in range(len(scores)):
        mine = calibrate(scores[place], np.delete(scores, place), alpha=alpha)
        told += mine.score > 0
        unlikely += mine.p <= alpha + 1e-9
        assert (mine.score > 0) <= (mine.p <= alpha + 1e-9)
    assert told <= alpha * len(scores) + 1e-9
    assert unlikely <= alpha * len(scores) + 1e-9


@given(seed=st.integers(0, 10_000))
def test_a_higher_score_is_never_calibrated_lower(seed: int) -> None:
    draw = np.random.default_rng(seed)
    nulls = draw.uniform(0, 0.6, size=100)
    observed = np.sort(draw.uniform(size=(5, 4)), axis=None)
    scores = calibrated(observed, nulls)
    assert (np.diff(scores) >= 0).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    each = [calibrate(one, nulls) for one in observed]
    np.testing.assert_array_equal(scores, [one.score for one in each])
    assert (np.diff([one.p for one in each]) <= 0).all()
    np.testing.assert_array_equal(calibrated(observed.reshape(5, 4), nulls).reshape(-1), scores)


@pytest.mark.parametrize(("n", "k"), [(40, 3), (120, 10), (300, 14)])
def test_nulls_are_centred_on_chance(n: int, k: int) -> None:
    draw = np.random.default_rng(n)
    latent = draw.normal(size=(n, 3))  # a strong relation, which permutation undoes
    mine = calibrated_mutual_knn(
        latent @ draw.normal(size=(3, 9)), latent, k, orders=permutations(n, 400, 1)
    )
    error = mine.null_deviation / np.sqrt(400)
    assert abs(mine.null_mean - k / (n - 1)) < 4 * error
    assert mine.observed > 3 * k / (n - 1)
    assert mine.p == 1 / 401


def test_unrelated_features_calibrate_to_zero() -> None:
    told, seeds = 0, 300
    for seed in range(seeds):
        draw = np.random.default_rng(seed)
        a, b = draw.normal(size=(50, 8)), draw.normal(size=(50, 6))
        mine = calibrated_mutual_knn(a, b, 5, orders=permutations(50, 100, (seed, 1)))
        told += mine.score > 0
    assert told <= 0.05 * seeds


def test_related_features_are_told_from_chance_in_few_dimensions_and_many() -> None:
    draw = np.random.default_rng(0)
    latent = draw.normal(size=(150, 4))
    for width in (6, 400):
        a = latent @ draw.normal(size=(4, width)) + draw.normal(size=(150, width))
        b = latent @ draw.normal(size=(4, width)) + draw.normal(size=(150, width))
        assert calibrated_mutual_knn(unit_rows(a), unit_rows(b)).p < 0.01
        assert calibrated_cka(a, b, unbiased=True, orders=permutations(150, 60)).p < 0.02


def test_the_best_of_many_unrelated_layers_needs_nulls_of_its_own() -> None:
    fooled = honest = 0
    for seed in range(20):
        draw = np.random.default_rng(seed)
        first, second = (
            [nearest_neighbours(draw.normal(size=(60, 8)), 6) for _ in range(6)] for _ in range(2)
        )
        shares = (
            shared_neighbours(first, second, with_identity(permutations(60, 60, (seed, 1)), 60))
            / 360
        )
        best = shares[0].max()
        fooled += calibrate(best, shares[1:, 0, 0]).score > 0
        honest += calibrate(best, shares[1:].max(axis=(1, 2))).score > 0
    assert fooled >= 10
    assert honest <= 3


def test_permutations_are_orders_and_follow_the_seed() -> None:
    mine = permutations(30, 50, 3)
    np.testing.assert_array_equal(np.sort(mine, axis=1), np.tile(np.arange(30), (50, 1)))
    np.testing.assert_array_equal(mine, permutations(30, 50, 3))
    assert (mine != permutations(30, 50, 4)).any()
    assert len(np.unique(mine, axis=0)) == 50


# Reports and bad input


def test_work_is_told_and_can_be_cancelled() -> None:
    told: list[tuple[int, int, str]] = []
    permuted(lambda order: float(order[0]), permutations(9, 25), lambda *step: told.append(step))
    assert told == [(done, 25, "permutations") for done in range(26)]

    def stop(done: int, total: int, unit: str) -> None:
        raise Cancelled("stop")

    a, b = golden_pair(True)
    for call in (calibrated_mutual_knn, calibrated_cka):
        with pytest.raises(Cancelled):
            call(a, b, report=stop)


def test_too_few_permutations_are_refused_with_the_number_needed() -> None:
    with pytest.raises(InvalidInput, match="at least 19"):
        calibrate(0.5, np.zeros(18))
    assert calibrate(0.5, np.zeros(19)).score == 0.5
    with pytest.raises(InvalidInput, match="at least 99"):
        calibrate(0.5, np.zeros(98), alpha=0.01)
