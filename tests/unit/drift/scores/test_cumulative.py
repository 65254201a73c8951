"""Mean cumulative drift, its intervals, and two runs compared."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from backend.drift.scores.cumulative import compare, curve, drift_scores, generations_of
from backend.drift.scores.similarity import Embedded, Similarities, to_start
from backend.errors import InvalidInput
from backend.schemas.drift_scores import Direction
from tests.unit import golden

NAMES: dict[Direction, str] = {
    "text_to_text": "t2t",
    "text_to_image": "t2i",
    "image_to_image": "i2i",
    "image_to_text": "i2t",
}


def from_series() -> dict[Direction, Similarities]:
    """The golden series, as if of one chain."""
    series = golden.arrays()["drift_series"]
    return {
        name: Similarities(("only",), tuple(generations_of(name)), series[row : row + 1])
        for row, name in enumerate(NAMES)
    }


def from_chains() -> dict[Direction, Similarities]:
    ids = [f"item {number}" for number in range(6)]
    found: dict[Direction, Similarities] = {}
    for name, short in NAMES.items():
        rows = golden.arrays()[f"chain_{short}"]
        later = ((number, Embedded(ids, rows[:, number])) for number in generations_of(name))
        found[name] = to_start(Embedded(ids, rows[:, 0]), later)
    return found


@pytest.mark.parametrize(("given", "name"), [(from_series, "series"), (from_chains, "chain")])
def test_mean_cumulative_drift_is_that_of_the_released_code(given, name) -> None:
    found = drift_scores(given()).mean_cumulative_drift
    mine = [*(found.directions[each].value for each in NAMES), found.similarity.value]
    golden.assert_golden(mine, f"drift/{name}/MCD")


def test_higher_means_less_drift() -> None:
    still = Similarities(("a", "b"), (2, 4), np.full((2, 2), 0.9))
    gone = Similarities(("a", "b"), (2, 4), np.full((2, 2), 0.1))
    assert drift_scores({"text_to_text": still}).mean_cumulative_drift.similarity.value > (
        drift_scores({"text_to_text": gone}).mean_cumulative_drift.similarity.value
    )
    assert compare({"text_to_text": gone}, {"text_to_text": still}).differences[
        "mean_cumulative_drift"
    ].difference == pytest.approx(0.8)


def test_generations_alternate_between_the_modalities() -> None:
    assert (
        list(generations_of("text_to_text"))
        == list(generations_of("image_to_image"))
        == [*range(2, 21, 2)]
    )
    assert list(generations_of("image_to_text", 6)) == [1, 3, 5]
    wrong = Similarities(("a",), (1, 2), np.ones((1, 2)))
    with pytest.raises(InvalidInput, match="generation 1, which is of the other modality"):
        drift_scores({"text_to_text": wrong})


def noisy(seed: int, n: int = 80, level: float = 0.5) -> Similarities:
    draw = np.random.default_rng(seed)
    own = draw.normal(0, 0.1, size=(n, 1))  # chains differ as a whole
    values = level + own + draw.normal(0, 0.02, size=(n, 10))
    return Similarities(tuple(f"{row}" for row in range(n)), tuple(range(2, 21, 2)), values)


def test_intervals_are_scipys() -> None:
    table = noisy(0)
    found = curve(table)
    theirs = bootstrap((table.values.mean(axis=1),), np.mean, n_resamples=5000,
                       method="percentile", rng=np.random.default_rng(1)).confidence_interval  # fmt: skip
    assert found.mean_similarity is not None
    assert found.mean_similarity.interval == pytest.approx((theirs.low, theirs.high), abs=0.003)
    assert found.points[3].similarity is not None
    assert found.points[3].similarity.value == pytest.approx(table.values[:, 3].mean())


def test_directions_of_the_same_items_are_drawn_together() -> None:
    # the second direction is what the first is not: their mean is the same for every item
    one = noisy(2)
    values = 1 - one.values
    other = Similarities(one.ids, tuple(range(1, 20, 2)), values)
    found = drift_scores({"text_to_text": one, "text_to_image": other}).mean_cumulative_drift
    assert found.similarity.interval == pytest.approx((0.5, 0.5))
    assert np.ptp(found.directions["text_to_text"].interval) > 0.01


def test_a_missing_sample_counts_nowhere() -> None:
    values = np.array([[0.8, 0.6], [0.4, np.nan], [np.nan, np.nan]])
    found = curve(Similarities(("a", "b", "c"), (2, 4), values))
    first, second = found.points
    assert (first.similarity.value, first.similarity.count, first.missing) == pytest.approx(
        (0.6, 2, 1)
    )
    assert (second.similarity.value, second.similarity.count) == pytest.approx((0.6, 1))
    assert second.similarity.interval is None
    assert found.mean_similarity.value == pytest.approx(0.6)  # with zeros it would be 0.3
    assert found.mean_similarity.count == 2


def test_a_generation_without_any_sample_is_left_out() -> None:
    values = np.array([[0.8, np.nan, 0.4], [0.6, np.nan, 0.2]])
    found = curve(Similarities(("a", "b"), (2, 4, 6), values))
    assert found.points[1].similarity is None
    assert found.points[1].missing == 2
    assert found.mean_similarity.value == pytest.approx((0.7 + 0.3) / 2)
    nothing = Similarities(("a",), (2,), np.full((1, 1), np.nan))
    assert curve(nothing).mean_similarity is None
    with pytest.raises(InvalidInput, match="has no sample"):
        drift_scores({"text_to_text": nothing})


def test_two_runs_are_told_apart_by_less_than_their_own_intervals() -> None:
    one = noisy(3)
    better = Similarities(one.ids, one.generations, one.values + 0.01)
    own = drift_scores({"text_to_text": one}).mean_cumulative_drift.similarity.interval
    assert own is not None
    found = compare({"text_to_text": one}, {"text_to_text": better})
    told = found.differences["mean_cumulative_drift"]
    assert np.ptp(own) > 0.02
    assert told.difference == pytest.approx(0.01)
    assert told.interval == pytest.approx((0.01, 0.01))
    assert told.p < 0.001
    assert found.items == 80
    assert set(found.differences) == {
        "mean_cumulative_drift",
        "text_to_text/mean_cumulative_drift",
    } | {f"text_to_text/generation_{number}" for number in range(2, 21, 2)}


def test_only_what_both_have_is_compared_joined_by_id() -> None:
    one = Similarities(("a", "b", "c"), (2, 4), np.array([[0.9, 0.8], [0.7, 0.5], [0.3, 0.3]]))
    two = Similarities(("d", "b", "a"), (4, 6), np.array([[0.1, 0.1], [0.6, 0.1], [np.nan, 0.2]]))
    found = compare({"text_to_text": one}, {"text_to_text": two})
    assert found.items == 1
    assert found.differences["text_to_text/generation_4"].difference == pytest.approx(0.1)
    assert "text_to_text/generation_2" not in found.differences
    stranger = Similarities(("z",), (2,), np.ones((1, 1)))
    for other in ({"text_to_text": stranger}, {"image_to_image": stranger}):
        with pytest.raises(InvalidInput, match="no sample in common"):
            compare({"text_to_text": one}, other)


def test_the_other_way_round_is_the_negative() -> None:
    one, two = {"text_to_text": noisy(4)}, {"text_to_text": noisy(5)}
    there, back = compare(one, two), compare(two, one)
    for name, found in there.differences.items():
        assert back.differences[name].difference == pytest.approx(-found.difference)
        assert back.differences[name].p == pytest.approx(found.p)
