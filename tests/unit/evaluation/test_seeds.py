"""Means over seeds and their intervals, against numbers from tables."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backend.evaluation.retrieval import evaluate, mean_recall
from backend.evaluation.seeds import across_seeds, recalls, spread


def test_the_interval_is_students() -> None:
    # t(0.975, 4) = 2.776445 from a table
    values = [0.10, 0.12, 0.11, 0.15, 0.12]
    found = spread(values)
    half = 2.776445 * np.std(values, ddof=1) / math.sqrt(5)
    assert found.mean == pytest.approx(0.12) and found.values == tuple(values)
    assert found.interval == pytest.approx((0.12 - half, 0.12 + half), abs=1e-6)


def test_two_seeds_tell_little() -> None:
    # t(0.975, 1) = 12.7062
    found = spread([0.4, 0.5])
    assert found.interval == pytest.approx((0.45 - 12.7062 * 0.05, 0.45 + 12.7062 * 0.05), abs=1e-5)


def test_the_interval_holds_the_mean_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    inside = 0
    for _ in range(1000):
        low, high = spread(draw.normal(3.0, 2.0, 5).tolist()).interval
        inside += low <= 3.0 <= high
    assert 930 <= inside <= 970


def test_equal_values_have_no_width_and_one_value_no_spread() -> None:
    assert spread([0.25] * 3).interval == (0.25, 0.25)
    with pytest.raises(ValueError, match="at least 2"):
        spread([0.25])


def test_all_recalls_both_ways() -> None:
    draw = np.random.default_rng(1)
    owner = np.repeat(np.arange(20), 2)
    by_seed = {}
    for seed in (3, 4):
        image = draw.normal(size=(20, 4)).astype(np.float32)
        text = image[owner] + draw.normal(size=(40, 4)).astype(np.float32)
        image /= np.linalg.norm(image, axis=1, keepdims=True)
        text /= np.linalg.norm(text, axis=1, keepdims=True)
        told = mean_recall(image, text, owner)
        own = recalls(evaluate(image, text, owner, "test"))
        assert own == pytest.approx({name: told[name] for name in own})
        by_seed[seed] = told
    found = across_seeds(by_seed)
    assert found.seeds == (3, 4)
    for way in ("image_to_text", "text_to_image"):
        for k in (1, 5, 10):
            name = f"recall_at_{k}"
            values = getattr(getattr(found, way), name).values
            assert values == tuple(by_seed[seed][f"{way}/{name}"] for seed in (3, 4))
