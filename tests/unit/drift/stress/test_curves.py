"""Shares by the size of the change, and two runs held against each other, against loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.drift.stress.curves import EPSILONS, compare, curves, estimate, shares
from backend.errors import InvalidInput
from backend.schemas.stress import StressFlip, StressReport, StressSeed

SIZES = st.one_of(st.none(), st.floats(0, 12))


def flip(*sizes: float | None, attack: str = "random", space: str = "embedding") -> StressFlip:
    there = [size for size in sizes if size is not None]
    return StressFlip(
        space=space, attack=attack, epsilon=min(there, default=None), epsilons=tuple(sizes)
    )


def seed(name: str, *flips: StressFlip, image: str = "", **more) -> StressSeed:
    return StressSeed(
        item=name, image=image or name, side="image", ends=("a", "b"), flips=flips, **more
    )


def report(*seeds: StressSeed) -> StressReport:
    return StressReport(
        images=1, captions=1, attractors=2, spread={}, curves=curves(seeds), seeds=seeds
    )


@settings(max_examples=15)
@given(st.lists(st.lists(SIZES, min_size=3, max_size=3), min_size=1, max_size=6))
def test_shares_count_what_was_sent_elsewhere_by_so_much_or_less_and_never_fall(sizes) -> None:
    seeds = [seed(f"s{row}", flip(*own)) for row, own in enumerate(sizes)]
    (found,) = curves(seeds)
    for point in found.points:
        counted = [
            np.mean([size is not None and size <= point.epsilon * (1 + 1e-6) for size in own])
            for own in sizes
        ]
        assert point.share == pytest.approx(np.mean(counted))
    told = [point.share for point in found.points]
    assert told == sorted(told)
    assert found.mean_share.value == pytest.approx(np.mean(told))


def test_half_are_elsewhere_at_the_median_or_it_is_none() -> None:
    (found,) = curves([seed("a", flip(0.1, 0.4)), seed("b", flip(0.2, None))])
    assert found.median == 0.4  # two of four are not enough to be between them
    (never,) = curves([seed("a", flip(0.1, None, None))])
    assert never.median is None


def test_a_single_seed_has_no_interval_and_many_have_one_around_the_share() -> None:
    (one,) = curves([seed("a", flip(0.1))])
    assert one.points[0].interval is None
    draw = np.random.default_rng(0)
    (many,) = curves([seed(f"s{row}", flip(float(draw.random()))) for row in range(80)])
    for point in many.points:
        low, high = point.interval
        assert low - 1e-9 <= point.share <= high + 1e-9
    wide = [point.interval[1] - point.interval[0] for point in many.points]
    assert max(wide) < 0.25


def test_seeds_of_one_image_tell_less() -> None:
    draw = np.random.default_rng(0)
    sizes = np.repeat(draw.random(20), 4)
    apart = [seed(f"s{row}", flip(float(size))) for row, size in enumerate(sizes)]
    together = [
        seed(f"s{row}", flip(float(size)), image=f"i{row // 4}") for row, size in enumerate(sizes)
    ]

    def width(seeds: list[StressSeed]) -> float:
        low, high = curves(seeds)[0].mean_share.interval
        return high - low

    assert width(together) > 1.5 * width(apart)


def test_every_attack_space_and_side_has_a_curve_of_its_own() -> None:
    seeds = [
        seed("a", flip(0.1), flip(0.05, attack="exact"), flip(2.0, attack="pgd", space="pixels")),
        seed("b", flip(0.1), flip(0.07, attack="exact")),
    ]
    found = {(each.space, each.attack): each for each in curves(seeds)}
    assert {name: each.seeds for name, each in found.items()} == {
        ("embedding", "random"): 2,
        ("embedding", "exact"): 2,
        ("pixels", "pgd"): 1,
    }
    assert [point.epsilon for point in found["pixels", "pgd"].points] == list(EPSILONS["pixels"])


def test_two_runs_are_compared_on_the_seeds_of_both() -> None:
    draw = np.random.default_rng(1)
    sizes = draw.random((40, 2)) * [0.2, 0.8]
    first = report(*(seed(f"s{row}", flip(float(own[1]))) for row, own in enumerate(sizes)))
    second = report(
        *(seed(f"s{row}", flip(float(own[0]))) for row, own in list(enumerate(sizes))[5:]),
        seed("another", flip(0.1)),
    )
    found = compare(first, second)
    assert found.items == 35
    (only,) = found.curves
    own = [
        shares([flip(float(value)) for value in sizes[5:, side]], EPSILONS["embedding"]).mean(
            axis=0
        )
        for side in (1, 0)
    ]
    np.testing.assert_allclose([each.share for each in only.first.points], own[0])
    np.testing.assert_allclose([each.share for each in only.second.points], own[1])
    np.testing.assert_allclose([each.difference for each in only.differences], own[1] - own[0])
    assert only.mean_share.difference == pytest.approx((own[1] - own[0]).mean())
    assert only.mean_share.interval[0] > 0
    assert only.mean_share.p < 0.01


def test_shares_of_swapped_words_are_compared_where_both_have_them() -> None:
    first = report(
        seed("a", swapped={"synonym": 0.2}), seed("b", swapped={"synonym": 0.4}), seed("c")
    )
    second = report(
        seed("a", swapped={"synonym": 0.5}), seed("b", swapped={"synonym": 0.5}),
        seed("c", swapped={"synonym": 1.0, "meaning": 1.0}),
    )  # fmt: skip
    found = compare(first, second)
    assert set(found.words) == {"synonym"}
    assert found.words["synonym"].difference == pytest.approx(0.2)


def test_runs_without_a_seed_in_common_are_refused() -> None:
    with pytest.raises(InvalidInput, match="no seed in common"):
        compare(report(seed("a", flip(0.1))), report(seed("b", flip(0.1))))


def test_an_estimate_has_as_many_items_as_images() -> None:
    found = estimate([0.0, 1.0, 1.0], ["a", "b", "b"])
    assert found.value == pytest.approx(2 / 3)
    assert found.count == 2
