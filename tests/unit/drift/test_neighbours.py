"""Nearest items against a sort of all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.drift.neighbours import nearest
from tests.unit.drift.plane import at_random, index

SPACE = at_random(40, 90, dimension=6)


def by_sorting(side: str, query: np.ndarray, k: int, barred: set[int]) -> list[int]:
    cosines = (SPACE[side].vectors().astype(float) * query.astype(float)).sum(axis=1)
    order = sorted(range(len(cosines)), key=lambda row: (-cosines[row], row))
    return [row for row in order if row not in barred][:k]


@given(st.data())
def test_it_is_the_first_of_all_in_order(data) -> None:
    k = data.draw(st.integers(1, 60))
    excluded = data.draw(st.sets(st.integers(0, 89)))
    queries = data.draw(st.lists(st.integers(0, 39), min_size=1, max_size=5))
    visited = [data.draw(st.lists(st.integers(0, 89), max_size=20)) for _ in queries]
    mask = np.isin(np.arange(90), list(excluded))
    given_ = SPACE["image"].vectors()[queries]
    rows, cosines = nearest(SPACE["text"], given_, k, mask, visited)
    for query, found, scores, own in zip(given_, rows, cosines, visited, strict=True):
        expected = by_sorting("text", query, k, excluded | set(own))
        assert found[: len(expected)].tolist() == expected
        assert (found[len(expected) :] == -1).all()
        assert np.isnan(scores[len(expected) :]).all()
        assert scores[: len(expected)] == pytest.approx(
            [float(SPACE["text"].vectors()[row] @ query) for row in expected], abs=1e-6
        )


@pytest.mark.parametrize("at", [0, 700, 999])
def test_of_more_equals_than_are_asked_for_it_is_the_lowest_row(at: int) -> None:
    rows = np.tile([0.0, 1.0], (1000, 1))
    rows[at:] = [1.0, 0.0]
    alike = index([str(row) for row in range(1000)], rows)
    found, _ = nearest(alike, np.array([[1.0, 0.0]], np.float32), 3)
    assert found[0].tolist() == ([at, at + 1, at + 2] if at < 998 else [999, 0, 1])


def test_a_query_finds_the_same_in_any_company() -> None:
    draw = np.random.default_rng(3)
    close = draw.normal(size=(1, 64)) + 1e-4 * draw.normal(size=(400, 64))  # all nearly equal
    close /= np.linalg.norm(close, axis=1, keepdims=True)
    space = index([str(row) for row in range(400)], close)
    queries = space.vectors()[:50]
    together = nearest(space, queries, 5)
    for place in range(50):
        alone = nearest(space, queries[place : place + 1], 5)
        assert (alone[0][0] == together[0][place]).all()
        assert (alone[1][0] == together[1][place]).all()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    queries = SPACE["image"].vectors()
    whole = nearest(SPACE["text"], queries, 4)
    monkeypatch.setattr("backend.drift.neighbours._CELLS", 100)
    parts = nearest(SPACE["text"], queries, 4)
    assert (whole[0] == parts[0]).all()
    assert (whole[1] == parts[1]).all()
