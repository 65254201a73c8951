"""Telephone games from a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.cli import app
from tests.conftest import REPOSITORY

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


def test_a_game_that_is_killed_goes_on_to_the_same_end(
    played: tuple[Path, list[str]], runs: list[str], tmp_path: Path
) -> None:
    home = played[0]
    asked = ["start", runs[0], "--pairs", "20", "--generations", "60", "--repeats", "5",
             "--temperature", "0.3", "--no-revisit"]  # fmt: skip
    known = {game["id"] for game in listed(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", "drift", *asked], cwd=REPOSITORY,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while process.poll() is None and written(home, known) < 20_000:
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    (killed,) = [game["id"] for game in listed(tmp_path) if game["id"] not in known]
    begun = written(home, known)
    told("resume", killed, "--json", str(tmp_path / "resumed.json"))
    told(*asked, "--json", str(tmp_path / "whole.json"))
    resumed = json.loads((tmp_path / "resumed.json").read_text())["result"]
    (whole,) = json.loads((tmp_path / "whole.json").read_text())
    assert begun < written(home, known, killed), "it was killed before it was done"
    assert {**resumed, "seconds": 0} == {**whole["result"], "seconds": 0}
    steps = [
        sorted(
            (
                step["seed"],
                step.get("repeat", 0),
                step["generation"],
                step["item"],
                step["to_start"],
            )
            for step in map(json.loads, journal(home, game).read_text().splitlines())
        )
        for game in (killed, whole["id"])
    ]
    assert steps[0] == steps[1]


def listed(folder: Path) -> list[dict[str, str]]:
    told("list", "--json", str(folder / "list.json"))
    found: list[dict[str, str]] = json.loads((folder / "list.json").read_text())
    return found


def journal(home: Path, game: str) -> Path:
    (path,) = home.glob(f"data/runs/*/drift/{game}/steps.jsonl")
    return path


def written(home: Path, known: set[str], game: str = "*") -> int:
    """Bytes of the journals of games that were not there before."""
    paths = home.glob(f"data/runs/*/drift/{game}/steps.jsonl")
    return sum(path.stat().st_size for path in paths if path.parent.name not in known)


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
