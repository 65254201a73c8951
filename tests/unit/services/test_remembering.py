"""Answers are made once, kept for a while, and those not asked for longest go first."""

from __future__ import annotations

import pytest

from backend.services import remembering
from backend.services.remembering import Remembering
from backend.settings import Settings


def test_an_answer_is_made_once_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembering, "_MOST", 2)
    door = Remembering(Settings())
    made: list[str] = []

    def ask(key: str) -> str:
        return door._remembered(key, lambda: made.append(key) or key.upper())

    assert [ask(key) for key in "abab"] == ["A", "B", "A", "B"]
    assert made == ["a", "b"]
    ask("a")  # now b was not asked for longest
    ask("c")
    assert ask("a") == "A" and made == ["a", "b", "c"]
    assert ask("b") == "B" and made == ["a", "b", "c", "b"]


def test_what_fails_is_not_kept() -> None:
    door = Remembering(Settings())

    def fail() -> str:
        raise ValueError("not now")

    with pytest.raises(ValueError, match="not now"):
        door._remembered(("conflicts", "r"), fail)
    assert door._remembered(("conflicts", "r"), lambda: "made") == "made"
