"""The leaderboard by hand, against slow loops, and by what must not matter."""

from __future__ import annotations

from itertools import permutations
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidInput
from backend.evaluation.leaderboard import (
    LeaderboardEntry,
    Score,
    leaderboard,
    relative_gains,
    top_shares,
)
from backend.schemas import Leaderboard, LeaderboardRow

FLICKR, CALTECH = "flickr8k test, text to image R@1", "caltech101 test, top-1"
positive = st.lists(st.floats(0.01, 1.0), min_size=2, max_size=8)
#: few different values, so that many are equal
coarse = st.lists(st.integers(0, 3).map(float), min_size=1, max_size=6)


def table(values: dict[str, dict[str, float]]) -> Leaderboard:
    """Of bare numbers by run and measure."""
    return leaderboard(
        [
            LeaderboardEntry(run, run.upper(), {name: Score(value) for name, value in row.items()})
            for run, row in values.items()
        ]
    )


def by_run(board: Leaderboard) -> dict[str, LeaderboardRow]:
    return {row.run: row for row in board.rows}


def named(values: list[float]) -> dict[str, float]:
    return {f"r{number}": value for number, value in enumerate(values)}


def test_gains_by_hand() -> None:
    # means: 0.2 and 0.5; c lacks the second measure, and only c has the third
    board = table(
        {
            "a": {FLICKR: 0.1, CALTECH: 0.75},
            "b": {FLICKR: 0.3, CALTECH: 0.25},
            "c": {FLICKR: 0.2, "lonely": 0.9},
        }
    )
    rows = by_run(board)
    assert rows["a"].cells[FLICKR].gain == pytest.approx(-50)
    assert rows["a"].gain == pytest.approx((-50 + 50) / 2)
    assert rows["b"].gain == pytest.approx((50 - 50) / 2)
    assert rows["c"].gain == pytest.approx(0) and rows["c"].gain_measures == 1
    assert rows["a"].gain_measures == 2
    assert board.measures == (FLICKR, CALTECH, "lonely")
    assert list(board.left_out) == ["lonely"] and "one run" in board.left_out["lonely"]
    assert rows["c"].cells["lonely"].gain is None and not rows["c"].cells["lonely"].best
    assert CALTECH not in rows["c"].cells


def test_rows_stand_by_gain_and_those_without_one_last() -> None:
    board = table({"none": {"lonely": 0.9}, "low": {FLICKR: 0.1}, "high": {FLICKR: 0.3}})
    assert [row.run for row in board.rows] == ["high", "low", "none"]
    assert board.rows[2].gain is None and board.rows[2].hit_ratios == {}


def test_a_measure_without_a_mean_above_0_counts_for_no_gain() -> None:
    board = table({"a": {"silhouette": -0.2, FLICKR: 0.2}, "b": {"silhouette": 0.1, FLICKR: 0.1}})
    assert "not above 0" in board.left_out["silhouette"]
    row = by_run(board)["b"]
    assert row.gain == pytest.approx(-100 / 3) and row.gain_measures == 1
    assert row.cells["silhouette"].best and row.hit_ratios[1].measures == 2


@given(values=positive)
def test_gains_of_a_measure_sum_to_0(values: list[float]) -> None:
    assert sum(relative_gains(named(values)).values()) == pytest.approx(0, abs=1e-9)


@given(values=positive, factor=st.floats(0.01, 100))
def test_the_scale_of_a_measure_changes_no_gain(values: list[float], factor: float) -> None:
    scaled = named([factor * value for value in values])
    assert relative_gains(scaled) == pytest.approx(relative_gains(named(values)), abs=1e-9)


def test_stability_by_hand() -> None:
    # deviations: of 1, 2, 3 it is 1; of 1, 3 it is sqrt 2; one setting has none
    scores = {
        FLICKR: Score(2.0, settings={"1": 1.0, "2": 2.0, "3": 3.0}),
        CALTECH: Score(2.0, settings={"photo": 1.0, "sketch": 3.0}, varied="prompt"),
        "once": Score(5.0, settings={"1": 5.0}),
    }
    row = leaderboard([LeaderboardEntry("a", "A", scores)]).rows[0]
    assert row.stability == pytest.approx((1 + 2**0.5) / 2) and row.stability_measures == 2
    assert [row.cells[name].settings for name in scores] == [3, 2, 1]
    assert row.cells[CALTECH].varied == "prompt" and row.cells["once"].deviation is None
    assert table({"a": {FLICKR: 0.1}}).rows[0].stability is None


@given(values=coarse, k=st.integers(1, 4))
def test_top_shares_are_those_of_all_orders_of_equal_ones(values: list[float], k: int) -> None:
    wins: dict[str, list[float]] = {name: [] for name in named(values)}
    for order in permutations(named(values)):
        first = sorted(order, key=lambda name: -named(values)[name])[:k]  # stable: ties as drawn
        for name, won in wins.items():
            won.append(float(name in first))
    shares = top_shares(named(values), k)
    assert shares == pytest.approx({name: fmean(won) for name, won in wins.items()})
    assert sum(shares.values()) == pytest.approx(min(k, len(values)))


@given(seed=st.integers(0, 1000), runs=st.integers(5, 9), settings=st.integers(0, 3))
def test_hit_ratios_of_all_runs_sum_to_k(seed: int, runs: int, settings: int) -> None:
    draw = np.random.default_rng(seed)
    entries = [
        LeaderboardEntry(
            f"r{run}",
            "",
            {
                name: Score(float(draw.integers(1, 5)),
                            settings={str(s): float(draw.integers(1, 5)) for s in range(settings)})
                for name in (FLICKR, CALTECH)
            },
        )
        for run in range(runs)
    ]  # fmt: skip
    rows = leaderboard(entries).rows
    for k in (1, 3):
        assert sum(row.hit_ratios[k].ratio for row in rows) == pytest.approx(k)
        assert rows[0].hit_ratios[k].chance == pytest.approx(k / runs)
        assert rows[0].hit_ratios[k].measures == 2


@pytest.mark.parametrize(("runs", "ks"), [(1, []), (2, [1]), (4, [1]), (5, [1, 3])])
def test_k_is_at_most_half_of_the_runs(runs: int, ks: list[int]) -> None:
    rows = table({f"r{run}": {FLICKR: 0.1 * run} for run in range(runs)}).rows
    assert all(list(row.hit_ratios) == ks for row in rows)


def test_hit_ratios_are_over_settings_that_all_have() -> None:
    # seed 1: a first; seed 2: b first; c was measured with these and a third one
    settings = {
        "a": {"1": 0.9, "2": 0.1},
        "b": {"1": 0.5, "2": 0.6},
        "c": {"1": 0.2, "2": 0.2, "3": 1.0},
    }
    entries = [
        LeaderboardEntry(run, run, {FLICKR: Score(fmean(own.values()), settings=own)})
        for run, own in settings.items()
    ]
    ratios = {row.run: row.hit_ratios[1].ratio for row in leaderboard(entries).rows}
    assert ratios == {"a": 0.5, "b": 0.5, "c": 0.0}
    # without a setting that all have, the values decide
    alone = LeaderboardEntry("d", "d", {FLICKR: Score(0.7)})
    ratios = {row.run: row.hit_ratios[1].ratio for row in leaderboard([*entries, alone]).rows}
    assert ratios == {"a": 0.0, "b": 0.0, "c": 0.0, "d": 1.0}


def test_seeds_and_prompts_of_one_name_are_not_the_same_setting() -> None:
    entries = [
        LeaderboardEntry("a", "a", {FLICKR: Score(0.2, settings={"1": 0.9})}),
        LeaderboardEntry("b", "b", {FLICKR: Score(0.3, settings={"1": 0.1}, varied="prompt")}),
    ]
    assert by_run(leaderboard(entries))["b"].hit_ratios[1].ratio == 1.0


def test_which_prompt_suits_a_run_by_hand() -> None:
    prompts = {FLICKR: (0.3, 0.2, 0.1), CALTECH: (0.5, 0.9, 0.1), "dtd": (0.2, 0.2, 0.1)}
    scores = {
        measure: Score(fmean(values), settings=dict(zip("xyz", values, strict=True)), varied="prompt")
        for measure, values in prompts.items()
    }  # fmt: skip
    scores["seeds"] = Score(0.5, settings={"x": 0.1, "y": 0.9})
    row = leaderboard([LeaderboardEntry("a", "A", scores)]).rows[0]
    # x is first in one measure, y in one, and they share the third
    found = {prompt: ratios[1].ratio for prompt, ratios in row.prompts.items()}
    assert found == pytest.approx({"x": 0.5, "y": 0.5, "z": 0.0})
    assert row.prompts["x"][1].chance == pytest.approx(1 / 3) and row.prompts["x"][1].measures == 3
    assert list(row.prompts["x"]) == [1]  # three prompts are too few for K = 3


def test_the_best_and_those_in_its_interval_are_marked() -> None:
    scores = {
        "a": (0.5, (0.4, 0.6)),
        "b": (0.4, (0.3, 0.5)),
        "c": (0.39, (0.3, 0.9)),
        "d": (0.1, None),
    }
    cells = {
        row.run: row.cells[FLICKR]
        for row in leaderboard(
            [LeaderboardEntry(run, run, {FLICKR: Score(*score)}) for run, score in scores.items()]
        ).rows
    }  # fmt: skip
    assert [run for run, cell in cells.items() if cell.best] == ["a"]
    assert [run for run, cell in cells.items() if cell.within_best] == ["b"]
    assert cells["b"].interval == (0.3, 0.5) and cells["d"].interval is None
    equal = table({"a": {FLICKR: 0.5}, "b": {FLICKR: 0.5}, "c": {FLICKR: 0.4}}).rows
    assert [row.cells[FLICKR].best for row in equal] == [True, True, False]
    assert not any(row.cells[FLICKR].within_best for row in equal)


def test_the_order_of_runs_does_not_matter() -> None:
    draw = np.random.default_rng(0)
    values = {
        f"r{run}": {name: float(draw.random()) for name in (FLICKR, CALTECH)} for run in range(6)
    }
    turned = dict(reversed(values.items()))
    assert table(turned).rows == table(values).rows


def test_all_faults_are_told_at_once_and_nothing_is_an_empty_board() -> None:
    twice = LeaderboardEntry("a", "A", {FLICKR: Score(float("nan"))})
    wild = LeaderboardEntry("b", "B", {CALTECH: Score(0.1, settings={"1": float("inf")})})
    with pytest.raises(InvalidInput) as caught:
        leaderboard([twice, twice, wild])
    assert len(caught.value.faults) == 4
    assert leaderboard([]) == Leaderboard(measures=(), left_out={}, rows=())
