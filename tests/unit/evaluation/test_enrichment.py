"""Groups of failures against SciPy and statistics that are known, and by what p means."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, fisher_exact

from backend.evaluation.enrichment import design_effect, enrichment, fisher, intraclass, wilson


@given(count=st.integers(1, 400), hits=st.integers(0, 400))
def test_wilson_is_scipys(count: int, hits: int) -> None:
    hits = min(hits, count)
    theirs = binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson(hits / count, count) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(a=st.integers(0, 30), b=st.integers(1, 30), c=st.integers(0, 60), d=st.integers(0, 60))
def test_fisher_is_scipys_where_counts_are_whole(a: int, b: int, c: int, d: int) -> None:
    theirs = fisher_exact([[a, b], [c, d]], alternative="greater").pvalue
    assert fisher((a, a + b), (c, c + d)) == pytest.approx(theirs, abs=1e-9)


def test_counts_that_are_not_whole_make_p_larger() -> None:
    assert fisher((7.9, 12.2), (9.3, 40.8)) == fisher((7, 12), (10, 40))
    assert fisher((7, 12), (10, 40)) > fisher((7.9, 12.2), (9, 40))


def test_a_group_is_told_as_scipy_does_where_each_image_has_one_query() -> None:
    draw = np.random.default_rng(0)
    failed = draw.random(200) < 0.3
    groups = [np.flatnonzero(draw.random(200) < 0.2) for _ in range(6)] + [np.flatnonzero(failed)]
    found = enrichment(groups, failed, np.arange(200), intraclass(failed, np.arange(200)))
    for rows, one in zip(groups, found, strict=True):
        inside, wrong = len(rows), int(failed[rows].sum())
        rest = int(failed.sum()) - wrong
        table = [[wrong, inside - wrong], [rest, 200 - inside - rest]]
        assert one.p == pytest.approx(fisher_exact(table, alternative="greater").pvalue, abs=1e-12)
        assert (one.queries, one.images, one.failures) == (inside, inside, wrong)
        assert one.rate == wrong / inside
        assert one.excess == pytest.approx(wrong - inside * rest / (200 - inside))
    # Benjamini and Hochberg by hand: the least of p m / rank from there on
    order = sorted(one.p for one in found)
    for one in found:
        rank = order.index(one.p)
        expected = min(order[place] * 7 / (place + 1) for place in range(rank, 7))
        assert one.q == pytest.approx(min(1.0, expected))
    assert enrichment([], failed, np.arange(200), 0.0) == []


def test_the_correlation_is_known_by_hand() -> None:
    owners = np.repeat(np.arange(50), 4)
    together = np.repeat(np.arange(50) % 2 == 0, 4)
    assert intraclass(together, owners) == pytest.approx(1.0)
    opposed = np.tile([True, True, False, False], 50)
    assert intraclass(opposed, owners) == 0.0
    assert intraclass(together[::4], np.arange(50)) == 0.0
    # shares 1/3 and 1 about 2/3: B = 2 (3 / 9) / 1 = 2/3, W = (1 - 1/3) / 4 = 1/6, both images of 3
    assert intraclass(np.array([1, 0, 0, 1, 1, 1], bool), np.repeat([0, 1], 3)) == pytest.approx(
        (2 / 3 - 1 / 6) / (2 / 3 + 2 / 6)
    )


def test_the_correlation_that_was_planted_is_found() -> None:
    draw = np.random.default_rng(1)
    sizes = draw.integers(1, 8, 20_000)
    owners = np.repeat(np.arange(20_000), sizes)
    # with rho a query takes its image's own outcome, else one by itself: correlation rho^2
    own = (draw.random(20_000) < 0.3)[owners]
    failed = np.where(draw.random(len(owners)) < 0.6, own, draw.random(len(owners)) < 0.3)
    assert intraclass(failed, owners) == pytest.approx(0.36, abs=0.01)


def test_five_captions_that_fail_together_count_as_one() -> None:
    assert design_effect(np.array([5, 5, 0, 5]), 1.0) == 5
    assert design_effect(np.array([1, 1, 0, 1]), 1.0) == design_effect(np.array([5, 5]), 0.0) == 1
    draw = np.random.default_rng(2)
    by_image = draw.random(120) < 0.3
    groups = [np.flatnonzero(draw.random(120) < 0.25) for _ in range(4)]
    alone = enrichment(groups, by_image, np.arange(120), 0.0)
    owners = np.repeat(np.arange(120), 5)
    members = [np.flatnonzero(np.isin(owners, group)) for group in groups]
    together = enrichment(members, np.repeat(by_image, 5), owners, 1.0)
    for one, five in zip(alone, together, strict=True):
        assert five.p == pytest.approx(one.p) and five.interval == pytest.approx(one.interval)
        assert five.excess == pytest.approx(5 * one.excess)


def test_p_keeps_its_level_where_captions_fail_together_and_words_mean_nothing() -> None:
    """Groups of captions that are drawn without a look at what fails, by images and across them."""
    draw = np.random.default_rng(3)
    owners = np.repeat(np.arange(300), 5)
    p, naive = [], []
    for _ in range(60):
        own = (draw.random(300) < 0.4)[owners]
        failed = np.where(draw.random(1500) < 0.8, own, draw.random(1500) < 0.4)
        rho = intraclass(failed, owners)
        whole = [np.flatnonzero(np.isin(owners, draw.permutation(300)[:40])) for _ in range(5)]
        loose = [np.sort(draw.permutation(1500)[:100]) for _ in range(5)]
        p += [one.p for one in enrichment(whole + loose, failed, owners, rho)]
        naive += [one.p for one in enrichment(whole, failed, owners, 0.0)]
    assert np.mean(np.array(p) < 0.05) < 0.05
    assert np.mean(np.array(naive) < 0.05) > 0.12  # what counting captions as independent would do
    assert np.mean(np.array(p) < 0.5) > 0.25
