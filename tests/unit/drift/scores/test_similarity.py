"""Cosines between generations, joined by id, against loops over chains."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.drift.scores.cumulative import generations_of
from backend.drift.scores.similarity import (
    Embedded,
    self_consistency,
    step_to_step,
    to_start,
)
from backend.errors import InvalidInput
from tests.unit import golden

IDS = [f"item {number}" for number in range(6)]


def chain(name: str = "chain_t2t") -> np.ndarray:
    """(6, 21, 8) embeddings of generations 0 to 20."""
    return golden.arrays()[name]


def at(rows: np.ndarray, generation: int, ids: list[str] = IDS) -> tuple[int, Embedded]:
    return generation, Embedded(ids, rows[:, generation])


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.sqrt((one @ one) * (other @ other)))


@pytest.mark.parametrize(
    ("direction", "name"),
    [
        ("text_to_text", "t2t"),
        ("text_to_image", "t2i"),
        ("image_to_image", "i2i"),
        ("image_to_text", "i2t"),
    ],
)
def test_mean_cosines_are_those_of_the_released_code(direction, name) -> None:
    rows = chain(f"chain_{name}")
    found = to_start(at(rows, 0)[1], (at(rows, number) for number in generations_of(direction)))
    golden.assert_golden(found.values.mean(axis=0), f"drift/chain/S/{name}")


def test_every_cell_is_the_cosine_of_its_chain() -> None:
    rows = chain()
    found = to_start(at(rows, 0)[1], [at(rows, 2), at(rows, 4)])
    for row in range(6):
        for column, generation in enumerate((2, 4)):
            assert found.values[row, column] == pytest.approx(
                cosine(rows[row, 0], rows[row, generation])
            )


@given(st.permutations(range(6)), st.sets(st.integers(0, 5), max_size=5))
def test_rows_are_joined_by_id_whatever_their_order_and_whatever_is_missing(order, gone) -> None:
    rows = chain()
    whole = to_start(at(rows, 0)[1], [at(rows, 2)]).values[:, 0]
    kept = [row for row in order if row not in gone]
    later = Embedded([IDS[row] for row in kept], rows[kept, 2])
    found = to_start(at(rows, 0)[1], [(2, later)]).values[:, 0]
    for row in range(6):
        if row in gone:  # the released code left 0 there
            assert np.isnan(found[row])
        else:
            assert found[row] == whole[row]


def test_step_to_step_is_to_the_generation_before() -> None:
    rows = chain()
    found = step_to_step([at(rows, number) for number in (0, 2, 4)])
    assert found.generations == (2, 4)
    expected = [[cosine(row[0], row[2]), cosine(row[2], row[4])] for row in rows]
    assert found.values == pytest.approx(np.array(expected))


def test_a_step_from_or_to_a_missing_sample_is_missing() -> None:
    rows = chain()
    without = [row for row in range(6) if row != 3]
    found = step_to_step([at(rows, 0), (1, Embedded([IDS[row] for row in without], rows[without, 1])),
                          at(rows, 2), at(rows, 3)])  # fmt: skip
    assert np.isnan(found.values[3]).tolist() == [True, True, False]
    assert np.isfinite(found.values[without]).all()


def test_a_chain_is_entirely_consistent_with_itself_and_less_with_another() -> None:
    rows, other = chain(), chain("chain_t2i")
    same = self_consistency([at(rows, 2), at(rows, 4)], [at(rows, 2), at(rows, 4)])
    assert same.values == pytest.approx(1)
    again = [(number, Embedded(IDS[::-1], other[::-1, number])) for number in (2, 4)]
    found = self_consistency([at(rows, 2), at(rows, 4)], again)
    assert found.values[1, 0] == pytest.approx(cosine(rows[1, 2], other[1, 2]))
    with pytest.raises(InvalidInput, match="different generations"):
        self_consistency([at(rows, 2), at(rows, 4)], [at(rows, 2)])


def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = chain()
    whole = to_start(at(rows, 0)[1], [at(rows, 2)]).values
    monkeypatch.setattr("backend.drift.scores.similarity._BLOCK", 4)
    assert (to_start(at(rows, 0)[1], [at(rows, 2)]).values == whole).all()


def test_all_faults_are_told_at_once() -> None:
    rows = chain()
    broken = rows[:, 3].copy()
    broken[2] = 0
    broken[4, 0] = np.nan
    with pytest.raises(InvalidInput) as told:
        to_start(
            at(rows, 0)[1],
            [
                (1, Embedded([*IDS[:5], "item 0"], rows[:, 1])),
                (2, Embedded([*IDS[:5], "stranger"], rows[:, 2])),
                (3, Embedded(IDS, broken)),
                (4, Embedded(IDS, rows[:, 4, :5])),
                (4, Embedded(IDS, rows[:, 4])),
                (5, Embedded(IDS[:2], rows[:, 5])),
            ],
        )
    assert [fault.where for fault in told.value.faults] == [
        f"generation {number}" for number in (1, 2, 3, 4, 4, 5)
    ]
    words = str(told.value)
    for part in (
        "more than one row of 'item 0'",
        "'stranger'",
        "'item 2', 'item 4'",
        "5 numbers a row",
    ):
        assert part in words
