"""Progress in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from backend import terminal
from backend.terminal import Listener


def _console(is_terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=is_terminal, width=120)


def _text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_plain_lines_tell_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    console = _console(False)
    with Listener(console) as listener:
        for second in range(0, 31, 5):
            now[0] = 100.0 + second
            listener("Encode items", 20 * second, 1_000, "images")
        listener("Encode items", 1_000, 1_000, "images")
    lines = _text(console).splitlines()
    assert lines == [
        "Encode items 0 of 1,000 images",
        "Encode items 200 of 1,000 images, 20 a second, 0:00:40 left",
        "Encode items 400 of 1,000 images, 20 a second, 0:00:30 left",
        "Encode items 600 of 1,000 images, 20 a second, 0:00:20 left",
        "Encode items 1,000 of 1,000 images",
    ]


def test_a_new_step_is_told_at_once_and_starts_its_own_count() -> None:
    console = _console(False)
    with Listener(console) as listener:
        listener("Read", 0, 0, "")
        listener("Encode", 5, 10, "texts")
    assert _text(console).splitlines() == ["Read", "Encode 5 of 10 texts"]


def test_a_terminal_gets_a_bar() -> None:
    console = _console(True)
    with Listener(console) as listener:
        listener("Encode", 5, 10, "texts")
    assert "5/10" in _text(console) and "texts" in _text(console)
