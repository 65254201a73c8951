"""What the page says of a benchmark of composition."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backend.schemas import (
    CompositionalExample,
    CompositionalKind,
    CompositionalReport,
    CompositionalShare,
    CompositionalSubset,
    CompositionalTask,
    EvaluationSummary,
)
from tests.unit.ui.test_markup import HOSTILE, read
from ui import composition_cards


def evaluation(benchmark: str = "/data/SugarCrepe++", images: str = "") -> EvaluationSummary:
    return EvaluationSummary(
        id="e-1", kind="compositional", run="r-1", status="finished",
        created_at=datetime.now(UTC), request={"benchmark": benchmark, "images": images},
    )  # fmt: skip


def share(
    value: float, low: float, high: float, chance: float = 1 / 3, count: int = 50, tied: int = 0
) -> CompositionalShare:
    return CompositionalShare(
        value=value, interval=(low, high), expected=value + 0.01, tied=tied, count=count,
        chance=chance,
    )  # fmt: skip


def example(name: str = "1", **changed: object) -> CompositionalExample:
    known: dict[str, object] = {
        "id": f"swap_obj/{name}", "subset": "swap_object", "image_ids": (f"{name}.jpg",),
        "true": ("a red ring above a star", "below a red ring there is a star"),
        "false": "a blue ring above a star", "margin": -0.0314,
    }  # fmt: skip
    return CompositionalExample.model_validate(known | changed)


SCORES: dict[CompositionalTask, CompositionalShare] = {
    "itt": share(0.7, 0.61, 0.78),
    "tot": share(0.1, 0.04, 0.17),
    "tot_before": share(0.3, 0.21, 0.41),
}


def report(
    worst: tuple[CompositionalExample, ...] = (),
    scores: dict[CompositionalTask, CompositionalShare] | None = None,
    benchmark: CompositionalKind = "sugarcrepe++",
    notes: tuple[str, ...] = (),
) -> CompositionalReport:
    scores = scores or SCORES
    subsets = tuple(
        CompositionalSubset(name=name, examples=25, scores=scores)
        for name in ("swap_object", "replace_relation")
    )
    return CompositionalReport(
        benchmark=benchmark, examples=50, images=40, subsets=subsets, overall=scores,
        mean_of_subsets=scores, notes=notes, worst=worst,
    )  # fmt: skip


def figure_of(markup: str, name: str) -> str:
    """The text of one large number."""
    found = [read(part).text for part in markup.split('<div class="i-figure">')]
    return next(text for text in found if text.startswith(name))


def test_each_task_has_its_share_interval_chance_and_count() -> None:
    markup = composition_cards.card(evaluation(), report(), {})
    shown = figure_of(markup, "Image-text (ITT)")
    for part in ("70.0 %", "61.0 to 78.0 % (95 %)", "chance 33.3 %", "35 of 50 right"):
        assert part in shown
    # the text-only task stands beside what it was before the head
    assert re.search(r"Text only \(TOT\)10\.0 %.*Text only, before the head30\.0 %",
                     read(markup).text)  # fmt: skip
    assert "SugarCrepe++: 50 examples of 40 pictures" in read(markup).text


def test_the_table_tells_what_is_not_above_chance() -> None:
    markup = composition_cards.card(evaluation(), report(), {})
    rows = [read(row).text for row in markup.split("<tbody>")[1].split("<tr>")[1:]]
    assert [re.match(r"[a-z ]+?(?=\d|each)", row) is not None for row in rows] == [True] * 4
    assert rows[0].startswith("swap object25 examples70.0 %61.0 to 78.0 %")
    assert rows[0].count("below chance") == 1 and rows[0].count("may be chance") == 1
    assert rows[2].startswith("all50 examples") and rows[3].startswith("mean")
    assert markup.count('style="left:33.3%" title="chance"') == 12


def test_where_all_or_none_are_right_no_interval_is_claimed() -> None:
    scores: dict[CompositionalTask, CompositionalShare] = {
        "accuracy": share(1.0, 1.0, 1.0, 0.5, count=3)
    }
    markup = composition_cards.card(evaluation(), report(scores=scores, benchmark="sugarcrepe"), {})
    assert "100.0 to 100.0" not in markup and "all right" in markup
    assert "3 of 3 right" in figure_of(markup, "Accuracy")


def test_equal_scores_are_told() -> None:
    scores: dict[CompositionalTask, CompositionalShare] = {"itt": share(0.5, 0.4, 0.6, tied=7)}
    shown = figure_of(composition_cards.card(evaluation(), report(scores=scores), {}), "Image-text")
    assert "51.0 % with equal scores in a random order" in shown


def test_a_worst_example_shows_its_picture_captions_and_what_is_false() -> None:
    pictures = {"1.jpg": Path("/small/1.webp")}
    markup = composition_cards.card(
        evaluation(), report((example(), example("2", margin=-0.2))), pictures
    )
    images = [attributes for name, attributes in read(markup).found if name == "img"]
    assert [image["src"] for image in images] == ["gradio_api/file=/small/1.webp"]
    text = read(markup).text
    assert "truea red ring above a star" in text and "truebelow a red ring there is a star" in text
    assert "falsea taken out: red; put in: blue; ring above a star" in text
    assert "swap object · margin −0.031" in text and "not shown2.jpg" in text


def test_further_examples_are_folded_and_a_perfect_run_has_none() -> None:
    many = tuple(example(str(number)) for number in range(9))
    assert "3 more" in composition_cards.card(evaluation(), report(many), {})
    assert "Every example is right." in composition_cards.card(evaluation(), report(), {})


def test_winoground_shows_pairs_with_the_words_that_change_places() -> None:
    scores: dict[CompositionalTask, CompositionalShare] = {
        "text": share(0.3, 0.2, 0.4, 0.25),
        "image": share(0.2, 0.1, 0.3, 0.25),
        "group": share(0.1, 0.0, 0.2, 1 / 6),
    }
    pair = example(
        image_ids=("ex_1_img_0.png", "ex_1_img_1.png"),
        true=("plants around a lamp", "a lamp around plants"), false=None, subset="Object",
    )  # fmt: skip
    markup = composition_cards.card(
        evaluation("/data/winoground"), report((pair,), scores, "winoground"), {}
    )
    assert "<mark>plants around</mark> a lamp" in markup
    assert "<ins>" not in markup and "ex_1_img_1.png" in markup
    for said in ("Text: each of two pictures", "Image: each of two captions", "Group: text and"):
        assert said in read(markup).text
    assert "chance 16.7 %" in figure_of(markup, "Group")


@pytest.mark.parametrize(
    ("benchmark", "images", "line"),
    [
        ("scenes-small", "", "scenes-small"),
        ("/data/SugarCrepe/", "/coco/val2017", "SugarCrepe, pictures of val2017"),
    ],
)
def test_what_was_asked_for_in_a_line(benchmark: str, images: str, line: str) -> None:
    assert composition_cards.line(evaluation(benchmark, images)) == line


def test_a_hostile_benchmark_makes_no_element_of_its_own() -> None:
    hostile = example(
        true=(HOSTILE,), false=f"b {HOSTILE}", image_ids=(HOSTILE,), subset=HOSTILE
    )  # fmt: skip
    markup = composition_cards.card(
        evaluation(f"/data/{HOSTILE}"), report((hostile,), notes=(HOSTILE,)), {}
    )
    assert "img" not in {name for name, _ in read(markup).found}
    assert not [1 for _, attributes in read(markup).found if "onerror" in attributes]
    shown = composition_cards.card(evaluation(), report((hostile,)), {HOSTILE: Path("/a.webp")})
    (image,) = [attributes for name, attributes in read(shown).found if name == "img"]
    assert "onerror" not in image and image["alt"] == HOSTILE
