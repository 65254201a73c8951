"""Ranks and recalls against CLIP_benchmark's and torchmetrics' own values, and by their properties."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import InvalidInput
from backend.evaluation import retrieval
from backend.evaluation.retrieval import (
    evaluate,
    image_to_text_ranks,
    mean_recall,
    text_to_image_ranks,
)
from tests.unit.golden import arrays, assert_golden, unit


def golden_inputs():
    data = arrays()
    image, text = unit(data["ret_img"]), unit(data["ret_txt"])
    return image.astype(np.float32), text.astype(np.float32), data["ret_txt_image_index"]


def random_inputs(seed: int, images: int = 30, captions: int = 3, dimension: int = 8):
    draw = np.random.default_rng(seed)
    owner = draw.permutation(np.repeat(np.arange(images), captions))
    image = unit(draw.normal(size=(images, dimension)))
    text = unit(image[owner] + 0.8 * draw.normal(size=(images * captions, dimension)))
    return image.astype(np.float32), text.astype(np.float32), owner


@pytest.mark.parametrize("k", [1, 5, 10])
def test_recall_equals_clip_benchmark(k: int) -> None:
    report = evaluate(*golden_inputs(), split="test")
    to_image = getattr(report.text_to_image, f"recall_at_{k}")
    to_text = getattr(report.image_to_text, f"recall_at_{k}")
    # CLIP_benchmark averages in float32
    assert_golden(to_image, f"clip_benchmark/image_retrieval_recall@{k}", rtol=1e-6)
    assert_golden(to_text, f"clip_benchmark/text_retrieval_recall@{k}", rtol=1e-6)


def test_ranks_and_reciprocal_ranks_equal_the_references() -> None:
    image, text, owner = golden_inputs()
    for ranks, way in (
        (text_to_image_ranks(image, text, owner), "text_to_image"),
        (image_to_text_ranks(image, text, owner), "image_to_text"),
    ):
        places = ranks.middle
        summary = [np.sort(places)[(len(places) - 1) // 2], places.mean(), *places[:8]]
        assert_golden(summary, f"retrieval/ranks/{way}", rtol=1e-12)
        assert_golden(ranks.reciprocal.mean(), f"torchmetrics/mrr/{way}")
        scores = getattr(evaluate(image, text, owner, "test"), way)
        assert scores.mean_reciprocal_rank == ranks.reciprocal.mean()
        low, high = scores.interval_of_reciprocal_rank
        assert low < scores.mean_reciprocal_rank < high


def test_perfect_and_hopeless_alignments() -> None:
    image = np.eye(20, dtype=np.float32)
    owner = np.repeat(np.arange(20), 2)
    perfect = evaluate(image, image[owner], owner, "test")
    assert perfect.text_to_image.recall_at_1 == perfect.image_to_text.recall_at_1 == 1.0
    assert perfect.text_to_image.interval_at_1 == (1.0, 1.0)
    worst = evaluate(image, -image[owner], owner, "test")
    assert worst.text_to_image.recall_at_10 == 0.0
    assert worst.text_to_image.median_rank == 20


def test_a_constant_embedding_scores_chance_not_luck() -> None:
    image = np.tile(np.array([[1.0, 0.0]], np.float32), (50, 1))
    owner = np.repeat(np.arange(50), 5)
    report = evaluate(image, image[owner], owner, "test")
    assert report.text_to_image.recall_at_5 == pytest.approx(5 / 50)
    assert report.text_to_image.median_rank == pytest.approx(25.5)
    # each of 50 places is as likely
    expected = np.mean([1 / place for place in range(1, 51)])
    assert report.text_to_image.mean_reciprocal_rank == pytest.approx(expected)


def test_chance_is_what_random_orders_give() -> None:
    draw = np.random.default_rng(0)
    owner = np.repeat(np.arange(40), 5)
    hits = []
    for _ in range(300):
        order = owner[draw.permutation(200)]
        hits.append(np.mean([image in order[:10] for image in range(40)]))
    image, text, _ = random_inputs(1, images=40, captions=5)
    report = evaluate(image, text, owner, "test")
    assert report.image_to_text.chance_at_10 == pytest.approx(np.mean(hits), abs=0.01)
    assert report.text_to_image.chance_at_10 == 10 / 40


def test_report_names_split_and_counts() -> None:
    report = evaluate(*random_inputs(0), split="val")
    assert (report.split, report.images, report.captions) == ("val", 30, 90)


def test_interval_covers_the_estimate_and_shrinks_with_more_images() -> None:
    widths = []
    for images in (25, 400):
        way = evaluate(*random_inputs(3, images=images), split="test").text_to_image
        low, high = way.interval_at_1
        assert low <= way.recall_at_1 <= high
        widths.append(high - low)
    assert widths[1] < widths[0]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_recall_grows_with_k_and_ignores_rotation(seed: int) -> None:
    image, text, owner = random_inputs(seed)
    scores = mean_recall(image, text, owner)
    for way in ("image_to_text", "text_to_image"):
        values = [scores[f"{way}/recall_at_{k}"] for k in (1, 5, 10)]
        assert values == sorted(values)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(8, 8)))
    turned = mean_recall((image @ turn).astype(np.float32), (text @ turn).astype(np.float32), owner)
    assert turned == pytest.approx(scores, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_captions_does_not_matter(seed: int) -> None:
    image, text, owner = random_inputs(seed)
    order = np.random.default_rng(seed).permutation(len(text))
    assert mean_recall(image, text[order], owner[order]) == mean_recall(image, text, owner)


def test_what_is_no_number_is_never_found() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    owner = np.arange(40)
    assert mean_recall(rows, rows, owner)["mean_recall"] == 1.0
    nothing = np.full_like(rows, np.nan)
    assert mean_recall(nothing, nothing, owner)["mean_recall"] == 0.0
    half = rows.copy()
    half[:20] = np.nan
    assert mean_recall(half, rows, owner)["mean_recall"] <= 0.5
    with pytest.raises(InvalidInput, match="not finite"):
        evaluate(half, rows, owner, "test")


def test_the_scores_of_all_pairs_are_never_in_memory_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(0)
    image = unit(draw.normal(size=(1000, 8))).astype(np.float32)
    owners = np.repeat(np.arange(1000), 5)
    text = unit(image[owners] + draw.normal(size=(5000, 8))).astype(np.float32)
    whole = [ranks(image, text, owners) for ranks in (image_to_text_ranks, text_to_image_ranks)]
    monkeypatch.setattr(retrieval, "_CELLS", 2**16)
    for ranks, before in zip((image_to_text_ranks, text_to_image_ranks), whole, strict=True):
        tracemalloc.start()
        found = ranks(image, text, owners)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        np.testing.assert_array_equal(found.above, before.above)
        np.testing.assert_array_equal(found.tied, before.tied)
        assert peak < image.shape[0] * text.shape[0] * 4 / 10  # a tenth of all scores
