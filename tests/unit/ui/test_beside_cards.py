"""Two runs beside each other as markup: what moved, and what is kept."""

from __future__ import annotations

import re

import pytest

from backend.schemas import (
    Answers,
    Changed,
    ChangedPoints,
    Hit,
    IndexNote,
    Item,
    Side,
)
from ui import beside_cards as beside

HOSTILE = '<img src=x onerror="alert(1)">'


def item(name: str, side: Side = "image", words: str = "") -> Item:
    shown = f"{side}:{name}" + ("#0" if side == "text" else "")
    return Item(
        side=side, id=shown, image_id=name, thumbnail=None, captions=(words or f"about {name}",)
    )


def hits(names: str, side: Side = "image", truth: str = "") -> tuple[Hit, ...]:
    return tuple(
        Hit(rank=rank, score=1 / rank, item=item(name, side), ground_truth=name == truth)
        for rank, name in enumerate(names, start=1)
    )


def answers(names: str, truth_rank: int | None = None) -> Answers:
    note = IndexNote(kind="flat", exact=True)
    return Answers(side="image", hits=hits(names), gallery=9, searched=9, index=note,
                   truth_rank=truth_rank)  # fmt: skip


@pytest.mark.parametrize(
    ("rank", "other", "words", "kind"),
    [(2, 5, "▲ 3", "up"), (5, 2, "▼ 3", "down"), (4, 4, "=", "same"), (1, None, "new", "only")],
)
def test_a_mark_says_how_a_rank_differs(
    rank: int, other: int | None, words: str, kind: str
) -> None:
    shown = beside.moved(rank, other, 100)
    assert f">{words}<" in shown and re.search(rf'class="[^"]*\b{kind}\b', shown)
    if other is None:
        assert "not among the other&#x27;s first 100" in shown


def test_a_column_counts_what_both_answer_and_shows_no_more_than_asked() -> None:
    ranks = {f"image:{name}": rank for rank, name in enumerate("badxc", start=1)}
    shown = beside.column(0, HOSTILE, answers("abcdef", truth_rank=1234), ranks, 3, 100)
    assert shown.count('data-act="pick"') == 3 and HOSTILE not in shown
    assert "2 of 3 are among the other&#x27;s first 3" in shown  # a and b; c is its fifth
    assert "its own pair is at rank 1,234" in shown
    assert re.findall(r">([▲▼=] ?\d*)<", shown) == ["▲ 1", "▼ 1", "▲ 2"]
    apart = beside.column(1, "B", answers("abc"), None, 3, 100)
    assert "i-moved" not in apart and "among" not in apart


def test_changed_points_tell_shares_as_counts_with_both_runs_nearest() -> None:
    point = Changed(
        item=item("q", "text", HOSTILE), kept=0.3, first=hits("abc", truth="b"), second=hits("dbe"),
    )  # fmt: skip
    found = ChangedPoints(
        runs=("r-one", "r-other"), items=90, neighbours=10, judged=90, kept=0.4321, chance=0.05,
        points=(point,),
    )  # fmt: skip
    shown = beside.changed(found, "image", chosen="text:q#0")
    assert "43.2 %" in shown and "5.0 %" in shown and "3 of 10 kept" in shown
    assert HOSTILE not in shown and 'aria-pressed="true"' in shown
    assert [shown.count(f"about {name}") for name in "ad"] == [2, 2]
    assert "measured at" not in shown
    large = beside.changed(found.model_copy(update={"items": 90_000}), "image")
    assert "measured at 90 of 90,000 points" in large
    both = found.model_copy(
        update={"among": "both", "points": (point.model_copy(update={"kept": 0.35}),)}
    )
    assert "7 of 20 kept" in beside.changed(both, "image")
