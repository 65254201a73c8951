"""Zero-shot accuracy against CLIP_benchmark's values, scikit-learn, slow loops and numbers known by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, top_k_accuracy_score

from backend.errors import Cancelled, InvalidInput
from backend.evaluation import zero_shot as module
from backend.evaluation.zero_shot import class_embeddings, evaluate, probabilities
from backend.schemas import ZeroShotReport
from tests.unit.golden import arrays, assert_golden, unit


def spaces(
    seed: int, images: int = 120, classes: int = 8, templates: int = 3, noise: float = 0.6
) -> tuple[Any, Any, Any]:
    """Images scattered about their class, and prompts that are not of length one."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(classes, size=images)
    centres = unit(draw.normal(size=(classes, 12)))
    image = unit(centres[labels] + noise * draw.normal(size=(images, 12)))
    prompts = centres[:, None] + 0.3 * draw.normal(size=(classes, templates, 12))
    return image, labels, prompts * draw.uniform(0.5, 4, size=(classes, templates, 1))


def named(image: Any, labels: Any, prompts: Any, seed: int = 0) -> ZeroShotReport:
    classes = [f"class {number}" for number in range(prompts.shape[0])]
    return evaluate(
        image, labels, prompts, classes, [f"{t} {{}}" for t in range(prompts.shape[1])], seed
    )


def golden_report() -> ZeroShotReport:
    """The golden logits, as cosines with the axes: the order within a row is the same."""
    logits, target = arrays()["cls_logits"], arrays()["cls_target"].astype(np.int64)
    return named(unit(logits), target, np.eye(logits.shape[1])[:, None])


def test_accuracies_equal_clip_benchmark() -> None:
    report = golden_report()
    assert_golden(report.top_1, "clip_benchmark/acc1")
    assert_golden(report.top_5, "clip_benchmark/acc5")
    assert_golden(report.mean_per_class, "clip_benchmark/mean_per_class_recall")
    assert (report.images, len(report.classes), report.templates) == (150, 12, 1)


@pytest.mark.parametrize("seed", range(3))
def test_everything_equals_scikit_learn(seed: int) -> None:
    image, labels, prompts = spaces(seed)
    image, prompts = image.astype(np.float32), prompts.astype(np.float32)
    report = named(image, labels, prompts)
    weights = class_embeddings(prompts)
    scores = image @ weights.T
    guess = scores.argmax(axis=1)
    assert report.top_1 == pytest.approx((guess == labels).mean())
    assert report.top_5 == pytest.approx(top_k_accuracy_score(labels, scores, k=5))
    assert report.mean_per_class == pytest.approx(balanced_accuracy_score(labels, guess))
    assert np.array_equal(report.confusion, confusion_matrix(labels, guess, labels=range(8)))
    for number, each in enumerate(report.by_template):
        alone = (image @ unit(prompts[:, number]).T).argmax(axis=1)
        assert each.top_1 == pytest.approx((alone == labels).mean())
        assert each.template == f"{number} {{}}"
        assert each.interval[0] <= each.top_1 <= each.interval[1]


def test_rows_of_classes_follow_from_the_confusion_matrix() -> None:
    report = named(*spaces(4, noise=0.9))
    assert [row.accuracy for row in report.per_class] == sorted(
        row.accuracy for row in report.per_class
    )
    for row in report.per_class:
        place = report.classes.index(row.name)
        line = list(report.confusion[place])
        assert row.images == sum(line) and row.accuracy == pytest.approx(line[place] / row.images)
        line[place] = 0
        assert row.mistakes == max(line) > 0
        assert row.mistaken_for == report.classes[line.index(max(line))]
        low, high = row.interval
        # Wilson's bounds are where the score test just rejects
        for bound in (low, high):
            distance = (row.accuracy - bound) / np.sqrt(bound * (1 - bound) / row.images)
            assert abs(distance) == pytest.approx(1.959964)


def test_class_embeddings_are_the_normalised_mean_of_normalised_prompts() -> None:
    prompts = np.array([[[3.0, 0.0], [0.0, 0.1]], [[-1.0, 0.0], [-2.0, 0.0]]])
    # by hand: the mean of (1, 0) and (0, 1) lies at 45 degrees, whatever their lengths
    expected = [[np.sqrt(0.5), np.sqrt(0.5)], [-1.0, 0.0]]
    assert np.allclose(class_embeddings(prompts), expected)


def test_what_is_left_out_and_chances_are_told() -> None:
    image, labels, prompts = spaces(5, images=50, classes=9)
    kept = ~np.isin(labels, (2, 7))
    report = named(image[kept], labels[kept], prompts)
    assert report.without_images == ("class 2", "class 7")
    assert {row.name for row in report.per_class} == {f"class {n}" for n in (0, 1, 3, 4, 5, 6, 8)}
    assert report.mean_per_class == pytest.approx(np.mean([r.accuracy for r in report.per_class]))
    assert report.chance_at_1 == 1 / 9 and report.chance_at_5 == 5 / 9
    assert report.largest_class == np.bincount(labels[kept]).max() / kept.sum()
    few = named(*spaces(5, classes=5))
    assert few.top_5 is few.interval_of_top_5 is few.chance_at_5 is None
    assert ZeroShotReport.model_validate_json(report.model_dump_json()) == report


def test_classes_with_equal_prompts_share_their_hits() -> None:
    prompts = np.eye(8)[[0, 0, 0, 3, 4, 5, 6, 7]][:, None]
    image, labels = np.eye(8)[[0, 0, 3]], np.array([2, 1, 3])
    report = named(image, labels, prompts)
    # by hand: two images each find their class with the chance 1/3, and one for sure
    assert report.top_1 == pytest.approx((1 / 3 + 1 / 3 + 1) / 3)
    assert report.ties == 2 and report.top_5 == pytest.approx(1)
    assert report.confusion[2][0] == report.confusion[1][0] == report.confusion[3][3] == 1
    # all classes alike: chance itself
    alike = named(*spaces(6)[:2], np.ones((8, 2, 12)))
    assert alike.top_1 == pytest.approx(1 / 8) and alike.top_5 == pytest.approx(5 / 8)
    assert alike.mean_per_class == pytest.approx(1 / 8)


def test_intervals_equal_a_slow_bootstrap() -> None:
    image, labels, prompts = spaces(7, images=60)
    labels[labels > 4] = 4
    labels[:3] = (5, 6, 7)  # classes that a third of the draws does not hold
    report = named(image, labels, prompts, seed=3)
    right = ((image @ class_embeddings(prompts).T).argmax(axis=1) == labels).astype(float)
    draw = np.random.default_rng(11)  # another draw: they agree as far as 1,000 resamples do
    top, mean = [], []
    for _ in range(4000):
        rows = draw.integers(60, size=60)
        top.append(right[rows].mean())
        mean.append(np.mean([right[rows][labels[rows] == c].mean() for c in set(labels[rows])]))
    assert report.interval_of_top_1 == pytest.approx(np.quantile(top, [0.025, 0.975]), abs=0.02)
    assert report.interval_of_mean_per_class == pytest.approx(
        np.quantile(mean, [0.025, 0.975]), abs=0.02
    )
    assert named(image, labels, prompts, seed=3) == report
    assert named(image, labels, prompts, seed=4) != report


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    given = spaces(8)
    whole = named(*given)
    monkeypatch.setattr(module, "_SCORES", 40)
    monkeypatch.setattr(module, "_CELLS", 500)
    parts = named(*given)
    assert parts.confusion == whole.confusion
    assert parts.interval_of_top_1 == pytest.approx(whole.interval_of_top_1)
    assert parts.interval_of_mean_per_class == pytest.approx(whole.interval_of_mean_per_class)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_rotation_changes_nothing(seed: int) -> None:
    image, labels, prompts = spaces(seed, images=40)
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(12, 12)))
    assert named(image @ turn, labels, prompts @ turn) == named(image, labels, prompts)


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_classes_images_and_templates_changes_nothing(seed: int) -> None:
    image, labels, prompts = spaces(seed, images=40)
    draw = np.random.default_rng(seed)
    classes, rows, columns = (draw.permutation(n) for n in (8, 40, 3))
    place = np.argsort(classes)
    before = named(image, labels, prompts)
    after = named(image[rows], place[labels[rows]], prompts[classes][:, columns])
    assert after.top_1 == pytest.approx(before.top_1)
    assert after.top_5 == pytest.approx(before.top_5)
    assert after.mean_per_class == pytest.approx(before.mean_per_class)
    assert np.array_equal(
        np.array(after.confusion), np.array(before.confusion)[classes][:, classes]
    )
    assert [each.top_1 for each in after.by_template] == pytest.approx(
        [before.by_template[column].top_1 for column in columns]
    )


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), noise=st.floats(0, 3))
def test_five_guesses_find_no_less_than_one(seed: int, noise: float) -> None:
    report = named(*spaces(seed, images=30, noise=noise))
    assert report.top_5 is not None and 0 <= report.top_1 <= report.top_5 <= 1
    assert sum(map(sum, report.confusion)) == report.images == 30
    for low, high in (report.interval_of_top_1, report.interval_of_mean_per_class):
        assert 0 <= low <= high <= 1


def test_probabilities_are_a_softmax_that_does_not_overflow() -> None:
    classes = unit(np.random.default_rng(0).normal(size=(6, 4)))
    likely = probabilities(classes[2], classes)
    powers = [np.exp(100.0 * float(row @ classes[2]) - 100) for row in classes]
    assert likely == pytest.approx(np.array(powers) / sum(powers))
    assert likely.argmax() == 2 and likely.sum() == pytest.approx(1)
    assert probabilities(classes[2], classes, scale=0) == pytest.approx(np.full(6, 1 / 6))
    assert np.isfinite(probabilities(classes[2], classes, scale=1e6)).all()


def test_what_is_not_finite_is_told() -> None:
    image, labels, prompts = spaces(9)
    broken = image.copy()
    broken[3, 1] = np.nan
    with pytest.raises(InvalidInput, match="not finite for the images.*lower learning rate"):
        named(broken, labels, prompts)
    prompts[0, 0, 0] = np.inf
    with pytest.raises(InvalidInput, match="not finite for the prompts"):
        named(image, labels, prompts)
    with pytest.raises(InvalidInput, match="not finite for the image,"):
        probabilities(broken[3], class_embeddings(spaces(9)[2]))
    with pytest.raises(InvalidInput, match="no image to classify"):
        named(image[:0], labels[:0], spaces(9)[2])


def test_it_can_be_stopped_between_templates() -> None:
    image, labels, prompts = spaces(10)
    told: list[tuple[int, int, str]] = []

    def report(done: int, total: int, unit_name: str) -> None:
        told.append((done, total, unit_name))
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        evaluate(image, labels, prompts, list("abcdefgh"), ["a {}", "b {}", "c {}"], report=report)
    assert told == [(0, 3, "templates"), (1, 3, "templates"), (2, 3, "templates")]
