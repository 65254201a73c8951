"""Telephone games from a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.cli import app

RUNNER = CliRunner()


@pytest.fixture
def runs(played: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    home, ids = played
    monkeypatch.setenv("ISTHMUS_HOME", str(home))
    return ids


def told(*words: str) -> str:
    done = RUNNER.invoke(app, ["drift", *words], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def test_a_game_from_start_to_report(runs: list[str], tmp_path: Path) -> None:
    result = tmp_path / "games.json"
    output = told("start", *runs, "--pairs", "3", "--generations", "10", "--json", str(result))
    assert "mean cumulative drift" in output
    first, second = (game["id"] for game in json.loads(result.read_text()))
    assert first in told("list") and second not in told("list", "--run", runs[0])
    assert "generation" in told("show", first, "--chains", "1")
    assert "above 0 the second drifts less" in told("compare", first, second)
    folder = tmp_path / "out"
    assert str(folder) in told("export", first, str(folder))
    assert (folder / "text-first" / "gen-0.csv").is_file()
    for kind in ("html", "pdf"):
        path = Path(told("report", first, second, *(["--pdf"] if kind == "pdf" else [])).strip())
        assert path.suffix == f".{kind}" and path.stat().st_size > 5000
    page = Path(told("report", first).strip()).read_text()
    assert "<script" not in page and first in page
    assert "attractors of" in told("attractors", runs[0])
    assert "Repeats from" in told(
        "walk", runs[0], json.loads(result.read_text())[0]["request"]["seeds"][0]
    )


def test_bad_input_is_told_with_status_two(runs: list[str]) -> None:
    for words, sentence in (
        (("start", runs[0], "--backbone", "nonsense=x"), "Give own, paper"),
        (("start", runs[0], "--to-image", "magic"), "makes nothing"),
        (("start", "r-gone"), "r-gone"),
        (("show", "e-gone"), "no evaluation e-gone"),
        (("score-folder", "/nowhere"), "no chains in"),
        (("compare", "e-gone", "e-gone"), "no evaluation"),
    ):
        done = RUNNER.invoke(app, ["drift", *words])
        assert done.exit_code == 2, (words, done.output)
        assert sentence in " ".join((done.output + done.stderr).split())
