"""A data set looked at in full: every fault found, all of them listed, and quick the second time."""

from __future__ import annotations

import csv
import io
import json
import os
import random
from pathlib import Path

import pytest
from PIL import Image

from backend.catalog.datasets import inspection
from backend.catalog.datasets.decoding import picture_fault
from backend.catalog.datasets.inspection import inspect_dataset
from backend.errors import Cancelled, DatasetError, InvalidInput, StorageError
from backend.media.blobs import Blob
from backend.media.pictures import read_picture
from backend.settings import Settings
from tests.unit.catalog import sets


def settle(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        os.utime(path, ns=(10**18, 10**18))


@pytest.fixture
def troubled(tmp_path: Path) -> Path:
    """A set with one of each fault."""
    rows = sets.rows(30)
    rows[4]["captions"] = ["only one"]
    rows[7]["captions"] = ["caption 8"]  # in val and in test
    broken = [{"file": "gone.png", "captions": ["a"]}, {"file": "../x.png", "captions": ["a"]}, 3]
    folder = sets.folder_set(tmp_path / "set", 30, [*rows, *broken])
    images = folder / "images"
    (images / "10.png").write_bytes(sets.picture(10)[:50])
    (images / "11.png").write_bytes(b"")
    (images / "13.png").write_bytes((images / "14.png").read_bytes())
    (images / "18.png").write_bytes((images / "15.png").read_bytes())
    (folder / "=cmd.txt").write_text("no matter")
    settle(folder)
    return folder


def test_everything_wrong_is_found_counted_and_listed(troubled: Path) -> None:
    report = inspect_dataset(str(troubled), Settings())
    assert report.counts == {
        "broken row": 3,
        "unreadable": 2,
        "crosses splits": 1,
        "duplicate": 1,
        # "another one" is in all, and "caption 8" in two
        "caption crosses splits": 2,
    }
    found = {(each.kind, each.where): each for each in report.findings}
    assert found["broken row", "captions.json row 31"].what == "there is no file 'gone.png'"
    assert found["unreadable", "10.png"].set_aside and found["unreadable", "11.png"].set_aside
    assert found["crosses splits", "13.png"].set_aside
    assert not found["duplicate", "18.png"].set_aside
    assert not found["caption crosses splits", "7.png"].set_aside
    assert {name: s.images for name, s in report.info.splits.items()} == {
        "train": 10, "val": 8, "test": 9,
    }  # fmt: skip
    assert report.captions_per_item == {1: 2, 2: 25}
    assert len(report.info.set_aside) == 6
    assert report.listing is not None
    with report.listing.open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == sum(report.counts.values()) == 9
    assert [line["where"] for line in lines if line["kind"] == "unreadable"] == ["10.png", "11.png"]


def test_a_second_look_decodes_nothing_again(
    troubled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = inspect_dataset(str(troubled), Settings())

    def never(*_: object) -> str:
        raise AssertionError("decoded again")

    monkeypatch.setattr(inspection, "picture_fault", never)
    again = inspect_dataset(str(troubled), Settings())
    assert again.model_copy(update={"seconds": first.seconds}) == first
    with pytest.raises(AssertionError):  # another limit is another question
        inspect_dataset(str(troubled), Settings(max_image_pixels=10))


def test_a_good_set_has_no_findings(tmp_path: Path) -> None:
    rows = [{**row, "captions": row["captions"][:1]} for row in sets.rows(12)]
    report = inspect_dataset(str(sets.folder_set(tmp_path / "set", 12, rows)), Settings())
    assert (report.counts, report.findings, report.listing) == ({}, (), None)


def test_only_the_first_of_each_kind_pass_the_door_and_the_file_has_all(tmp_path: Path) -> None:
    rows = [*sets.rows(12), *({"file": "=1+1", "captions": ["a"]} for _ in range(300))]
    report = inspect_dataset(str(sets.folder_set(tmp_path / "set", 12, rows)), Settings())
    assert report.counts["broken row"] == 300
    assert len([each for each in report.findings if each.kind == "broken row"]) == 50
    assert len(report.info.set_aside) == 201 and report.info.set_aside[-1].startswith(
        "and 100 more"
    )
    assert report.listing is not None and report.listing.read_text().count("broken row") == 300


def test_pictures_over_the_limit_are_set_aside(tmp_path: Path) -> None:
    folder = sets.folder_set(tmp_path / "set")
    Image.new("RGB", (300, 300)).save(folder / "images" / "0.png", "JPEG")
    Image.new("RGB", (300, 300), "red").save(folder / "images" / "3.png")
    report = inspect_dataset(str(folder), Settings(max_image_pixels=80_000))
    assert report.counts["unreadable"] == 2
    assert all(
        "300 x 300 pixels" in each.what for each in report.findings if each.kind == "unreadable"
    )


def test_the_quick_look_at_a_jpeg_finds_what_decoding_it_finds(tmp_path: Path) -> None:
    chance = random.Random(5)
    noise = Image.frombytes("RGB", (90, 70), chance.randbytes(90 * 70 * 3))
    verdicts = set()
    for number in range(120):
        data = io.BytesIO()
        noise.save(data, "JPEG", progressive=number % 3 == 0, quality=50)
        broken = bytearray(data.getvalue())
        for _ in range(number % 4):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        if number % 5 == 0:
            del broken[chance.randrange(len(broken)) :]
        (tmp_path / "x.jpg").write_bytes(broken)
        try:
            read_picture(bytes(broken))
            sound = True
        except InvalidInput:
            sound = False
        assert (picture_fault(Blob(tmp_path / "x.jpg"), 10**6) == "") == sound, number
        verdicts.add(sound)
    assert verdicts == {True, False}


def test_recordings_are_opened(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.wav").write_bytes(sets.recording(number))
    (tmp_path / "3.wav").write_bytes(b"RIFF and nothing else")
    (tmp_path / "4.wav").write_bytes(sets.recording(4)[:44])
    (tmp_path / "captions.json").write_text(json.dumps(sets.rows(9, ".wav")))
    report = inspect_dataset(str(tmp_path), Settings())
    assert report.counts["unreadable"] == 2 and report.info.modality == "audio"


def test_prompts_of_class_folders_are_one_note(tmp_path: Path) -> None:
    for place, split in enumerate(sets.SPLITS):
        for name in ("cat", "dog"):
            (tmp_path / split / name).mkdir(parents=True)
            for number in range(3):
                data = sets.picture(100 * place + number + 10 * len(name) + (name == "dog") * 50)
                (tmp_path / split / name / f"{number}.png").write_bytes(data)
    report = inspect_dataset(str(tmp_path), Settings())
    assert report.counts == {"note": 2}
    assert report.findings[1].what.startswith("2 prompts are in several splits")


def test_progress_is_told_and_a_wish_to_stop_is_heard(troubled: Path) -> None:
    units: list[str] = []
    inspect_dataset(str(troubled), Settings(), lambda done, total, unit: units.append(unit))
    assert list(dict.fromkeys(units)) == ["rows", "items hashed", "items decoded"]

    def stop(done: int, total: int, unit: str) -> None:
        if unit == "items decoded":
            raise Cancelled

    with pytest.raises(Cancelled):
        inspect_dataset(str(troubled), Settings(max_image_pixels=7), stop)


def test_nothing_usable_and_nowhere_to_write_are_told(tmp_path: Path, home: Path) -> None:
    folder = sets.folder_set(tmp_path / "set")
    for path in (folder / "images").iterdir():
        path.write_bytes(b"no picture " + path.name.encode())
    with pytest.raises(DatasetError, match="no usable item for train and val and test") as caught:
        inspect_dataset(str(folder), Settings())
    assert len(caught.value.faults) == 12
    home.mkdir(exist_ok=True)
    (home / "data").write_text("a file is in the way")
    with pytest.raises(StorageError, match="Free some space"):
        inspect_dataset(str(sets.folder_set(tmp_path / "other", 12)), Settings())


@pytest.mark.real_data
def test_flickr8k_has_a_photograph_twice_and_captions_in_several_splits(shared: Path) -> None:
    report = inspect_dataset(str(shared / "data" / "flickr8k"), Settings())
    assert report.counts == {"duplicate": 1, "caption crosses splits": 75}
    assert report.captions_per_item == {5: 8000}
