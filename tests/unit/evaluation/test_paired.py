"""The paired bootstrap against SciPy's, by what p means, and by what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, kstest

from backend.evaluation import resampling
from backend.evaluation.paired import Answered, answered
from backend.evaluation.paired import compare as compare_answers
from backend.evaluation.retrieval import evaluate
from tests.unit.golden import unit


def spaces(seed: int, noise: float, images: int = 60, captions: int = 3):
    """The same items, seen through more or less noise."""
    draw = np.random.default_rng(1)
    owner = np.repeat(np.arange(images), captions)
    image = unit(draw.normal(size=(images, 16)))
    text = unit(image[owner] + noise * np.random.default_rng(seed).normal(size=(len(owner), 16)))
    return image.astype(np.float32), text.astype(np.float32), owner


def compare(first, second):
    return compare_answers(answered(first), answered(second))


def paired_difference(gained, owners, images, seed=0):
    """One measure, of a run against one that scores nothing."""
    nothing, scored = (
        Answered({"way/measure": values}, {"way": owners}, images)
        for values in (np.zeros(len(gained)), gained)
    )
    return compare_answers(nothing, scored, seed)["way/measure"]


def test_the_interval_is_scipys() -> None:
    draw = np.random.default_rng(0)
    gained = draw.choice([-1.0, 0.0, 0.0, 1.0, 1.0], 400)
    mine = paired_difference(gained, np.arange(400), 400)
    theirs = bootstrap((gained,), np.mean, n_resamples=5000, method="percentile",
                       rng=np.random.default_rng(2)).confidence_interval  # fmt: skip
    assert mine.difference == pytest.approx(gained.mean())
    assert mine.interval == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_differences_are_those_of_the_reports() -> None:
    first, second = spaces(3, 0.9), spaces(4, 0.6)
    found = compare(first, second)
    assert len(found) == 8
    before, after = evaluate(*first, "test"), evaluate(*second, "test")
    for way in ("text_to_image", "image_to_text"):
        for k in (1, 5, 10):
            gained = getattr(getattr(after, way), f"recall_at_{k}")
            gained -= getattr(getattr(before, way), f"recall_at_{k}")
            assert found[f"{way}/recall_at_{k}"].difference == pytest.approx(gained)
    assert found["text_to_image/recall_at_1"].p < 0.01
    assert found["text_to_image/recall_at_1"].interval[0] > 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_other_way_round_is_the_negative(seed: int) -> None:
    first, second = spaces(seed, 0.9), spaces(seed + 1, 0.8)
    there, back = compare(first, second), compare(second, first)
    for name, found in there.items():
        assert back[name].difference == pytest.approx(-found.difference)
        assert back[name].interval == pytest.approx((-found.interval[1], -found.interval[0]))
        assert back[name].p == pytest.approx(found.p)


def test_a_run_is_as_good_as_itself() -> None:
    found = compare(spaces(5, 0.8), spaces(5, 0.8))
    for each in found.values():
        assert (each.difference, each.interval, each.p) == (0.0, (0.0, 0.0), 1.0)


def test_p_is_uniform_where_there_is_no_difference() -> None:
    draw = np.random.default_rng(7)
    p = [
        paired_difference(draw.normal(size=200), np.arange(200), 200, seed).p for seed in range(200)
    ]
    assert kstest(p, "uniform").pvalue > 0.01


def test_captions_of_one_image_are_drawn_together() -> None:
    # all captions of an image gain alike: as uncertain as a fifth of as many would be
    draw = np.random.default_rng(8)
    by_image = draw.normal(size=100)
    owners = np.repeat(np.arange(100), 5)
    together = paired_difference(by_image[owners], owners, 100)
    alone = paired_difference(by_image, np.arange(100), 100)
    assert together.interval == pytest.approx(alone.interval)


def test_blocks_of_draws_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gained = np.random.default_rng(9).normal(size=50)
    whole = paired_difference(gained, np.arange(50), 50)
    monkeypatch.setattr(resampling, "_CELLS", 700)
    assert paired_difference(gained, np.arange(50), 50) == whole
