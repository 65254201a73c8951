"""The built-in sets on disk: complete or not there, whatever happens while they are drawn."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.errors import Cancelled, NotFound, StorageError
from backend.scenes import world
from backend.scenes.captions import captions
from backend.scenes.graph import Scene, sample_scene
from backend.scenes.parsing import matches, parse
from backend.scenes.render import render
from backend.scenes.world import WORLDS, build_world, is_built

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(WORLDS, "tiny", {"train": 9, "val": 3, "test": 4})
    return "tiny"


def drafts(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.name.startswith(".")]


def test_a_set_is_complete_and_true(tmp_path: Path, tiny: str) -> None:
    heard: list[tuple[int, int, str]] = []
    folder = build_world(tmp_path / "worlds", tiny, lambda *told: heard.append(told))
    rows = json.loads((folder / "captions.json").read_text())
    graphs = json.loads((folder / "scenes.json").read_text())
    assert [row["split"] for row in rows] == ["train"] * 9 + ["val"] * 3 + ["test"] * 4
    assert {path.name for path in (folder / "images").iterdir()} == {row["file"] for row in rows}
    for row in rows:
        scene = Scene.from_dict(graphs[row["file"]])
        picture = np.asarray(Image.open(folder / "images" / row["file"]))
        assert np.array_equal(picture, render(scene))
        assert len(set(row["captions"])) == 5
        assert all(matches(parse(caption), scene) for caption in row["captions"])
        assert row["attributes"]["objects"] == str(len(scene.objects))
        assert row["attributes"]["background"] == scene.background
        assert all(isinstance(value, str) for value in row["attributes"].values())
    assert heard[-1] == (16, 16, "pictures")
    assert drafts(folder.parent) == []


def test_scenes_are_those_of_their_split(tmp_path: Path, tiny: str) -> None:
    folder = build_world(tmp_path, tiny)
    graphs = json.loads((folder / "scenes.json").read_text())
    rows = {row["file"]: row for row in json.loads((folder / "captions.json").read_text())}
    assert Scene.from_dict(graphs["val-00002.png"]) == sample_scene("world/val", 2)
    assert rows["val-00002.png"]["captions"] == list(
        captions(sample_scene("world/val", 2), "world/val/2")
    )


def test_the_small_set_is_a_prefix_of_the_large_one() -> None:
    small, large = WORLDS["scenes-small"], WORLDS["scenes"]
    assert list(small) == list(large) == ["train", "val", "test"]
    assert all(small[split] <= large[split] for split in small)


def test_training_images_of_the_small_set_tell_two_captions_and_held_out_ones_all_five() -> None:
    told: set[int] = set()
    for index in range(10):
        every = list(captions(sample_scene("world/train", index), f"world/train/{index}"))
        kept = world.Picture("train", index).entry(training_captions=2)["captions"]
        assert len(kept) == 2 and set(kept) <= set(every)
        told |= {every.index(caption) for caption in kept}
    assert told == {0, 1, 2, 3, 4}  # each kind has its turn
    assert len(world.Picture("test", 0).entry(training_captions=2)["captions"]) == 5
    assert world.counts("scenes-small")["train"] == (1500, 3000)
    assert world.counts("scenes")["train"] == (3000, 15000)


def test_attributes_say_several_where_objects_differ() -> None:
    for index in range(300):
        scene = sample_scene("tests", index)
        told = world.attributes(scene)
        colours = {item.colour for item in scene.objects}
        assert told["colour"] == (colours.pop() if len(colours) == 1 else "several")


def test_no_picture_is_in_two_splits() -> None:
    seen: set[str] = set()
    for picture in world.pictures({"train": 300, "val": 300, "test": 300}):
        seen.add(json.dumps(picture.scene.to_dict()))
    assert len(seen) == 900


def test_a_set_is_drawn_once(tmp_path: Path, tiny: str) -> None:
    folder = build_world(tmp_path, tiny)
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "images").iterdir()}
    assert build_world(tmp_path, tiny) == folder
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "images").iterdir()} == before


def test_another_size_or_version_is_drawn_anew(
    tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = build_world(tmp_path, tiny)
    monkeypatch.setitem(WORLDS, tiny, {"train": 2, "val": 1, "test": 1})
    assert not is_built(tmp_path, tiny)
    assert build_world(tmp_path, tiny) == folder
    assert len(list((folder / "images").iterdir())) == 4
    monkeypatch.setattr(world, "WORLD_VERSION", world.WORLD_VERSION + 1)
    assert not is_built(tmp_path, tiny)
    assert build_world(tmp_path, tiny) != folder


def test_an_unknown_set_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="scenes-small"):
        build_world(tmp_path, "mountains")


def test_cancelling_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int, unit: str) -> None:
        if done > 0:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        build_world(tmp_path, "scenes-small", stop)
    assert list(tmp_path.iterdir()) == []


def test_a_painter_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WORLDS, "bad", {"../../nowhere/": 4})  # its pictures cannot be saved
    with pytest.raises(StorageError, match="ISTHMUS_HOME"):
        build_world(tmp_path, "bad")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, tiny: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="ISTHMUS_HOME"):
        build_world(tmp_path / "file", tiny)


def test_several_at_once_do_no_harm(tmp_path: Path, tiny: str) -> None:
    folders: list[Path] = []
    threads = [
        threading.Thread(target=lambda: folders.append(build_world(tmp_path, tiny)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(folders)) == 1 and len(folders) == 3
    assert is_built(tmp_path, tiny) and drafts(tmp_path) == []
    assert len(list((folders[0] / "images").iterdir())) == 16


def test_a_killed_draw_counts_for_nothing(
    tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import sys; from pathlib import Path; from backend.scenes.world import build_world; "
    code += "build_world(Path(sys.argv[1]), 'scenes')"
    drawing = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=REPOSITORY)
    while not list(tmp_path.glob(".scenes-*/images/*.png")):
        assert drawing.poll() is None
        time.sleep(0.02)
    os.kill(drawing.pid, signal.SIGKILL)
    drawing.wait()
    assert not is_built(tmp_path, "scenes")
    images = drafts(tmp_path)[0] / "images"
    before = -1
    while before != len(list(images.iterdir())):  # its painters notice and stop
        before = len(list(images.iterdir()))
        time.sleep(0.3)
    assert before < sum(WORLDS["scenes"].values())
    monkeypatch.setattr(world, "_STALE_AFTER_S", -1.0)
    build_world(tmp_path, tiny)
    assert drafts(tmp_path) == []
