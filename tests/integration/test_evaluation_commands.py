"""The commands that measure more than retrieval: their tables, their JSON, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from backend.cli import app
from backend.runs.pipeline import run_pipeline
from backend.schemas import RunRequest
from tests.integration.home import Home


@pytest.fixture
def run_id(place: Home, small: RunRequest) -> str:
    """A finished run."""
    run = run_pipeline(place.settings, place.store, small, with_map=False)
    assert run.summary.status == "finished", run.summary.error
    return run.summary.id


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """Two classes, one of which is called like the markup of a terminal."""
    for name, colour in (("[red]", (220, 40, 40)), ("blue", (40, 60, 220))):
        (tmp_path / "classes" / name).mkdir(parents=True)
        for number in range(8):
            image = Image.new("RGB", (40, 40), tuple(part + number for part in colour))
            image.save(tmp_path / "classes" / name / f"{number}.png")
    return tmp_path / "classes"


def command(tmp_path: Path, *arguments: str) -> Any:
    """Runs a command that has to succeed; its JSON, and what it printed."""
    file = tmp_path / "result.json"
    done = CliRunner().invoke(app, [*arguments, "--json", str(file)])
    assert done.exit_code == 0, done.output
    return json.loads(file.read_text()), done.output


def test_each_measures_prints_and_writes(
    run_id: str, classes: Path, small: RunRequest, tmp_path: Path
) -> None:
    found, printed = command(
        tmp_path, "zero-shot", run_id, str(classes), "--all", "--template", "a {} half"
    )
    assert found["images"] == 16 and "top-1" in printed and "[red]" in printed
    found, printed = command(tmp_path, "gap", run_id)
    assert len(found["points"]) == 11 and "100%" in printed
    found, printed = command(tmp_path, "similarity", run_id, "--permutations", "39")
    assert found["spaces"]["permutations"] == 39 and "mutual knn" in printed
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("red / blue\ngreen / yellow\n")
    found, printed = command(tmp_path, "words", run_id, "--pairs", str(pairs))
    assert found["gallery"] == 6 and "all pairs" in printed
    found, printed = command(tmp_path, "diagnose", run_id)
    assert set(found) == {"suspicions", "slices", "conflict"} and "likely wrong" in printed
    found, printed = command(tmp_path, "assess", small.image_encoder, "--labelled", str(classes))
    assert found["encoders"][0]["classes"] == 2 and "kNN" in printed
    found, printed = command(tmp_path, "leaderboard")
    assert [row["run"] for row in found["rows"]] == [run_id] and "gain" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("similarity", "RUN", "--layers", "likeness"), "measure"),
        (("words", "RUN", "--pairs", "nowhere.txt"), "There is no file"),
        (("zero-shot", "RUN", "nowhere"), "nowhere"),
        (("zero-shot", "r-none", "scenes-small"), "There is no run"),
        (("gap", "r-none"), "There is no run"),
        (("diagnose", "RUN", "--asked-by", "nobody"), "allowed: text, image"),
        (("compose", "RUN", "/nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_no_traceback(
    run_id: str, arguments: tuple[str, ...], said: str
) -> None:
    done = CliRunner().invoke(app, [run_id if each == "RUN" else each for each in arguments])
    assert done.exit_code in (1, 2) and isinstance(done.exception, SystemExit)
    assert said in done.output, done.output


def test_pairs_that_are_no_text_are_told(run_id: str, tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_bytes("männlich / weiblich".encode("latin-1"))
    done = CliRunner().invoke(app, ["words", run_id, "--pairs", str(tmp_path / "pairs.txt")])
    assert done.exit_code == 2 and "UTF-8" in done.output
