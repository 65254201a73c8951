"""How far a layout is believed, against scikit-learn and a loop."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import trustworthiness as reference

from backend.errors import Cancelled
from backend.evaluation.geometry import trustworthiness
from backend.exploration.layouts import quality
from backend.exploration.layouts.quality import judge

N = 200


@pytest.fixture(scope="module")
def space() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(N, 8))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return rows, (rows[:, :2] + 0.1 * draw.normal(size=(N, 2))).astype(np.float32)


def kept(vectors: np.ndarray, places: np.ndarray, rows: range | np.ndarray) -> float:
    """The share of the ten nearest in space that are among the ten nearest on the map, by a loop."""
    shares = []
    for row in rows:
        near = [
            set(np.argsort(((each - each[row]) ** 2).sum(axis=1), kind="stable")[1:11].tolist())
            for each in (vectors.astype(float), places.astype(float))
        ]
        shares.append(len(near[0] & near[1]) / 10)
    return float(np.mean(shares))


def test_every_point_against_all_is_what_scikit_learn_says(
    space: tuple[np.ndarray, np.ndarray],
) -> None:
    found = judge(*space)
    assert found is not None and found.judged == N
    assert found.trustworthiness == pytest.approx(reference(*space, n_neighbors=10), abs=1e-9)
    assert found.neighbours_kept == pytest.approx(kept(*space, range(N)), abs=1e-9)
    ball = space[0][:, :3] / np.linalg.norm(space[0][:, :3], axis=1, keepdims=True)
    perfect = judge(ball, ball)
    assert perfect is not None and perfect[:2] == (1, 1)


def test_some_points_against_all_are_the_mean_of_theirs(
    space: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "_PRODUCTS", 0)
    found, again = judge(*space, judged=40, seed=1), judge(*space, judged=40, seed=1)
    assert found is not None and found == again and found.judged == 40
    rows = np.sort(np.random.default_rng(1).permutation(N)[:40])
    before, after = (each.astype(float) for each in space)
    each = [trustworthiness(before, after, 10, np.array([row])) for row in rows]
    assert found.trustworthiness == pytest.approx(np.mean(each), abs=1e-9)
    every = [trustworthiness(before, after, 10, np.array([row])) for row in range(N)]
    assert np.mean(every) == pytest.approx(reference(*space, n_neighbors=10), abs=1e-9)
    assert found.neighbours_kept == pytest.approx(kept(*space, rows), abs=1e-9)


def test_a_wide_space_is_judged_among_fewer(
    space: tuple[np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quality, "_VALUES", 8 * 90)
    found = judge(*space, judged=50)
    assert found is not None and found.judged == 50


def test_few_points_have_no_neighbourhoods_and_judging_can_be_stopped(
    space: tuple[np.ndarray, np.ndarray],
) -> None:
    assert judge(space[0][:30], space[1][:30]) is None

    def stop(done: int, total: int, unit: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        judge(*space, report=stop)
