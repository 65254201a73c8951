"""Duels as markup: what must not be told before the verdict, and what is told after it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from backend.schemas import Duel, DuelScore, Verdict
from tests.unit.ui.test_beside_cards import HOSTILE, hits
from ui import duel_cards as cards

NAMES = {"r-one": f"One {HOSTILE}", "r-other": "Other"}


def score(run: str, won: int, lost: int, tied: int = 0) -> DuelScore:
    return DuelScore(run=run, run_name=NAMES[run], won=won, lost=lost, tied=tied, neither=2,
                     rating=1612.4, interval=(1502.6, 1700.2), last=datetime.now(UTC))  # fmt: skip


def duel(verdict: Verdict | None = None) -> Duel:
    runs = ("r-other", "r-one") if verdict else None
    return Duel(id="d-1", query=f"“{HOSTILE}”", left=hits("abc", truth="a"), right=hits("bca"),
                verdict=verdict, runs=runs)  # fmt: skip


def test_before_the_verdict_nothing_tells_who_is_who() -> None:
    shown = cards.duel(duel(), NAMES)
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
    shown = cards.duel(duel(verdict), NAMES, [score("r-one", 3, 1), score("r-other", 1, 3)])
    assert sentence in shown and "1612" in shown and HOSTILE not in shown
    assert 'data-act="judge"' not in shown and 'data-act="next"' in shown
    heads = re.findall(r"<h3>(\w+)[^/]*?(?:</span>)?</h3>", shown)
    assert len(heads) == 2
    assert shown.count(">preferred<") == len(preferred)


def test_scores_tell_no_interval_of_a_handful_and_mark_the_chosen_runs() -> None:
    shown = cards.scores([score("r-one", 4, 1), score("r-other", 1, 2, 1)], ["r-other"])
    rows = re.findall(r"<tr.*?</tr>", shown)
    assert len(rows) == 3 and HOSTILE not in shown
    assert "1503 to 1700" in rows[1] and "chosen" not in rows[1]
    assert "too few" in rows[2] and "chosen" in rows[2]
    assert "No duel" in cards.scores([])


def test_a_run_that_was_in_no_duel_has_no_line_about_it() -> None:
    found = [score("r-one", 4, 1)]
    line = cards.of_run(found, "r-one")
    assert line is not None and "won 4, lost 1, tied 0, both bad 2" in line and "1612" in line
    assert cards.of_run(found, "r-other") is None
