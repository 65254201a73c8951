"""Two runs beside each other as markup: what moved, what is kept, and what a duel must not tell."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from backend.schemas import (
    Answers,
    Changed,
    ChangedPoints,
    Duel,
    DuelScore,
    Hit,
    IndexNote,
    Item,
    Side,
    Verdict,
)
from ui import beside_cards as beside

HOSTILE = '<img src=x onerror="alert(1)">'
NAMES = {"r-one": f"One {HOSTILE}", "r-other": "Other"}


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


def score(run: str, won: int, lost: int, tied: int = 0) -> DuelScore:
    return DuelScore(run=run, run_name=NAMES[run], won=won, lost=lost, tied=tied, neither=2,
                     rating=1612.4, interval=(1502.6, 1700.2), last=datetime.now(UTC))  # fmt: skip


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


def duel(verdict: Verdict | None = None) -> Duel:
    runs = ("r-other", "r-one") if verdict else None
    return Duel(id="d-1", query=f"“{HOSTILE}”", left=hits("abc", truth="a"), right=hits("bca"),
                verdict=verdict, runs=runs)  # fmt: skip


def test_before_the_verdict_nothing_tells_who_is_who() -> None:
    shown = beside.duel(duel(), NAMES)
    for secret in ("r-one", "r-other", "One", "Other", "1.000", "0.500", "its pair", "✓"):
        assert secret not in shown
    assert HOSTILE not in shown
    assert re.findall(r'data-arg="(\w+)"', shown) == ["left", "tie", "neither", "right"]
    assert "data-judged" not in shown


@pytest.mark.parametrize(
    ("verdict", "sentence", "preferred"),
    [
        ("left", "You preferred Other to One", ["Other"]),
        ("right", "You preferred One", ["One"]),
        ("tie", "A tie between Other and One", []),
        ("neither", "Neither Other nor One", []),
    ],
)
def test_after_the_verdict_names_and_ratings_are_told(
    verdict: Verdict, sentence: str, preferred: list[str]
) -> None:
    shown = beside.duel(duel(verdict), NAMES, [score("r-one", 3, 1), score("r-other", 1, 3)])
    assert sentence in shown and "1612" in shown and HOSTILE not in shown
    assert 'data-act="judge"' not in shown and 'data-act="next"' in shown
    heads = re.findall(r"<h3>(\w+)[^/]*?(?:</span>)?</h3>", shown)
    assert len(heads) == 2
    assert shown.count(">preferred<") == len(preferred)


def test_scores_tell_no_interval_of_a_handful_and_mark_the_chosen_runs() -> None:
    shown = beside.scores([score("r-one", 4, 1), score("r-other", 1, 2, 1)], ["r-other"])
    rows = re.findall(r"<tr.*?</tr>", shown)
    assert len(rows) == 3 and HOSTILE not in shown
    assert "1503 to 1700" in rows[1] and "chosen" not in rows[1]
    assert "too few" in rows[2] and "chosen" in rows[2]
    assert "No duel" in beside.scores([])


def test_a_run_that_was_in_no_duel_has_no_line_about_it() -> None:
    found = [score("r-one", 4, 1)]
    line = beside.of_run(found, "r-one")
    assert line is not None and "won 4, lost 1, tied 0, both bad 2" in line and "1612" in line
    assert beside.of_run(found, "r-other") is None
