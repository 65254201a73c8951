"""Correlations and their intervals against SciPy, and what cannot be told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, pearsonr, spearmanr

from backend.evaluation.correlation import correlation


def points(seed: int, n: int) -> tuple[list[float], list[float]]:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=n)
    return x.tolist(), (x + draw.normal(size=n)).tolist()


@given(seed=st.integers(0, 1000), n=st.integers(3, 15))
def test_both_are_scipys_with_fishers_interval(seed: int, n: int) -> None:
    x, y = points(seed, n)
    found = correlation(x, y)
    assert found is not None and found.encoders == n
    theirs = pearsonr(x, y)
    assert found.pearson == pytest.approx(theirs.statistic)
    assert found.spearman == pytest.approx(spearmanr(x, y).statistic)
    assert (found.pearson_interval is None) == (n < 4)
    if found.pearson_interval is not None:
        assert found.pearson_interval == pytest.approx(theirs.confidence_interval(0.95), abs=1e-6)
    assert (found.spearman_interval is None) == (n < 6)


def test_the_bootstrap_is_scipys() -> None:
    x, y = points(1, 12)
    found = correlation(x, y)
    theirs = bootstrap((x, y), lambda a, b: spearmanr(a, b).statistic, paired=True, vectorized=False,
                       n_resamples=2000, method="percentile",
                       rng=np.random.default_rng(3)).confidence_interval  # fmt: skip
    assert found is not None
    assert found.spearman_interval == pytest.approx((theirs.low, theirs.high), abs=0.06)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), n=st.integers(6, 10))
def test_order_alone_decides_rho_and_no_scale_decides_either(seed: int, n: int) -> None:
    x, y = points(seed, n)
    plain, scaled, bent, turned = (
        correlation(x, y),
        correlation([100 * value - 3 for value in x], y),
        correlation(np.exp(x).tolist(), y),
        correlation(x, [-value for value in y]),
    )
    assert plain and scaled and bent and turned
    assert scaled.pearson == pytest.approx(plain.pearson)
    assert scaled.pearson_interval == pytest.approx(plain.pearson_interval)
    assert scaled.spearman_interval == plain.spearman_interval
    assert (bent.spearman, bent.spearman_interval) == (plain.spearman, plain.spearman_interval)
    assert turned.pearson == pytest.approx(-plain.pearson)
    assert turned.spearman == pytest.approx(-plain.spearman)


def test_a_line_has_an_interval_without_width() -> None:
    found = correlation([1, 2, 3, 4, 5, 6], [-2, -4, -6, -8, -10, -12])
    assert found is not None
    assert (found.pearson, found.spearman) == (pytest.approx(-1), pytest.approx(-1))
    assert found.pearson_interval == found.spearman_interval == pytest.approx((-1, -1))


def test_draws_of_equal_values_alone_do_not_count() -> None:
    found = correlation([0, 0, 0, 0, 0, 1], [1, 2, 3, 4, 5, 6])
    assert found is not None and found.spearman_interval is not None
    low, high = found.spearman_interval
    assert 0 < low <= found.spearman < high < 1


def test_equal_values_share_their_rank() -> None:
    found = correlation([1, 1, 2, 3], [1, 2, 2, 3])
    # ranks 1.5, 1.5, 3, 4 and 1, 2.5, 2.5, 4
    assert found is not None and found.spearman == pytest.approx(3.75 / 4.5)


@pytest.mark.parametrize(("x", "y"), [([], []), ([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3])])
def test_what_cannot_be_told_is_not(x: list[float], y: list[float]) -> None:
    assert correlation(x, y) is None
