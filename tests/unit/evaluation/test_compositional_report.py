"""What a benchmark's report tells: the right rows are scored, and the worst examples are the worst."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.catalog.compositional import Benchmark, Example
from backend.errors import Fault
from backend.evaluation.compositional import sugarcrepe, triplets, winoground
from backend.evaluation.compositional_report import evaluate
from backend.schemas import SHOWN_EXAMPLES, CompositionalKind
from tests.unit.golden import unit

Rows = NDArray[np.float32]


def example(number: int, kind: CompositionalKind) -> Example:
    """Pictures in twos; captions that several examples share."""
    subset = f"kind {number % 3}"
    captions = [f"caption {(7 * number + i) % 50}" for i in range(3)]
    if kind == "winoground":
        pictures = (f"{2 * number}.png", f"{2 * number + 1}.png")
        return Example(str(number), subset, pictures, tuple(captions[:2]), None)
    true = tuple(captions[: 1 if kind == "sugarcrepe" else 2])
    return Example(str(number), subset, (f"{number // 2}.png",), true, captions[2])


def benchmark(kind: CompositionalKind, count: int = 80) -> tuple[Benchmark, Rows, Rows]:
    """With embeddings of its pictures and its captions."""
    examples = tuple(example(number, kind) for number in range(count))
    ids = dict.fromkeys(image_id for one in examples for image_id in one.image_ids)
    images = {image_id: Path(image_id) for image_id in reversed(list(ids))}
    given = Benchmark(kind, examples, images, (Fault("row 3", "is broken"),))
    draw = np.random.default_rng(4)
    image, text = (
        unit(draw.normal(size=(size, 6))).astype(np.float32)
        for size in (len(images), len(given.captions))
    )
    return given, image, text


def looked_up(given: Benchmark, image: Rows, text: Rows) -> tuple[list[Rows], list[Rows]]:
    """The rows of the first and, if any, second picture of each example, and of each caption."""
    images, captions = list(given.images), list(given.captions)
    return (
        [
            image[[images.index(each) for each in column]]
            for column in zip(*(one.image_ids for one in given.examples), strict=True)
        ],
        [
            text[[captions.index(each) for each in column]]
            for column in zip(*(one.captions for one in given.examples), strict=True)
        ],
    )


@pytest.mark.parametrize("kind", ["sugarcrepe", "sugarcrepe++", "scenes"])
def test_each_example_is_scored_by_its_own_rows(kind: CompositionalKind) -> None:
    given, image, text = benchmark(kind)
    (shown,), told = looked_up(given, image, text)
    names, owner = [one.subset for one in given.examples], np.arange(80) // 2
    before = np.random.default_rng(5).normal(size=(len(text), 4)).astype(np.float32)
    report = evaluate(given, image, text, before, seed=3)
    if kind == "sugarcrepe":
        expected = sugarcrepe(shown, *told, owner, names, 3)
    else:
        _, (one, two, three) = looked_up(given, image, before)
        expected = triplets(shown, *told, owner, names, (one, two, three), 3)
        assert set(report.overall) == {"itt", "tot", "tot_before"}
        assert set(evaluate(given, image, text).overall) == {"itt", "tot"}
    # pictures come in another order there, so their draws differ, and nothing else
    assert report.examples == 80 and report.images == 40 and report.benchmark == kind
    for mine, theirs in zip(report.subsets, expected.shares.subsets, strict=True):
        assert (mine.name, mine.examples) == (theirs.name, theirs.examples)
        for task, share in mine.scores.items():
            assert share.model_copy(update={"interval": ()}) == theirs.scores[task].model_copy(
                update={"interval": ()}
            )
            assert share.interval == pytest.approx(theirs.scores[task].interval, abs=0.08)


def test_winoground_is_scored_by_pictures_and_captions_in_order() -> None:
    given, image, text = benchmark("winoground")
    shown, told = (np.stack(each, axis=1) for each in looked_up(given, image, text))
    report = evaluate(given, image, text)
    expected = winoground(shown, told, [one.subset for one in given.examples]).shares
    assert {task: share.value for task, share in report.overall.items()} == {
        task: share.value for task, share in expected.overall.items()
    }
    assert report.images == 160
    for one in report.worst:
        assert one.false is None and len(one.image_ids) == len(one.true) == 2


@pytest.mark.parametrize("count", [12, 80])
@pytest.mark.parametrize("kind", ["sugarcrepe", "sugarcrepe++", "winoground"])
def test_the_worst_come_first_and_each_picture_once(kind: CompositionalKind, count: int) -> None:
    given, image, text = benchmark(kind, count)
    report = evaluate(given, image, text)
    images, captions = list(given.images), list(given.captions)
    margins = {}
    for one in given.examples:
        shown = image[[images.index(each) for each in one.image_ids]]
        scores = shown @ text[[captions.index(each) for each in one.captions]].T
        true, false = (
            ([scores[0, 0], scores[1, 1]], [scores[0, 1], scores[1, 0]])
            if kind == "winoground"
            else (scores[0, :-1], scores[0, -1:])
        )
        margins[one.id] = min(true) - max(false)
    by_picture: dict[str, float] = {}
    for one in given.examples:
        by_picture[one.image_ids[0]] = min(
            margins[one.id], by_picture.get(one.image_ids[0], np.inf)
        )
    wrong = sorted(margin for margin in by_picture.values() if margin <= 0)
    assert (len(wrong) > SHOWN_EXAMPLES) == (count == 80)
    assert [one.margin for one in report.worst] == pytest.approx(wrong[:SHOWN_EXAMPLES], abs=1e-6)
    for one in report.worst:
        assert one.margin == pytest.approx(margins[one.id], abs=1e-6)
        assert Example(one.id, one.subset, one.image_ids, one.true, one.false) in given.examples


def test_what_is_right_is_not_among_the_worst() -> None:
    given, image, _ = benchmark("sugarcrepe", count=2)
    true = image[list(given.images).index("0.png")]
    text = np.stack([true if "caption 0" == each else -true for each in given.captions])
    # example 0 is right; example 1, of the same picture, ties
    report = evaluate(given, image, text)
    assert [one.id for one in report.worst] == ["1"]
    assert report.overall["accuracy"].value == 0.5 and report.overall["accuracy"].tied == 1


def test_what_is_left_out_and_what_ties_is_said() -> None:
    given, image, text = benchmark("sugarcrepe", count=10)
    report = evaluate(given, image, text)
    assert report.notes == ("1 of 11 examples are left out; the first is row 3: is broken.",)
    flat = np.tile(text[:1], (len(text), 1))
    assert any("10 of 10 examples undecided" in note for note in evaluate(given, image, flat).notes)
