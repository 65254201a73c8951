"""An encoder's assessment: divisions, the whole of it, and what goes with alignment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from backend.errors import Cancelled, DatasetError, InvalidInput
from backend.evaluation import assessment as module
from backend.evaluation.assessment import (
    Division,
    alignment_score,
    assess,
    correlations,
    division,
)
from backend.evaluation.probes import linear_probe, neighbour_hits
from backend.evaluation.retrieval import evaluate
from backend.schemas import AlignmentScore, EncoderAssessment, Share
from tests.unit.golden import unit


def labelled(seed: int, items: int = 160, apart: float = 1.0):
    """Features of four named classes."""
    draw = np.random.default_rng(seed)
    codes = draw.permutation(np.arange(items) % 4)
    features = apart * draw.normal(size=(4, 10))[codes] + draw.normal(size=(items, 10))
    return features, np.array(["cat", "dog", "emu", "fox"])[codes]


@given(
    counts=st.lists(st.integers(1, 12), min_size=2, max_size=8),
    share=st.floats(0.1, 0.9),
    seed=st.integers(0, 1000),
)
def test_a_division_holds_every_class_on_both_sides(
    counts: list[int], share: float, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    labels = draw.permutation(np.repeat(np.arange(len(counts)), counts)).astype(str)
    large = [code for code, count in enumerate(counts) if count >= 4]
    if len(large) < 2:
        with pytest.raises(DatasetError, match="at least 2"):
            division(labels, seed, share)
        return
    parts = division(labels, seed, share)
    small = [count for count in counts if count < 4]
    assert (parts.left_out_classes, parts.left_out_items) == (len(small), sum(small))
    together = np.concatenate([parts.train, parts.test])
    assert len(set(together.tolist())) == len(together) == sum(counts) - sum(small)
    for code in large:
        of_train = int((labels[parts.train] == str(code)).sum())
        of_test = int((labels[parts.test] == str(code)).sum())
        assert of_train >= 2 and of_test >= 1
        assert abs(of_train - share * counts[code]) <= 2
    again = division(labels, seed, share)
    assert np.array_equal(again.train, parts.train) and np.array_equal(again.test, parts.test)


def test_other_seeds_divide_otherwise() -> None:
    _, labels = labelled(0)
    assert not np.array_equal(division(labels, 0).train, division(labels, 1).train)
    assert len(division(labels, 0).train) == 80


def test_an_assessment_is_the_sum_of_its_probes() -> None:
    features, labels = labelled(1)
    parts = division(labels, 5)
    found = assess(features, labels, parts, "local:encoder", seed=5)
    codes = np.searchsorted(np.unique(labels), labels)
    rows = unit(features)
    train, test = parts.train, parts.test
    near = neighbour_hits(rows[train], codes[train], rows[test], codes[test])
    probe, c = linear_probe(features[train], codes[train], features[test], codes[test], 5)
    assert found.knn.value == near.mean() and found.linear_probe.value == probe.mean()
    assert found.regularisation == c
    assert found.knn.chance == found.linear_probe.chance == 0.25
    assert found.knn.interval[0] < found.knn.value < found.knn.interval[1]
    assert (found.encoder, found.dimension, found.classes) == ("local:encoder", 10, 4)
    assert (found.train_items, found.test_items, found.neighbours) == (80, 80, 20)
    assert found.silhouette is not None and found.alignment is None
    assert found == assess(features, labels, parts, "local:encoder", seed=5)


def test_chance_is_the_largest_class_of_the_test_part() -> None:
    features, _ = labelled(2, 40)
    labels = np.repeat(["a", "b"], [30, 10])
    parts = Division(np.r_[0:5, 30:39], np.r_[5:30, 39:40])
    found = assess(features, labels, parts, "e")
    assert found.knn.chance == 25 / 26 and found.neighbours == 14


def test_better_features_are_assessed_better() -> None:
    weak, strong = (
        assess(features, labels, division(labels, 0), "e")
        for features, labels in (labelled(3, 400, 0.3), labelled(3, 400, 1.5))
    )
    for name in ("knn", "linear_probe"):
        assert getattr(weak, name).interval[1] < getattr(strong, name).interval[0]
    for name in ("adjusted_mutual_information", "adjusted_rand_index", "silhouette"):
        assert getattr(weak, name) < getattr(strong, name)


def test_large_sets_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = labelled(4, 400)
    monkeypatch.setattr(module, "MOST", 40)
    found = assess(features, labels, division(labels, 0), "e")
    assert (found.train_items, found.test_items, found.classes) == (40, 40, 4)
    assert found.knn.count == 40 and found.knn.chance == 0.25  # each class in proportion


def test_progress_is_told_and_stopping_stops() -> None:
    features, labels = labelled(5)
    told: list[tuple[int, int, str]] = []
    assess(features, labels, division(labels, 0), "e", report=lambda *at: told.append(at))
    assert told == [(done, 10, "steps") for done in range(11)]

    def stop(done: int, total: int, unit: str) -> None:
        if done == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        assess(features, labels, division(labels, 0), "e", report=stop)


def test_what_cannot_be_assessed_is_told_at_once() -> None:
    features, labels = labelled(6)
    alone = Division(np.array([0]), np.array([0]))
    with pytest.raises(InvalidInput) as caught:
        assess(features[:-1], labels, alone, "local:e")
    assert [fault.where for fault in caught.value.faults] == ["local:e", "division", "train part"]
    with pytest.raises(InvalidInput, match="no items"):
        assess(features, labels, Division(np.arange(160), np.array([], np.int64)), "e")
    features[3, 2] = np.inf
    with pytest.raises(InvalidInput, match="row 3"):
        assess(features, labels, division(labels, 0), "e")


def test_the_alignment_score_is_the_reports() -> None:
    draw = np.random.default_rng(7)
    owner = np.repeat(np.arange(20), 3)
    image = unit(draw.normal(size=(20, 6))).astype(np.float32)
    text = unit(image[owner] + 0.5 * draw.normal(size=(60, 6))).astype(np.float32)
    report = evaluate(image, text, owner, "test")
    found = alignment_score(report, train_images=500)
    assert found.text_to_image.value == report.text_to_image.recall_at_1
    assert found.image_to_text.interval == report.image_to_text.interval_at_1
    assert found.text_to_image.chance == pytest.approx(1 / 20)
    assert found.image_to_text.chance == pytest.approx(3 / 60)
    assert (found.text_to_image.count, found.image_to_text.count) == (60, 20)
    assert (found.split, found.train_images, found.images, found.captions) == ("test", 500, 20, 60)


def assessed(number: int, knn: float, recall: float | None, silhouette: float | None = 0.1):
    """An encoder of which some numbers are given."""

    def share(value: float) -> Share:
        return Share(value=value, interval=(0, 1), chance=0.1, count=10)

    score = recall if recall is None else AlignmentScore(
        split="test", train_images=10, images=10, captions=10,
        text_to_image=share(recall), image_to_text=share(1 - recall),
    )  # fmt: skip
    return EncoderAssessment(
        encoder=f"e{number}", dimension=2, classes=2, train_items=2, test_items=2, neighbours=2,
        knn=share(knn), linear_probe=share(0.5), regularisation=1.0, adjusted_mutual_information=knn,
        adjusted_rand_index=0.0, silhouette=silhouette, alignment=score,
    )  # fmt: skip


def test_measures_are_correlated_with_both_directions() -> None:
    draw = np.random.default_rng(8)
    knn = draw.random(7)
    recall = (knn + 0.3 * draw.random(7)) / 2
    encoders = [assessed(i, k, r) for i, (k, r) in enumerate(zip(knn, recall, strict=True))]
    found = correlations([*encoders, assessed(8, 0.9, None)])  # one was not aligned
    # what is the same for all encoders correlates with nothing
    assert set(found) == {
        f"{name}/{way}"
        for name in ("knn", "adjusted_mutual_information")
        for way in ("text_to_image", "image_to_text")
    }
    one = found["knn/text_to_image"]
    assert one.encoders == 7 and one.pearson == pytest.approx(pearsonr(knn, recall).statistic)
    assert one.spearman == pytest.approx(spearmanr(knn, recall).statistic)
    assert found["knn/image_to_text"].pearson == pytest.approx(-one.pearson)
    assert correlations(encoders[:2]) == {}


def test_encoders_without_a_silhouette_are_left_out_of_its_correlation_alone() -> None:
    silhouettes = [0.1, 0.3, 0.2, None]
    encoders = [assessed(i, i / 10, i / 10, silhouette) for i, silhouette in enumerate(silhouettes)]
    found = correlations(encoders)
    assert found["silhouette/text_to_image"].encoders == 3
    assert found["knn/text_to_image"].encoders == 4
