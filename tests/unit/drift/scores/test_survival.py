"""Survival of attributes by hand, and Kaplan and Meier's share against a loop and SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf

from backend.drift.scores.scenes import ATTRIBUTES, AttributeTable, attribute_table
from backend.drift.scores.survival import first_losses, survival

GENERATIONS = (1, 2, 3, 4, 5)


def table(kept: np.ndarray) -> AttributeTable:
    """Of colour alone, (n, 5)."""
    values = np.full((*kept.shape, len(ATTRIBUTES)), np.nan)
    values[..., ATTRIBUTES.index("colour")] = kept
    return AttributeTable(tuple(map(str, range(len(kept)))), GENERATIONS, values, 0 * values)


def colour(kept: np.ndarray):
    (found,) = survival(table(kept))
    assert found.attribute == "colour"
    return found


def test_by_hand() -> None:
    found = colour(np.array([
        [1, 1, 1, 1, 1],
        [1, 0.5, 1, 1, 1],  # comes back: kept again, but not intact
        [1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]))  # fmt: skip
    assert [point.kept.value for point in found.points] == [0.75, 0.625, 0.5, 0.5, 0.5]
    assert [point.intact.value for point in found.points] == [0.75, 0.5, 0.25, 0.25, 0.25]
    assert found.median_loss == 2
    assert found.items == 4
    losses = first_losses(table(np.array([[1, 1, 0.5, 1, 0], [1, 1, 1, 1, 1]])))
    assert losses[0, ATTRIBUTES.index("colour")] == 3
    assert np.isnan(losses[1]).all()


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 5)), min_size=2, max_size=12),
)
def test_intact_is_kaplan_and_meiers_of_scipy(items) -> None:
    """Of each item: the generation of its loss (6: none), and the last at which it is seen."""
    kept = np.array([
        [np.nan if g > last else float(g < loss) for g in GENERATIONS] for loss, last in items
    ])  # fmt: skip
    lost = [loss for loss, last in items if loss <= last]
    seen = [last for loss, last in items if loss > last]
    found = colour(kept)
    told = ecdf(CensoredData(uncensored=lost, right=seen)).sf
    for point in found.points:
        if point.intact is not None:
            assert point.intact.value == pytest.approx(float(told.evaluate(point.generation)))


def test_intervals_hold_the_value_and_shrink() -> None:
    draw = np.random.default_rng(0)

    def width(n: int) -> float:
        lost = draw.geometric(0.2, size=(n, 1)) <= np.array(GENERATIONS)
        point = colour(1.0 - lost).points[2]
        low, high = point.intact.interval
        assert low < point.intact.value < high
        assert point.intact.value == pytest.approx(0.8**3, abs=4 * (high - low))
        return high - low

    assert width(800) < width(50) / 2


def test_where_all_is_kept_there_is_still_an_interval() -> None:
    found = colour(np.ones((20, 5)))
    assert found.median_loss is None
    for point in found.points:
        assert point.intact.value == point.kept.value == 1
        assert point.intact.interval[0] < 0.9
    alone = colour(np.ones((1, 5))).points[0]
    assert alone.kept.interval is None


def test_who_is_never_seen_again_is_not_lost() -> None:
    found = colour(np.array([[1, 0, 0, 0, 0], [1, np.nan, np.nan, np.nan, np.nan]]))
    assert found.points[1].intact.value == 0  # of those who were seen
    gone = colour(np.array([[1, 1, np.nan, np.nan, np.nan], [1, 0, 0, 0, 0]]))
    assert [None if each.intact is None else each.intact.value for each in gone.points] == [
        1, 0.5, None, None, None
    ]  # fmt: skip


def test_real_chains_lose_what_their_captions_leave_out() -> None:
    start = {
        f"{place}": f"a large striped {name} circle" for place, name in enumerate(["red", "blue"])
    }
    later = [
        (1, {"0": "a red circle", "1": "a large striped blue circle"}),
        (2, {"0": "a red circle", "1": "a green star"}),
    ]
    found = {each.attribute: each for each in survival(attribute_table(start, later))}
    assert set(found) == {"count", "colour", "shape", "texture", "size"}
    assert [each.intact.value for each in found["texture"].points] == [0.5, 0]
    assert [each.intact.value for each in found["colour"].points] == [1, 0.5]
    assert [each.changed.value for each in found["colour"].points] == [0, 0.5]
    assert [each.changed.value for each in found["texture"].points] == [0, 0]
