"""What the page says of swapped words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from backend.schemas import (
    CounterfactualReport,
    CounterfactualShift,
    EvaluationSummary,
    Proportion,
)
from tests.unit.ui.test_markup import HOSTILE, read
from ui import swap_cards


def evaluation(pairs: str = "") -> EvaluationSummary:
    return EvaluationSummary(
        id="e-1", kind="counterfactual", run="r-1", status="finished",
        created_at=datetime.now(UTC), request={"pairs": pairs},
    )  # fmt: skip


def shift(before: str, after: str, noticed: float, **changed: Any) -> CounterfactualShift:
    """One of 60 captions of 30 images, changed."""
    spread = (max(0.0, noticed - 0.1), min(1.0, noticed + 0.1))
    known = {
        "before": before, "after": after, "both": False, "count": 60, "images": 30,
        "change": 0.0421, "change_interval": (0.031, 0.052),
        "noticed": Proportion(value=noticed, count=60, interval=spread),
        "moved": 0.1, "moved_relative": 0.4, "recall_before": 0.5, "recall_after": 0.25,
        "recall_change": -0.25, "recall_interval": (-0.31, -0.18),
    }  # fmt: skip
    return CounterfactualShift.model_validate(known | changed)


FEW = {"images": 4, "change_interval": None, "recall_interval": None}


def report(*pairs: CounterfactualShift, **changed: Any) -> CounterfactualReport:
    known = {"gallery": 300, "chance_at_1": 1 / 300, "paraphrase": 0.25,
             "total": shift("", "", 0.82), "pairs": pairs}  # fmt: skip
    return CounterfactualReport.model_validate(known | changed)


def rows(markup: str) -> list[str]:
    """The texts of all tables' rows."""
    return [read(row).text for body in markup.split("<tbody>")[1:]
            for row in body.split("</tbody>")[0].split("<tr>")[1:]]  # fmt: skip


def test_the_numbers_of_all_swaps_with_intervals_and_chance() -> None:
    text = read(swap_cards.card(evaluation(), report())).text
    for part in (
        "Noticed82.0 %72.0 to 92.0 % (95 %)chance 50.0 %",
        "Cosine lost+0.0421+0.0310 to +0.0520 (95 %)",
        "Moved, next to a paraphrase40\u00a0%0.100 as 1 − cosine; two captions of one image lie 0.250",
        "R@1, text → image50.0\u00a0→\u00a025.0\u00a0%−25.0 points−31.0 to −18.0 (95 %)300 searched, "
        "chance 0.33 %",
        "60 changed captions of 30 images",
    ):
        assert part in text


def test_the_least_noticed_first_and_what_may_be_chance_is_named() -> None:
    markup = swap_cards.card(
        evaluation(),
        report(
            shift("red", "blue", 0.95), shift("up", "down", 0.55), shift("left", "right", 0.3)
        ),
    )  # fmt: skip
    assert [row.split("60")[0] for row in rows(markup)] == [
        "left → right",
        "up → down",
        "red → blue",
    ]
    first, second, third = rows(markup)
    assert "below chance" in first and "may be chance" in second and "chance" not in third
    assert "Not clearly above chance: left → right and up → down." in read(markup).text
    assert "60 captions, 30 images55.0 %45.0 to 65.0 %" in second
    assert "+0.042+0.031 to +0.05250 → 25 %−25.0 points−31.0 to −18.0" in second
    assert markup.count('style="left:50.0%" title="chance"') == 3


def test_pairs_of_few_images_and_captions_with_both_words_stand_apart() -> None:
    markup = swap_cards.card(
        evaluation(),
        report(
            shift("red", "blue", 0.9),
            shift("he", "she", 0.1, **FEW),
            shift("man", "woman", 0.2, both=True),
        ),
    )
    assert [row.split("6")[0] for row in rows(markup)] == ["red → blue", "man ↔ woman", "he → she"]
    text = read(markup).text
    assert "Each of them is noticed more often than by chance." in text
    assert "Captions that have both words: 1 pair" in text and "Too few images: 1 swap" in text
    assert markup.count("<details") == 2


def test_nothing_is_claimed_of_few_images() -> None:
    few = shift("", "", 0.6, **FEW, moved_relative=None, recall_change=0.0)
    markup = swap_cards.card(
        evaluation(), report(shift("a", "b", 0.6, **FEW), total=few, paraphrase=None)
    )
    text = read(markup).text
    assert "No word is swapped in the captions of ten images or more." in text
    assert "no image has two captions to compare with" in text
    assert "25.0\u00a0%0.0 points300 searched" in text


def test_items_are_called_what_they_are() -> None:
    markup = swap_cards.card(evaluation(), report(shift("a", "b", 0.9)), "audio")
    assert "60 captions, 30 recordings" in markup and "text → recording" in markup
    assert "image" not in read(markup).text


@pytest.mark.parametrize(
    ("pairs", "line"),
    [
        ("", "The usual words"),
        ("man, men / woman, women\n\nred / blue", "man / woman, red / blue"),
        ("a / b\nc / d\ne / f\ng / h\ni / j", "a / b, c / d, e / f and 2 more"),
    ],
)
def test_what_was_asked_for_in_a_line(pairs: str, line: str) -> None:
    assert swap_cards.line(evaluation(pairs)) == line


def test_hostile_words_make_no_element_of_their_own() -> None:
    markup = swap_cards.card(evaluation(HOSTILE), report(shift(HOSTILE, "b", 0.4)))
    assert "img" not in {name for name, _ in read(markup).found}
