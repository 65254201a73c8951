"""Similarities of what operators make, told as it is written, also where a game goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.drift.journal import Journal, Made
from backend.drift.nearness import NearJournal
from backend.errors import InvalidInput

SEED = "text:a#0"


def on_circle(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32)


class Space:
    """Texts lie at the angle that they say, pictures at that of their first pixel, the seed at 0."""

    reads = True

    def vector(self, item: str) -> np.ndarray:
        return on_circle({SEED: 0, "image:b": 20}[item])

    def embed_texts(self, texts) -> np.ndarray:
        if not self.reads:
            raise InvalidInput("features alone")
        return np.stack([on_circle(float(text)) for text in texts])

    def embed_items(self, pictures) -> np.ndarray:
        return np.stack([on_circle(picture.getpixel((0, 0))[0]) for picture in pictures])


def steps(folder: Path) -> list[Made]:
    Image.new("RGB", (2, 2), (60, 0, 0)).save(folder / "p.png")
    return [
        Made(SEED, 0, 0, "text", item=SEED, to_start=1.0),
        Made(SEED, 0, 1, "image", picture="p.png"),
        Made(SEED, 0, 2, "text", text="90"),
        Made(SEED, 0, 3, "image", item="image:b", to_start=0.5, to_previous=0.25),
        Made(SEED, 0, 4, "text", text="50"),
    ]


#: degrees to the start and to the step before
EXPECTED = {1: (60, 60), 2: (90, 30), 4: (50, 30)}


def told(journal: Journal) -> dict[int, tuple[float | None, float | None]]:
    found = {line.step.generation: line.step for line in journal.read()}
    return {number: (step.to_start, step.to_previous) for number, step in found.items()}


def check(journal: Journal) -> None:
    found = told(journal)
    for number, degrees in EXPECTED.items():
        assert found[number] == pytest.approx(tuple(np.cos(np.radians(degrees)).tolist()), abs=1e-6)
    assert found[3] == (0.5, 0.25), "what is told stays"


def test_what_is_made_is_held_against_the_start_and_the_step_before(tmp_path: Path) -> None:
    journal = NearJournal(tmp_path / "steps.jsonl", Space())  # type: ignore[arg-type]
    for step in steps(tmp_path):
        journal.append([step])
    check(journal)
    made = [line.step for line in journal.read()]
    assert [replace(each, to_start=None, to_previous=None) for each in made] == [
        replace(each, to_start=None, to_previous=None) for each in steps(tmp_path)
    ]


@pytest.mark.parametrize("kept", range(5))
def test_a_game_that_goes_on_is_told_the_same(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "steps.jsonl"
    before = NearJournal(path, Space())  # type: ignore[arg-type]
    before.append(steps(tmp_path)[:kept])
    after = NearJournal(path, Space())  # type: ignore[arg-type]
    # what a batch had made beyond its slowest chain is made again
    for step in steps(tmp_path)[max(0, kept - 1) :]:
        after.append([step])
    check(after)


def test_of_what_cannot_be_read_nothing_is_told(tmp_path: Path) -> None:
    space = Space()
    space.reads = False
    journal = NearJournal(tmp_path / "steps.jsonl", space)  # type: ignore[arg-type]
    for step in steps(tmp_path):
        journal.append([step])
    found = told(journal)
    assert found[2] == found[4] == (None, None)
    assert found[1] == pytest.approx((0.5, 0.5), abs=1e-6)
