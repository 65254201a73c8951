"""Neighbours kept between two spaces: a slow loop says the same, chance is what random orders keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backend.exploration import changes
from backend.exploration.changes import Space, chance_kept, neighbours_kept
from backend.exploration.points import Drawn


def unit(rows: int, seed: int, width: int = 6) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=(rows, width)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


FIRST = Space(unit(23, 0), unit(61, 1))
SECOND = Space(unit(23, 2), (FIRST.text + 0.4 * unit(61, 3)).astype(np.float32))
EVERY = Drawn(np.arange(23), np.arange(61))


def slowly(k: int, among: str) -> list[float]:
    """One point after the other, with sorted cosines and Python sets."""
    found = []
    for side, count in (("image", 23), ("text", 61)):
        targets = ["text" if side == "image" else "image"] + ([side] if among == "both" else [])
        for row in range(count):
            shares = []
            for target in targets:
                nearest = []
                for space in (FIRST, SECOND):
                    cosines = getattr(space, target) @ getattr(space, side)[row]
                    order = [i for i in np.argsort(-cosines) if target != side or i != row]
                    nearest.append(set(order[:k]))
                shares.append(len(nearest[0] & nearest[1]) / len(nearest[0]))
            found.append(float(np.mean(shares)))
    return found


@pytest.mark.parametrize("among", ["other", "both"])
@pytest.mark.parametrize("k", [1, 10, 40])
def test_a_slow_loop_finds_the_same(among: Any, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_SCORES", 64 * 61)  # in more than one piece
    told: list[tuple[int, int]] = []
    found = neighbours_kept(
        FIRST, SECOND, EVERY, k, among, lambda done, total, unit: told.append((done, total))
    )
    np.testing.assert_allclose(found, slowly(k, among), atol=1e-6)
    assert told[-1] == (84, 84)


def test_some_points_are_asked_about_among_all() -> None:
    some = Drawn(np.array([3, 22]), np.array([0, 5, 60]))
    every = neighbours_kept(FIRST, SECOND, EVERY, 4, "both")
    found = neighbours_kept(FIRST, SECOND, some, 4, "both")
    np.testing.assert_array_equal(found, every[np.concatenate([some.image, 23 + some.text])])


@pytest.mark.parametrize("among", ["other", "both"])
def test_the_same_space_keeps_all_also_where_vectors_repeat(among: Any) -> None:
    twice = Space(np.repeat(FIRST.image, 2, axis=0), np.repeat(FIRST.text, 3, axis=0))
    rows = Drawn(np.arange(46), np.arange(183))
    np.testing.assert_array_equal(neighbours_kept(twice, twice, rows, 5, among), 1.0)


def test_a_rotation_of_a_space_changes_no_neighbour() -> None:
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(6, 6)))[0].astype(np.float32)
    turned = Space(FIRST.image @ turn, FIRST.text @ turn)
    np.testing.assert_array_equal(neighbours_kept(FIRST, turned, EVERY, 7, "both"), 1.0)


@pytest.mark.parametrize("among", ["other", "both"])
def test_spaces_that_know_nothing_of_each_other_keep_what_chance_does(among: Any) -> None:
    shares = [
        neighbours_kept(
            Space(unit(23, seed), unit(61, seed + 1)),
            Space(unit(23, seed + 2), unit(61, seed + 3)),
            EVERY, 5, among,
        ).mean()
        for seed in range(100, 300, 4)
    ]  # fmt: skip
    expected = chance_kept(23, 61, 5, EVERY, among)
    assert np.mean(shares) == pytest.approx(expected, abs=3 * np.std(shares) / np.sqrt(len(shares)))


def test_chance_by_hand() -> None:
    # 10 images look for 2 of 50 captions, 50 captions for 2 of 10 images
    every = Drawn.of(np.arange(60), 10)
    assert chance_kept(10, 50, 2, every) == pytest.approx((10 * 0.04 + 50 * 0.2) / 60)
    assert chance_kept(10, 50, 20, Drawn.of(np.array([11, 12]), 10)) == 1.0


def test_points_are_drawn_evenly_from_both_sides() -> None:
    every = Drawn.evenly(3, 5, 8)
    assert every.image.tolist() == [0, 1, 2] and every.text.tolist() == [0, 1, 2, 3, 4]
    some = Drawn.evenly(1000, 5000, 600)
    assert (len(some.image), len(some.text)) == (100, 500)
    assert some.text[[0, -1]].tolist() == [0, 4999] and len(set(some.text.tolist())) == 500
    assert len(Drawn.evenly(1, 10_000, 50)) == 50
