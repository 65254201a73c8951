"""The drift rate against the released fits, SciPy's, and curves whose rate is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit, least_squares

from backend.drift.scores.rate import curve, drift_rate, fit
from backend.drift.scores.similarity import Similarities
from backend.errors import InvalidInput
from tests.unit import golden
from tests.unit.drift.scores.test_cumulative import NAMES, from_chains, from_series

EVEN = np.arange(2, 21, 2)


@pytest.mark.parametrize(("given_", "name"), [(from_series, "series"), (from_chains, "chain")])
def test_rates_are_those_of_the_released_code(given_, name) -> None:
    found = drift_rate(given_())
    for direction, short in NAMES.items():
        own, their = found.directions[direction], golden.value(f"drift/{name}/SDR/{short}")
        golden.assert_golden([own.a, own.b, own.c], f"drift/{name}/SDR/{short}")
        assert curve((own.a, own.b, own.c), EVEN) == pytest.approx(
            curve(tuple(their), EVEN), abs=1e-6
        )
        assert own.at_bounds == ()
    golden.assert_golden(found.mean, f"drift/{name}/SDR/average")


@pytest.mark.parametrize(("given_", "name"), [(from_series, "series"), (from_chains, "chain")])
def test_the_averaged_curve_is_fitted_against_generations_and_not_their_numbers(
    given_, name
) -> None:
    directions = given_()
    means = np.mean([each.values.mean(axis=0) for each in directions.values()], axis=0)
    released = fit(range(1, 11), means)  # against 1 to 10, as shipped
    golden.assert_golden(
        [released.a, released.b, released.c], f"drift/{name}/SDR/averaged_curve_fit"
    )
    found = drift_rate(directions).averaged
    assert found is not None
    # a step of the number is two generations, so its rate came out twice as high
    assert released.b == pytest.approx(2 * found.b, rel=1e-4)
    assert released.c == pytest.approx(found.c, abs=1e-4)
    # the mean of 2, 1, 2 and 1 is 3/2
    assert curve((found.a, found.b, found.c), [1.5, 3.5]) == pytest.approx(
        curve((released.a, released.b, released.c), [1, 2]), abs=1e-6
    )


@settings(max_examples=30)
@given(a=st.floats(0.05, 1.5), b=st.floats(0.02, 1.5), c=st.floats(-0.9, 0.9))
def test_a_curve_that_is_a_decay_is_found_again(a, b, c) -> None:
    found = fit(EVEN, curve((a, b, c), EVEN))
    assert curve((found.a, found.b, found.c), EVEN) == pytest.approx(
        curve((a, b, c), EVEN), abs=1e-6
    )
    assert found.half_life is not None
    half = curve((found.a, found.b, found.c), [0, found.half_life])
    assert (half[1] - found.c) == pytest.approx((half[0] - found.c) / 2)
    assert found.half_life == pytest.approx(math.log(2) / found.b)


@settings(max_examples=25)
@given(st.lists(st.floats(-1, 1), min_size=10, max_size=10))
def test_no_fit_of_scipys_within_the_bounds_is_better(values) -> None:
    y = np.array(values)
    found = fit(EVEN, y)
    mine = ((curve((found.a, found.b, found.c), EVEN) - y) ** 2).sum()
    assert 0 <= found.a <= 2
    assert found.b >= 0
    assert -1 <= found.c <= 1
    for rate in (0.01, 0.1, 1.0):
        theirs = least_squares(
            lambda at: curve(tuple(at), EVEN) - y,
            (0.5, rate, 0.1),
            bounds=((0, 0, -1), (2, 20, 1)),
        )
        assert mine <= 2 * theirs.cost + 1e-6


def test_a_curve_that_is_nearly_straight_stays_within_the_bounds() -> None:
    y = 1 - 0.03 * EVEN + 0.0005 * np.sin(np.arange(10))
    released, _ = curve_fit(
        lambda g, a, b, c: a * np.exp(-b * g) + c, EVEN, y, p0=(1, 0.1, 0), maxfev=50_000
    )
    assert released[0] > 10  # a similarity that begins with a and ends with c has no such values
    assert released[2] < -10
    found = fit(EVEN, y)
    assert found.a == 2
    assert found.at_bounds == ("a",)
    assert found.r2 is not None
    assert found.r2 > 0.99


def test_what_does_not_fall_has_no_rate() -> None:
    for y in (0.03 * EVEN, np.full(10, 0.4)):
        found = fit(EVEN, y)
        assert (found.a, found.b, found.half_life) == (0, 0, None)
        assert found.c == pytest.approx(np.mean(y))
    assert fit(EVEN, np.full(10, 0.4)).r2 is None
    assert fit(EVEN, 0.03 * EVEN).r2 == pytest.approx(0)


@pytest.mark.parametrize("points", [0, 1, 4])
def test_fewer_than_five_points_are_refused(points: int) -> None:
    with pytest.raises(InvalidInput, match=f"at least 5 generations.*there are {points}"):
        fit(EVEN[:points], np.linspace(0.9, 0.5, points))
    with pytest.raises(InvalidInput, match="at least 5"):
        fit([2, 2, 2, 4, 4], [0.9, 0.9, 0.8, 0.7, 0.7])
    with pytest.raises(InvalidInput, match="finite"):
        fit(EVEN, [np.nan] * 10)


def test_the_interval_holds_the_rate_and_shrinks_with_more_chains() -> None:
    draw = np.random.default_rng(0)

    def interval(n: int) -> tuple[float, float]:
        values = curve((0.6, 0.15, 0.3), EVEN) + draw.normal(0, 0.08, size=(n, 10))
        table = Similarities(tuple(map(str, range(n))), tuple(EVEN.tolist()), values)
        found = drift_rate({"text_to_text": table}).directions["text_to_text"].b_interval
        assert found is not None
        return found

    few, many = interval(20), interval(400)
    assert many[0] < 0.15 < many[1]
    assert np.ptp(many) < np.ptp(few) / 2


def test_missing_samples_and_generations_are_left_out_of_the_fit() -> None:
    values = np.tile(curve((0.6, 0.15, 0.3), EVEN), (3, 1))
    values[0, 4] = np.nan
    values[:, 7] = np.nan
    table = Similarities(("a", "b", "c"), tuple(EVEN.tolist()), values)
    found = drift_rate({"text_to_text": table})
    assert found.directions["text_to_text"].points == 9
    assert found.directions["text_to_text"].b == pytest.approx(0.15, abs=1e-5)
    assert found.averaged is not None
    assert found.averaged.points == 9
