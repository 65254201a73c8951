"""The modality-gap slider: retrieval's own numbers at its ends, means by hand, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import Cancelled, InvalidInput
from backend.evaluation import gap as module
from backend.evaluation.gap import SHARES, gap_curve, moved, offset
from backend.evaluation.geometry import modality_gap
from backend.evaluation.mixed import mixed
from backend.evaluation.paired import answered, compare
from backend.evaluation.retrieval import evaluate, mean_recall
from backend.schemas import GapPoint, GapReport
from tests.unit.golden import unit

WAYS = ("text_to_image", "image_to_text")


def spaces(seed: int, gap: float = 0.6, images: int = 50, captions: int = 3, noise: float = 0.4):
    """Pairs that lie apart along one direction, which tells nothing."""
    draw = np.random.default_rng(seed)
    owner = draw.permutation(np.repeat(np.arange(images), captions))
    image = unit(draw.normal(size=(images, 12)))
    text = unit(image[owner] + noise * draw.normal(size=(len(owner), 12)))
    apart = gap * np.ones(12) / np.sqrt(12)
    return unit(image + apart).astype(np.float32), unit(text - apart).astype(np.float32), owner


def flat(point: GapPoint) -> dict[str, float]:
    """All its numbers by name."""
    told = {"gap": point.gap, "cosine": point.pair_cosine}
    for name, score in point.scores.items():
        told |= {name: score.value, f"{name}/low": score.interval[0], f"{name}/p": score.gained.p}
    return told


# Moving


def test_taking_all_of_the_own_offset_brings_the_means_together() -> None:
    image, text, _ = spaces(0)
    between = offset(image, text)
    assert np.linalg.norm(between) == pytest.approx(modality_gap(image, text), rel=1e-5)
    for share in (0.3, 1.0):
        shifted = image - share / 2 * between, text + share / 2 * between
        left = shifted[0].mean(axis=0) - shifted[1].mean(axis=0)
        assert left == pytest.approx((1 - share) * between, abs=1e-6)
        for mine, expected in zip(moved(image, text, between, share), shifted, strict=True):
            assert mine == pytest.approx(unit(expected), abs=1e-6)
            assert mine.dtype == np.float32


def test_no_share_moves_nothing_and_a_row_at_the_offset_stays_finite() -> None:
    image, text, _ = spaces(1)
    same = moved(image, text, offset(image, text), 0.0)
    assert same[0] is image and same[1] is text
    gone, _ = moved(image, text, 2 * image[0].astype(np.float64), 1.0)
    assert (gone[0] == 0).all() and np.isfinite(gone).all()


def test_the_offset_is_of_all_captions_and_in_double_precision() -> None:
    image = np.float32([[1, 0], [0, 1]])
    text = np.float32([[-1, 0], [-1, 0], [0, -1]])
    assert offset(image, text) == pytest.approx([0.5 + 2 / 3, 0.5 + 1 / 3])
    assert offset(image, text).dtype == np.float64


# The curve


def test_without_moving_it_is_the_retrieval_report() -> None:
    space = spaces(2)
    report = gap_curve(*space, offset(*spaces(3)[:2]))
    assert [point.share for point in report.points] == list(SHARES) == [k / 10 for k in range(11)]
    expected, first = evaluate(*space, "test"), report.points[0]
    assert (report.images, report.captions, report.mixed_queries) == (50, 150, 150)
    for way in WAYS:
        scores = getattr(expected, way)
        for k in (1, 5, 10):
            mine = first.scores[f"{way}/recall_at_{k}"]
            assert mine.value == pytest.approx(getattr(scores, f"recall_at_{k}"))
            # as many images drawn, by other draws
            assert mine.interval == pytest.approx(getattr(scores, f"interval_at_{k}"), abs=0.03)
            chance = getattr(scores, f"chance_at_{k}")
            assert report.chance[f"{way}/recall_at_{k}"] == pytest.approx(chance)
        mean = first.scores[f"{way}/reciprocal_rank"].value
        assert mean == pytest.approx(scores.mean_reciprocal_rank)
    for score in first.scores.values():
        assert (score.gained.difference, score.gained.interval, score.gained.p) == (0, (0, 0), 1)
    assert first.gap == pytest.approx(modality_gap(*(side.astype(float) for side in space[:2])))
    assert first.pair_cosine == pytest.approx((space[0][space[2]] * space[1]).sum(axis=1).mean())


@pytest.mark.parametrize("share", [0.4, 1.0])
def test_each_share_is_the_moved_space_measured_anew(share: float) -> None:
    space, between = spaces(4), offset(*spaces(5)[:2])
    (point,) = gap_curve(*space, between, shares=[share], seed=7).points
    there = *moved(space[0], space[1], between, share), space[2]
    for name, expected in mean_recall(*there).items():
        if name != "mean_recall":
            assert point.scores[name].value == pytest.approx(expected)
    found = mixed(*there, np.arange(150))
    assert point.scores["mixed/recall_at_1"].value == pytest.approx(found.first.mean())
    assert point.scores["mixed/image_share"].value == pytest.approx(found.image_share.mean())
    assert point.gap == pytest.approx(modality_gap(*(side.astype(float) for side in there[:2])))
    # against the untouched space, by the same draws as the paired bootstrap's own
    for name, gained in compare(answered(space), answered(there), 7).items():
        assert point.scores[name].gained.difference == pytest.approx(gained.difference)
        assert point.scores[name].gained.interval == pytest.approx(gained.interval)
        assert point.scores[name].gained.p == gained.p


def test_closing_a_gap_helps_the_mixed_search_above_all() -> None:
    space = spaces(6, gap=1.0, images=150)
    report = gap_curve(*space, offset(*spaces(7, gap=1.0, images=150)[:2]))
    first, last = report.points[0], report.points[-1]
    gaps = [point.gap for point in report.points]
    assert gaps == sorted(gaps, reverse=True)
    assert report.offset == pytest.approx(gaps[0], abs=0.1)
    assert gaps[-1] < 0.15 * gaps[0]
    share = "mixed/image_share"
    assert first.scores[share].value < 0.01
    assert last.scores[share].value == pytest.approx(report.chance[share], abs=0.1)
    for name in ("mixed/recall_at_1", share):
        assert last.scores[name].gained.p < 0.01
        assert last.scores[name].gained.interval[0] > 0
    for point in report.points:
        recall = {name: score.value for name, score in point.scores.items()}
        assert recall["mixed/recall_at_1"] <= recall["text_to_image/recall_at_1"] + 1e-9
        for score in point.scores.values():
            assert score.interval[0] <= score.value <= score.interval[1]


def test_a_foreign_offset_may_widen_the_gap() -> None:
    image, text, owner = spaces(8)
    report = gap_curve(image, text, owner, -offset(image, text), shares=[0.0, 1.0])
    assert report.points[1].gap > report.points[0].gap


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000))
def test_rotation_changes_nothing(seed: int) -> None:
    image, text, owner = spaces(seed)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(12, 12)))
    between = offset(image, text)
    straight = gap_curve(image, text, owner, between, shares=[0.0, 0.7])
    turned = gap_curve(
        *((side @ turn).astype(np.float32) for side in (image, text)),
        owner,
        between @ turn,
        shares=[0.0, 0.7],
    )
    for one, other in zip(straight.points, turned.points, strict=True):
        assert flat(other) == pytest.approx(flat(one), abs=1e-5)


def test_of_many_captions_some_search_both_modalities(monkeypatch: pytest.MonkeyPatch) -> None:
    space, between = spaces(9), offset(*spaces(10)[:2])
    monkeypatch.setattr(module, "MIXED_QUERIES", 40)
    report = gap_curve(*space, between, shares=[0.0, 1.0], seed=3)
    assert report.mixed_queries == 40
    drawn = np.sort(np.random.default_rng(3).permutation(150)[:40])
    found = mixed(*space, drawn)
    assert report.points[0].scores["mixed/recall_at_1"].value == pytest.approx(found.first.mean())
    assert report == gap_curve(*space, between, shares=[0.0, 1.0], seed=3)
    assert GapReport.model_validate_json(report.model_dump_json()) == report


def test_images_without_captions_ask_for_nothing() -> None:
    image, text, owner = spaces(11)
    kept = owner != 3
    report = gap_curve(image, text[kept], owner[kept], offset(image, text), shares=[0.0])
    expected = evaluate(image, text[kept], owner[kept], "test").image_to_text
    mine = report.points[0].scores["image_to_text/recall_at_1"].value
    assert mine == pytest.approx(expected.recall_at_1)
    assert report.chance["image_to_text/recall_at_10"] == pytest.approx(expected.chance_at_10)


# Reports and bad input


def test_work_is_told_in_shares_and_can_be_cancelled() -> None:
    told: list[tuple[int, int, str]] = []
    space = spaces(0)
    gap_curve(*space, offset(*space[:2]), report=lambda *step: told.append(step))
    assert told == [(done, 11, "shares") for done in range(12)]

    def stop(done: int, total: int, unit: str) -> None:
        if done == 5:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        gap_curve(*space, offset(*space[:2]), report=stop)


def test_all_that_is_wrong_is_told_at_once() -> None:
    image, text, owner = spaces(0)
    text[4, 2] = np.nan
    with pytest.raises(InvalidInput) as told:
        gap_curve(image, text, owner, np.zeros(5), shares=[0.2, -0.1, 1.5, float("nan")])
    wheres = [fault.where for fault in told.value.faults]
    assert wheres == ["share -0.1", "share 1.5", "share nan", "offset", "captions"]
    with pytest.raises(InvalidInput, match="at least one"):
        gap_curve(*spaces(0), np.zeros(12), shares=[])
