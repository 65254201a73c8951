"""Similarity of representations against platonic-rep's own values and slow loops."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.evaluation.similarity import (
    LinearKernel,
    both_linear_cka,
    cka,
    cknna,
    clamp_outliers,
    cycle_knn,
    edit_distance_knn,
    lcs_knn,
    linear_cka,
    mutual_knn,
    nearest_neighbours,
    outlier_threshold,
    relabelled,
    shared_neighbours,
    svcca,
    unit_rows,
)
from tests.unit.golden import arrays, assert_golden, value

PREPARED: dict[str, Callable] = {
    "l2": unit_rows,
    "clamp_exact_l2": lambda rows: unit_rows(clamp_outliers(rows)),
    "clamp_mean_l2": lambda rows: unit_rows(clamp_outliers(rows, exact=False)),
    "none": lambda rows: rows,
}


def golden_pair(preparation: str):
    data = arrays()
    return PREPARED[preparation](data["x"]), PREPARED[preparation](data["y"])


def related(seed: int, n: int = 40, wide: int = 12, narrow: int = 7):
    draw = np.random.default_rng(seed)
    latent = draw.normal(size=(n, 4))
    a = latent @ draw.normal(size=(4, wide)) + 0.5 * draw.normal(size=(n, wide))
    b = latent @ draw.normal(size=(4, narrow)) + 0.5 * draw.normal(size=(n, narrow))
    return a, b


def slow_lists(features, k: int, itself: bool = False) -> list[list[int]]:
    """Neighbours one item at a time, for features without ties."""
    lists = []
    for i, row in enumerate(features):
        others = [j for j in range(len(features)) if itself or j != i]
        lists.append(sorted(others, key=lambda j: -float(row @ features[j]))[:k])
    return lists


# Published values


@pytest.mark.parametrize("preparation", list(PREPARED))
def test_mutual_knn_shares_the_published_number_of_neighbours(preparation: str) -> None:
    a, b = golden_pair(preparation)
    counts = shared_neighbours([nearest_neighbours(a, 10)], [nearest_neighbours(b, 10)])
    published = value(f"platonic/mutual_knn/{preparation}") * len(a) * 10
    assert counts[0, 0, 0] == round(published)
    assert mutual_knn(a, b, 10) == counts[0, 0, 0] / (len(a) * 10)
    assert_golden(mutual_knn(a, b, 10), f"platonic/mutual_knn/{preparation}")


@pytest.mark.parametrize("preparation", list(PREPARED))
def test_list_metrics_equal_the_published_ones(preparation: str) -> None:
    a, b = golden_pair(preparation)
    assert_golden(cycle_knn(a, b, 10), f"platonic/cycle_knn/A_then_B/{preparation}")
    assert_golden(cycle_knn(b, a, 10), f"platonic/cycle_knn/B_then_A/{preparation}")
    assert_golden(lcs_knn(a, b, 10), f"platonic/lcs_knn/{preparation}")
    assert_golden(edit_distance_knn(a, b, 10), f"platonic/edit_distance_knn/{preparation}")


@pytest.mark.parametrize("preparation", list(PREPARED))
def test_kernel_metrics_equal_the_published_ones(preparation: str) -> None:
    a, b = golden_pair(preparation)
    assert_golden(cka(a, b), f"platonic/cka_linear/{preparation}")
    assert_golden(cka(a, b, unbiased=True), f"platonic/cka_linear_unbiased/{preparation}")
    assert_golden(cka(a, b, kernel="rbf"), f"platonic/cka_rbf_sigma1/{preparation}")
    assert_golden(cknna(a, b, 10), f"platonic/cknna_unbiased/{preparation}")
    assert_golden(cknna(a, b, 10, unbiased=False), f"platonic/cknna_biased/{preparation}")
    # raw features lie so far apart that the kernel is the identity, and what is left is rounding
    looser = {"atol": 1e-11, "rtol": 0.02} if preparation == "none" else None
    name = f"platonic/cka_rbf_sigma1_unbiased/{preparation}"
    mine = cka(a, b, kernel="rbf", unbiased=True)
    if looser:
        np.testing.assert_allclose(mine, value(name), **looser)
    else:
        assert_golden(mine, name)


@pytest.mark.parametrize("preparation", list(PREPARED))
def test_svcca_lies_in_the_range_of_the_published_seeds(preparation: str) -> None:
    _, _, lowest, highest = value(f"platonic/svcca/{preparation}")
    assert lowest <= svcca(*golden_pair(preparation)) <= highest


@pytest.mark.parametrize("preparation", list(PREPARED))
def test_single_precision_gives_the_published_values(preparation: str) -> None:
    a, b = (rows.astype(np.float32) for rows in golden_pair(preparation))
    mine = [mutual_knn(a, b, 10), cka(a, b), cka(a, b, unbiased=True), cknna(a, b, 10)]
    assert_golden(mine, f"platonic/fp32/{preparation}")


def test_unrelated_features_give_the_published_values() -> None:
    a, b = unit_rows(arrays()["x"]), unit_rows(arrays()["y_null"])
    mine = [mutual_knn(a, b, 10), cka(a, b), cka(a, b, unbiased=True), cknna(a, b, 10)]
    published = value("platonic/null_control")
    assert round(mine[0] * a.shape[0] * 10) == round(published[0] * a.shape[0] * 10)
    np.testing.assert_allclose(mine[1:], published[1:], rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("exact", [True, False])
def test_outlier_thresholds_equal_the_published_ones(exact: bool) -> None:
    data = arrays()
    variant = "exact" if exact else "mean"
    mine = [outlier_threshold(data[name], exact=exact) for name in ("x", "y")]
    assert_golden(mine, f"platonic/outlier_threshold/clamp_{variant}_l2")
    clamped = clamp_outliers(data["x"], exact=exact)
    assert np.abs(clamped).max() == pytest.approx(mine[0])
    layers = [outlier_threshold(data[name], exact=exact) for name in ("x_layers", "y_layers")]
    assert_golden(layers, f"platonic/layers/threshold/exact_{exact}")


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("mutual_knn", mutual_knn),
        ("cka", lambda a, b: cka(a, b)),
        ("unbiased_cka", lambda a, b: cka(a, b, unbiased=True)),
        ("cknna", cknna),
    ],
)
def test_the_best_layers_are_the_published_ones(name: str, score: Callable, exact: bool) -> None:
    first, second = (
        clamp_outliers(arrays()[side], exact=exact) for side in ("x_layers", "y_layers")
    )
    scores = np.array(
        [
            [score(unit_rows(first[:, i]), unit_rows(second[:, j])) for j in range(2)]
            for i in range(3)
        ]
    )
    best = np.unravel_index(scores.argmax(), scores.shape)
    assert_golden([scores.max(), *best], f"platonic/layers/best/{name}/exact_{exact}")


def test_half_precision_stays_near_the_published_value() -> None:
    a, b = (clamp_outliers(arrays()[side]).astype(np.float16) for side in ("x", "y"))
    assert_golden(mutual_knn(unit_rows(a), unit_rows(b), 10), "platonic/bf16_api_path/mutual_knn")


# Slow loops


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 12))
def test_neighbour_scores_equal_slow_loops(seed: int, k: int) -> None:
    a, b = related(seed, n=30)
    near_a, near_b = slow_lists(a, k), slow_lists(b, k)
    np.testing.assert_array_equal(nearest_neighbours(a, k), near_a)
    shared = [len(set(x) & set(y)) for x, y in zip(near_a, near_b, strict=True)]
    assert mutual_knn(a, b, k) == pytest.approx(sum(shared) / (30 * k), abs=1e-15)
    back = [any(i in near_a[j] for j in near_b[i]) for i in range(30)]
    assert cycle_knn(a, b, k) == pytest.approx(np.mean(back), abs=1e-15)


def slow_lcs(x: list[int], y: list[int]) -> int:
    if not x or not y:
        return 0
    if x[-1] == y[-1]:
        return 1 + slow_lcs(x[:-1], y[:-1])
    return max(slow_lcs(x[:-1], y), slow_lcs(x, y[:-1]))


def slow_edits(x: list[int], y: list[int]) -> int:
    if not x or not y:
        return len(x) + len(y)
    replaced = slow_edits(x[:-1], y[:-1]) + (x[-1] != y[-1])
    return min(slow_edits(x[:-1], y) + 1, slow_edits(x, y[:-1]) + 1, replaced)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 4))
def test_order_scores_equal_recursions(seed: int, k: int) -> None:
    a, b = related(seed, n=9)
    pairs = list(zip(slow_lists(a, k), slow_lists(b, k), strict=True))
    assert lcs_knn(a, b, k) == pytest.approx(np.mean([slow_lcs(x, y) for x, y in pairs]))
    edits = np.mean([slow_edits(x, y) for x, y in pairs])
    assert edit_distance_knn(a, b, k) == pytest.approx(1 - edits / k)


def dense_hsic(k, m, unbiased: bool) -> float:
    n = len(k)
    if not unbiased:
        centring = np.eye(n) - 1 / n
        return np.trace(k @ centring @ m @ centring)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    value = (k * m.T).sum() + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k @ m).sum()
    return value / (n * (n - 3))


def dense_cka(k, m, unbiased: bool) -> float:
    own = dense_hsic(k, k, unbiased) * dense_hsic(m, m, unbiased)
    return dense_hsic(k, m, unbiased) / (np.sqrt(own) + 1e-6)


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("shape", [(40, 12, 7), (12, 40, 30), (5, 3, 9)])
def test_cka_equals_the_dense_form(shape: tuple[int, int, int], unbiased: bool) -> None:
    # wide features go through the n x n kernel, narrow ones through the product of the features
    a, b = related(3, *shape)
    a, b = a + 5.0, b - 3.0  # centring must not depend on the caller
    assert cka(a, b, unbiased=unbiased) == pytest.approx(dense_cka(a @ a.T, b @ b.T, unbiased))
    first, second = LinearKernel(a), LinearKernel(b)
    assert both_linear_cka(first, second)[int(unbiased)] == linear_cka(first, second, unbiased)

    def rbf(rows):
        return np.exp(-((rows[:, None] - rows) ** 2).sum(axis=2) / (2 * 2.5**2))

    mine = cka(a, b, kernel="rbf", sigma=2.5, unbiased=unbiased)
    assert mine == pytest.approx(dense_cka(rbf(a), rbf(b), unbiased))


@pytest.mark.parametrize("unbiased", [False, True])
def test_cka_of_another_order_is_that_of_reordered_features(unbiased: bool) -> None:
    order = np.random.default_rng(0).permutation(40)
    for shape in ((40, 12, 7), (40, 200, 150)):
        a, b = related(1, *shape)
        mine = linear_cka(LinearKernel(a), LinearKernel(b), unbiased, order)
        assert mine == pytest.approx(cka(a, b[order], unbiased=unbiased))


@pytest.mark.parametrize("unbiased", [False, True])
@pytest.mark.parametrize("k", [2, 5, 39])
def test_cknna_equals_the_dense_form(k: int, unbiased: bool) -> None:
    a, b = related(4)

    def mask(rows):
        ones = np.zeros((40, 40))
        for i, near in enumerate(slow_lists(rows, k, itself=not unbiased)):
            ones[i, near] = 1
        return ones

    mask_a, mask_b, kernel_a, kernel_b = mask(a), mask(b), a @ a.T, b @ b.T
    mutual = mask_a * mask_b
    cross = dense_hsic(mutual * kernel_a, mutual * kernel_b, unbiased)
    own_a = dense_hsic(mask_a * kernel_a, mask_a * kernel_a, unbiased)
    own_b = dense_hsic(mask_b * kernel_b, mask_b * kernel_b, unbiased)
    expected = cross / (np.sqrt(own_a * own_b) + 1e-6)
    assert cknna(a, b, k, unbiased=unbiased) == pytest.approx(expected)


def test_cknna_with_all_neighbours_is_unbiased_cka() -> None:
    a, b = related(5)
    assert cknna(a, b, 39) == pytest.approx(cka(a, b, unbiased=True))


def test_svcca_equals_a_direct_canonical_correlation() -> None:
    for shape in ((60, 12, 9), (20, 50, 30)):
        a, b = related(6, *shape)
        bases = []
        for rows in (a, b):
            centred = rows - rows.mean(axis=0)
            left, _, _ = np.linalg.svd(centred / centred.std(axis=0, ddof=1), full_matrices=False)
            bases.append(left[:, :5])
        correlations = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
        assert svcca(a, b, 5) == pytest.approx(correlations.mean())
    assert svcca(a, a @ np.random.default_rng(0).normal(size=(50, 50)), 60) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("layers_a", "layers_b"), [(1, 1), (3, 2), (2, 9), (1, 20), (1, 40), (2, 70)]
)
def test_shared_neighbours_of_all_layers_and_orders_equal_sets(
    layers_a: int, layers_b: int
) -> None:
    draw = np.random.default_rng(layers_b)
    n, k = 24, 5

    def lists(layers: int):
        draws = (draw.permuted(np.tile(np.arange(n), (n, 1)), axis=1)[:, :k] for _ in range(layers))
        return [lists.astype(np.int32) for lists in draws]

    first, second = lists(layers_a), lists(layers_b)
    orders = np.stack([draw.permutation(n) for _ in range(3)])
    mine = shared_neighbours(first, second, orders)
    for number, order in enumerate(orders):
        for i, a in enumerate(first):
            for j, b in enumerate(second):
                moved = relabelled(b, order)
                expected = sum(len(set(x) & set(y)) for x, y in zip(a, moved, strict=True))
                assert mine[number, i, j] == expected


def test_relabelled_lists_are_those_of_reordered_features() -> None:
    a, _ = related(2)
    order = np.random.default_rng(1).permutation(40)
    np.testing.assert_array_equal(
        relabelled(nearest_neighbours(a, 6), order), nearest_neighbours(a[order], 6)
    )
