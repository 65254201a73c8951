"""Shifts by hand, against slow loops and SciPy's bootstrap."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from backend.errors import InvalidInput
from backend.evaluation.counterfactual import paraphrase_distance, shift, shifts
from backend.evaluation.swapping import swaps
from backend.schemas import Swap
from tests.unit.golden import unit


def spaces(seed: int, images: int = 80, each: int = 1, moved: float = 0.5):
    """Captions near their image, and the same moved by so much."""
    draw = np.random.default_rng(seed)
    owner = np.repeat(np.arange(images), each)
    image = unit(draw.normal(size=(images, 12)))
    before = unit(image[owner] + 0.3 * draw.normal(size=(len(owner), 12)))
    after = unit(before + moved * draw.normal(size=(len(owner), 12)))
    return (*(rows.astype(np.float32) for rows in (image, before, after)), owner)


def test_shifts_equal_a_slow_loop() -> None:
    image, before, after, owner = spaces(0, each=2)
    found = shift(image, before, after, owner, paraphrase=0.25)
    change, noticed, first, second = [], [], [], []
    for row, own in enumerate(owner):
        scores, others = image @ before[row], image @ after[row]
        change.append(scores[own] - others[own])
        noticed.append(scores[own] > others[own])
        first.append(scores.argmax() == own)
        second.append(others.argmax() == own)
    assert (found.count, found.images) == (160, 80)
    assert found.change == pytest.approx(np.mean(change), abs=1e-6)
    assert found.noticed.value == pytest.approx(np.mean(noticed))
    assert 0.5 < found.noticed.value < 1
    assert (found.recall_before, found.recall_after) == (np.mean(first), np.mean(second))
    assert found.recall_change == pytest.approx(np.mean(second) - np.mean(first))
    assert found.recall_change < 0
    distance = np.mean([1 - a @ b for a, b in zip(before, after, strict=True)])
    assert found.moved == pytest.approx(distance, abs=1e-6)
    assert found.moved_relative == pytest.approx(distance / 0.25, rel=1e-5)
    assert shift(image, before, after, owner).moved_relative is None


def test_intervals_are_over_images() -> None:
    image, before, after, owner = spaces(1, images=150)
    alone = shift(image, before, after, owner)
    change = (image[owner] * (before - after)).sum(axis=1)
    theirs = bootstrap((change,), np.mean, n_resamples=4000, method="percentile",
                       rng=np.random.default_rng(2)).confidence_interval  # fmt: skip
    assert alone.change_interval == pytest.approx((theirs.low, theirs.high), abs=0.01)
    hits = round(150 * alone.noticed.value)
    wilson = binomtest(hits, 150).proportion_ci(method="wilson")
    assert alone.noticed.interval == pytest.approx((wilson.low, wilson.high))
    # each swap four times tells no more
    rows = np.repeat(np.arange(150), 4)
    again = shift(image, before[rows], after[rows], owner[rows])
    assert again.change_interval == pytest.approx(alone.change_interval)
    assert again.recall_interval == pytest.approx(alone.recall_interval)
    assert again.noticed.interval == pytest.approx(alone.noticed.interval)


def test_what_a_run_does_not_notice_is_chance() -> None:
    image, before, _, owner = spaces(2)
    blind = shift(image, before, before, owner)
    assert (blind.change, blind.moved) == pytest.approx((0, 0), abs=1e-6)
    assert blind.noticed.value == 0.5
    assert blind.recall_change == 0.0
    assert blind.recall_interval == (0.0, 0.0)
    assert blind.change_interval == pytest.approx((0, 0))


def test_every_pair_and_direction_is_told_by_itself() -> None:
    image, before, after, owner = spaces(3, images=30)
    captions = ["a man"] * 14 + ["a woman"] * 10 + ["a man and a woman"] * 6
    found = swaps(captions)
    report = shifts(found, image, before, after, owner, paraphrase=0.5, seed=4)
    assert [(each.before, each.after, each.both, each.count) for each in report.pairs] == [
        ("man", "woman", False, 14),
        ("woman", "man", False, 10),
        ("man", "woman", True, 6),
    ]
    # those with words of both sides may stay true, so they count in no total
    one = slice(0, 24)
    assert report.total == shift(image, before[one], after[one], owner[one], 0.5, 4)
    assert report.chance_at_1 == pytest.approx(1 / 30) and report.gallery == 30
    own = shift(image, before[14:24], after[14:24], owner[14:24], 0.5, 4)
    assert report.pairs[1] == own.model_copy(update={"before": "woman", "after": "man"})
    assert report.pairs[1].change_interval is not None
    few = report.pairs[2]
    assert few.change_interval is few.recall_interval is None
    low, high = few.noticed.interval
    assert low < few.noticed.value <= high and high - low > 0.3


def test_nothing_to_swap_is_said() -> None:
    image, before, after, owner = spaces(4)
    nothing: list[Swap] = swaps(["a tree"])
    with pytest.raises(InvalidInput, match="add pairs of words"):
        shifts(nothing, image, before[:0], after[:0], owner[:0])


def test_the_distance_of_paraphrases_is_that_of_all_pairs_of_captions() -> None:
    draw = np.random.default_rng(5)
    owner = draw.permutation(np.concatenate([np.repeat(np.arange(20), 5), [20, 21, 21, 23]]))
    text = unit(draw.normal(size=(len(owner), 7)) + 0.5).astype(np.float32)
    by_image = []
    for own in (*range(20), 21):
        rows = text[owner == own]
        by_image.append(np.mean([1 - a @ b for a, b in combinations(rows, 2)]))
    assert paraphrase_distance(text, owner) == pytest.approx(np.mean(by_image), abs=1e-6)
    assert paraphrase_distance(text[:5], np.arange(5)) is None
