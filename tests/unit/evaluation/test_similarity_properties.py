"""What holds for any similarity of representations: invariances, ranges, memory, reports, bad input."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Cancelled, InvalidInput
from backend.evaluation.similarity import (
    LinearKernel,
    cka,
    cknna,
    cycle_knn,
    edit_distance_knn,
    kernels,
    lcs_knn,
    mutual_knn,
    nearest_neighbours,
    neighbours,
    shared_neighbours,
    svcca,
    unit_rows,
)


def related(seed: int, n: int = 40, wide: int = 12, narrow: int = 7):
    draw = np.random.default_rng(seed)
    latent = draw.normal(size=(n, 4))
    a = latent @ draw.normal(size=(4, wide)) + 0.5 * draw.normal(size=(n, wide))
    b = latent @ draw.normal(size=(4, narrow)) + 0.5 * draw.normal(size=(n, narrow))
    return a, b


# Properties


@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 100))
def test_rotation_and_scale_change_nothing(seed: int, scale: float) -> None:
    a, b = related(seed)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(12, 12)))
    turned = scale * (a @ turn)
    assert mutual_knn(turned, b, 6) == mutual_knn(a, b, 6)
    assert cycle_knn(turned, b, 6) == cycle_knn(a, b, 6)
    for unbiased in (False, True):
        assert cka(turned, b, unbiased=unbiased) == pytest.approx(
            cka(a, b, unbiased=unbiased), abs=1e-4
        )


@given(seed=st.integers(0, 10_000))
def test_scores_stay_in_their_range_and_grow_towards_likeness(seed: int) -> None:
    a, b = related(seed)
    noise = np.random.default_rng(seed + 1).normal(size=a.shape)
    # not cycle kNN: an item need not be among the neighbours of any of its neighbours
    for score in (mutual_knn, edit_distance_knn, cka, svcca):
        assert -1e-9 <= score(a, b) <= 1 + 1e-9
        assert score(a, a) >= score(a, a + 3 * noise) - 1e-9
    assert mutual_knn(a, a) == edit_distance_knn(a, a) == 1.0
    assert lcs_knn(a, a) == 10
    assert cka(a, a) == pytest.approx(1, abs=1e-6)
    assert mutual_knn(a, b) == mutual_knn(b, a)


def test_unbiased_cka_is_zero_for_unrelated_features_where_the_biased_one_is_not() -> None:
    draw = np.random.default_rng(0)
    pairs = [(draw.normal(size=(50, 100)), draw.normal(size=(50, 80))) for _ in range(30)]
    assert np.mean([cka(a, b) for a, b in pairs]) > 0.5
    assert abs(np.mean([cka(a, b, unbiased=True) for a, b in pairs])) < 0.01


def test_two_layers_that_tell_nothing_apart_agree_by_chance_only() -> None:
    # the class token before the first block is the same for every item
    n, k = 200, 10
    constant = np.tile(unit_rows(np.ones((1, 16))), (n, 1)).astype(np.float32)
    assert mutual_knn(constant, constant.copy(), k) < 3 * k / (n - 1)


def test_an_item_is_its_own_neighbour_only_when_asked() -> None:
    rows = unit_rows(related(0)[0])
    items = np.arange(len(rows))
    assert not (nearest_neighbours(rows, 39) == items[:, None]).any()
    np.testing.assert_array_equal(nearest_neighbours(rows, 3, itself=True)[:, 0], items)


def test_half_precision_is_computed_in_single() -> None:
    a, b = related(7)
    halves = (400 * a).astype(np.float16)  # squares overflow in halves
    assert np.isfinite(unit_rows(halves)).all()
    assert unit_rows(halves).dtype == np.float32
    assert cka(halves, b.astype(np.float16)) == pytest.approx(cka(a, b), abs=1e-3)


def test_a_row_of_nothing_stays_nothing() -> None:
    np.testing.assert_array_equal(unit_rows(np.zeros((2, 3))), np.zeros((2, 3)))


# Blocks, memory, reports


def test_block_sizes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = related(8, n=61, wide=80, narrow=70)
    draw = np.random.default_rng(0)
    orders = np.stack([draw.permutation(61) for _ in range(20)])

    def everything():
        lists = nearest_neighbours(a, 7), nearest_neighbours(b, 7)
        counts = shared_neighbours([lists[0]], [lists[1], lists[0]], orders)
        return [
            *lists,
            counts,
            [cka(a, b), cka(a[:, :5], b[:, :5])],
            cka(a, b, kernel="rbf", sigma=9),
        ]

    whole = everything()
    monkeypatch.setattr(neighbours, "_CELLS", 61 * 7)
    monkeypatch.setattr(neighbours, "_TABLE_BYTES", 61 * 11)
    monkeypatch.setattr(kernels, "_CELLS", 61 * 7)
    monkeypatch.setattr(kernels, "_ROWS", 9)
    for before, after in zip(whole, everything(), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-12)


def test_no_square_of_the_items_is_held() -> None:
    n = 4000
    draw = np.random.default_rng(0)
    a, b = (draw.normal(size=(n, 16)).astype(np.float32) for _ in range(2))
    orders = np.stack([draw.permutation(n).astype(np.int32) for _ in range(3)])
    tracemalloc.start()
    first, second = nearest_neighbours(a, 32), nearest_neighbours(b, 32)
    shared_neighbours([first] * 4, [second] * 4, orders)
    cka(a, b)
    svcca(a, b)
    cknna(a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n * n * 4 / 2


def test_no_square_of_many_dimensions_is_held_either() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(20, 5000)), draw.normal(size=(20, 4000))
    tracemalloc.start()
    cka(a, b)
    svcca(a, b)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5000 * 4000 * 8 / 20


def test_work_is_told_and_can_be_cancelled() -> None:
    a = np.random.default_rng(0).normal(size=(3000, 8)).astype(np.float32)
    told: list[tuple[int, int, str]] = []
    lists = nearest_neighbours(a, 5, report=lambda *step: told.append(step))
    orders = np.tile(np.arange(3000), (40, 1))
    shared_neighbours([lists], [lists], orders, lambda *step: told.append(step))
    assert [step[1:] for step in told] == [(3000, "rows")] * len(told)
    assert told.count((3000, 3000, "rows")) == 2
    assert len(told) > 6

    def stop(done: int, total: int, unit: str) -> None:
        raise Cancelled("stop")

    for call in (
        lambda: nearest_neighbours(a, 5, report=stop),
        lambda: shared_neighbours([lists], [lists], orders, stop),
        lambda: LinearKernel(a, stop),
    ):
        with pytest.raises(Cancelled):
            call()


# Bad input


@pytest.mark.parametrize("score", [mutual_knn, cka, cknna, svcca, cycle_knn])
def test_what_cannot_be_compared_is_said_in_a_sentence(score: Callable) -> None:
    a, b = related(0)
    with pytest.raises(InvalidInput, match="39 rows, but 40"):
        score(a, b[:-1])
    with pytest.raises(InvalidInput, match="shape"):
        score(a, b[:, 0])
    with pytest.raises(InvalidInput, match=r"at least|take fewer"):
        score(a[:3], b[:3])
    b[17, 3] = np.nan
    with pytest.raises(InvalidInput, match="row 17"):
        score(a, b)


def test_impossible_numbers_of_neighbours_are_refused() -> None:
    a, b = related(0)
    for k in (0, 40):
        with pytest.raises(InvalidInput, match="take fewer"):
            nearest_neighbours(a, k)
    with pytest.raises(InvalidInput, match="at least 2"):
        cknna(a, b, 1)
