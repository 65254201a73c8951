"""Bradley-Terry ratings against a general optimiser, hand cases, and what has to hold for any duels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from backend.evaluation.preferences import Preference, bradley_terry, strengths


def drawn(runs: int, duels: int, seed: int) -> list[Preference]:
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(duels):
        i, j = draw.choice(runs, 2, replace=False)
        chance = 1 / (1 + math.exp((j - i) / 2))  # later runs are stronger
        share = 0.5 if draw.random() < 0.2 else float(draw.random() < chance)
        found.append(Preference(f"r{i}", f"r{j}", share))
    return found


def by_scipy(preferences: list[Preference]) -> dict[str, float]:
    """The same likelihood, duel by duel, minimised without a formula for its slope."""
    runs = sorted({run for each in preferences for run in each[:2]})

    def loss(strength: np.ndarray) -> float:
        of = dict(zip(runs, strength, strict=True))
        total = sum(0.5 * (math.log1p(math.exp(-b)) + math.log1p(math.exp(b))) for b in strength)
        for first, second, share in preferences:
            gap = of[first] - of[second]
            total += share * math.log1p(math.exp(-gap)) + (1 - share) * math.log1p(math.exp(gap))
        return total

    found = minimize(loss, np.zeros(len(runs)), method="BFGS", options={"gtol": 1e-8}).x
    points = 1500 + 400 / math.log(10) * (found - found.mean())
    return dict(zip(runs, points, strict=True))


@pytest.mark.parametrize(("runs", "duels", "seed"), [(2, 9, 0), (4, 60, 1), (6, 25, 2)])
def test_ratings_are_those_of_a_general_optimiser(runs: int, duels: int, seed: int) -> None:
    preferences = drawn(runs, duels, seed)
    found = {run: rating.value for run, rating in bradley_terry(preferences).items()}
    assert found == pytest.approx(by_scipy(preferences), abs=0.05)
    assert np.mean(list(found.values())) == pytest.approx(1500)


def test_odds_of_ten_to_one_are_400_points_where_duels_are_many() -> None:
    """The drawn duel with a run of strength 0 no longer matters."""
    many = [Preference("a", "b", 1.0)] * 10_000 + [Preference("b", "a", 1.0)] * 1000
    found = bradley_terry(many)
    assert found["a"].value - found["b"].value == pytest.approx(400, abs=0.5)


def test_two_runs_by_hand() -> None:
    """One duel each way and one tie: equal. One duel won: the slope 1 - 2 s(2b) + 1/2 - s(b) is 0 at b."""
    even = [Preference("a", "b", 1.0), Preference("b", "a", 1.0), Preference("a", "b", 0.5)]
    assert [rating.value for rating in bradley_terry(even).values()] == pytest.approx([1500, 1500])
    (b, other) = strengths(np.array([[[0.0, 1.0], [0.0, 0.0]]]))[0]
    assert other == pytest.approx(-b)
    assert 1 - 1 / (1 + math.exp(-2 * b)) + 0.5 - 1 / (1 + math.exp(-b)) == pytest.approx(
        0, abs=1e-9
    )


def test_who_won_everything_has_a_finite_rating_and_the_order_is_right() -> None:
    sweep = [Preference("a", "b", 1.0)] * 500 + [Preference("b", "c", 1.0)] * 500
    found = bradley_terry(sweep)
    values = [found[run].value for run in "abc"]
    assert values == sorted(values, reverse=True) and max(values) < 5000
    assert found["b"].value == pytest.approx(1500, abs=1e-6)


def test_groups_that_never_met_stand_in_one_table() -> None:
    found = bradley_terry([Preference("a", "b", 1.0), Preference("c", "d", 1.0)])
    assert found["a"].value == pytest.approx(found["c"].value)
    assert found["a"].value > 1500 > found["b"].value


def test_sides_do_not_matter() -> None:
    preferences = drawn(4, 40, 5)
    turned = [Preference(each.second, each.first, 1 - each.share) for each in preferences]
    one, other = bradley_terry(preferences), bradley_terry(turned)
    assert {r: v.value for r, v in one.items()} == pytest.approx(
        {r: v.value for r, v in other.items()}
    )


def test_intervals_hold_the_rating_narrow_with_duels_and_are_of_their_seed() -> None:
    few, many = drawn(3, 20, 7), drawn(3, 2000, 7)
    widths = []
    for preferences in (few, many):
        found = bradley_terry(preferences, seed=1)
        assert found == bradley_terry(preferences, seed=1) != bradley_terry(preferences, seed=2)
        assert all(r.interval[0] <= r.value <= r.interval[1] for r in found.values())
        widths.append(max(r.interval[1] - r.interval[0] for r in found.values()))
    # ten times as narrow by the root's law
    assert 5 < widths[0] / widths[1] < 20


def test_no_duels_no_ratings() -> None:
    assert bradley_terry([]) == {}
