"""A real pair of encoders on real photographs and captions, by the command a person would type."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backend.settings import REPOSITORY

COUNTS = {"train": 240, "val": 30, "test": 100}


@pytest.fixture
def photographs(shared: Path, tmp_path: Path) -> Path:
    """A few hundred images of Flickr8k with their captions."""
    source = shared / "data" / "flickr8k"
    folder = tmp_path / "photographs"
    (folder / "images").mkdir(parents=True)
    every = json.loads((source / "captions.json").read_text("utf-8"))
    rows = [
        row
        for split, count in COUNTS.items()
        for row in [row for row in every if row["split"] == split][:count]
    ]
    for row in rows:
        shutil.copyfile(source / "images" / row["file"], folder / "images" / row["file"])
    (folder / "captions.json").write_text(json.dumps(rows), "utf-8")
    return folder


@pytest.mark.real_data
def test_a_few_hundred_photographs_align_far_above_chance(
    shared: Path, photographs: Path, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "backend", "align", "--dataset", str(photographs)),
            *("--image-encoder", str(shared / "models" / "vit-tiny-patch16-224-augreg")),
            *("--text-encoder", "minilm", "--method", "ridge-cca", "--json", str(result)),
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    test = json.loads(result.read_text())["retrieval"]["test"]
    assert (test["images"], test["captions"]) == (100, 500)
    # chance: 0.10 text to image, 0.10 image to text
    assert test["text_to_image"]["recall_at_10"] > 0.35
    assert test["image_to_text"]["recall_at_10"] > 0.35
