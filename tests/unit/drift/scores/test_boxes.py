"""Boxes against loops over pixels and pairs, and the released relations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.drift.scores.boxes import overlaps, relations, suppress
from tests.unit import golden

#: the pairs that the golden relations are of
PAIRS = [
    ((0, 0, 10, 10), (30, 0, 40, 10)),
    ((0, 0, 10, 10), (0.5, 30, 10.5, 40)),
    ((0, 0, 10, 10), (2, 2, 12, 12)),
    ((100, 100, 140, 140), (60, 150, 90, 190)),
    ((0, 0, 10, 10), (2.6, 0, 12.6, 10)),
]
_corner = st.integers(0, 12)
BOXES = st.lists(
    st.tuples(_corner, _corner, st.integers(1, 9), st.integers(1, 9)).map(
        lambda at: (at[0], at[1], at[0] + at[2], at[1] + at[3])
    ),
    min_size=1,
    max_size=5,
)


def pixels(box) -> set[tuple[int, int]]:
    return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}


@given(BOXES, BOXES)
def test_overlap_is_that_of_the_pixels(first, second) -> None:
    found = overlaps(np.array(first, float), np.array(second, float))
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            a, b = pixels(one), pixels(other)
            assert found[row, column] == pytest.approx(len(a & b) / len(a | b))


def test_boxes_without_area_overlap_nothing() -> None:
    assert overlaps(
        np.array([[3.0, 3, 3, 9]]), np.array([[3.0, 3, 3, 9], [0, 0, 5, 5]])
    ).tolist() == [[0, 0]]


@given(BOXES, st.data())
def test_suppression_is_the_greedy_loop(boxes, data) -> None:
    size = {"min_size": len(boxes), "max_size": len(boxes)}
    scores = data.draw(st.lists(st.sampled_from([0.2, 0.5, 0.5, 0.9]), **size))
    left = sorted(range(len(boxes)), key=lambda row: -scores[row])
    expected = []
    while left:
        best = left.pop(0)
        expected.append(best)
        own = pixels(boxes[best])
        left = [
            row
            for row in left
            if len(own & pixels(boxes[row])) / len(own | pixels(boxes[row])) <= 0.4
        ]
    assert suppress(boxes, scores, 0.4) == expected
    assert suppress(boxes, scores, None) == sorted(range(len(boxes)), key=lambda row: -scores[row])


def test_relations_in_pixels_are_the_released_ones() -> None:
    found = [sorted(relations(*pair, pixels=True)) for pair in PAIRS]
    assert found == golden.value("mgg/relative_position")


@given(BOXES, BOXES, st.sampled_from([0.1, 3, 100]))
def test_relations_do_not_depend_on_the_size_of_the_picture(first, second, zoom) -> None:
    one, other = first[0], second[0]
    larger = [tuple(zoom * at for at in box) for box in (one, other)]
    assert relations(one, other) == relations(*larger)


def test_in_pixels_they_do() -> None:
    one, other = PAIRS[4]  # 2.6 pixels apart, 2 of which are slack
    assert relations(one, other, pixels=True) == {"left of"}
    assert relations(*([at / 10 for at in box] for box in (one, other)), pixels=True) == set()
    assert relations(one, other) == set()  # 0.6 of 2.6 is less than half


@given(BOXES, BOXES)
def test_relations_turn_round_with_the_boxes(first, second) -> None:
    turned = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    there = relations(first[0], second[0])
    assert {turned[name] for name in there} == relations(second[0], first[0])
    assert relations(first[0], first[0]) == set()


def test_a_diagonal_is_both() -> None:
    assert relations((0, 0, 10, 10), (90, 90, 100, 100)) == {"left of", "above"}
    assert relations((0, 0, 10, 10), (90, 20, 100, 30)) == {"left of"}
