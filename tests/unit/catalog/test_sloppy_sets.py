"""Data sets as people really have them: used as they are meant, or refused with the next step."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import pytest

from backend.catalog.datasets import Dataset, load_dataset
from backend.catalog.datasets.imports.removal import is_fetched
from backend.errors import DatasetError
from backend.runs.pairing import Captions, Rows
from backend.settings import Settings
from tests.unit.catalog import sets


def load(address: object) -> Dataset:
    return load_dataset(str(address), Settings())


def _table(folder: Path, between: str, named: str = "", *more: str) -> Path:
    """A set whose captions are a table with a byte order mark and the line ends of Windows."""
    sets.folder_set(folder)
    (folder / "captions.json").unlink()
    lines = [between.join(("File", "Split", "Caption"))]
    for row in sets.rows(12):
        lines += [
            between.join((f"{named}{row['file']}", row["split"].upper(), f'"{each}"'))
            for each in row["captions"]
        ]
    text = "\r\n".join([*lines, *more])
    (folder / "captions.csv").write_bytes(text.encode("utf-8-sig"))
    return folder


@pytest.mark.parametrize("between", [",", ";", "\t"])
@pytest.mark.parametrize("named", ["", "images/", "images\\"])
def test_tables_of_any_spreadsheet_give_the_same(tmp_path: Path, between: str, named: str) -> None:
    told = load(_table(tmp_path / "set", between, named))
    assert told.set_aside == ()
    assert told.records == load(sets.folder_set(tmp_path / "set")).records


def test_a_broken_quote_costs_its_own_line_alone(tmp_path: Path) -> None:
    rest = ('1.png,val,"one" dog', "0.png,train,a last one")
    told = load(_table(tmp_path / "a", ",", "", *rest))
    assert [fault.where for fault in told.set_aside] == ["captions.csv line 26"]
    assert told.records[0].captions == ("caption 0", "another one", "a last one")
    with pytest.raises(DatasetError, match="begins in line 26"):  # where it ends is not known
        load(_table(tmp_path / "b", ",", "", '1.png,val,"one dog', "0.png,train,a last one"))


def test_accents_may_be_composed_otherwise(tmp_path: Path) -> None:
    entries = sets.rows(12)
    folder = sets.folder_set(tmp_path, entries=[e | {"file": f"é {e['file']}"} for e in entries])
    for file in list((folder / "images").iterdir()):
        file.rename(file.with_name(unicodedata.normalize("NFD", f"é {file.name}")))
    told = load(folder)
    assert told.set_aside == () and len(told.records) == 12
    assert all(record.content.read() for record in told.records)  # type: ignore[union-attr]


def _split_folders(root: Path) -> Path:
    for place, split in enumerate(sets.SPLITS):
        (root / split).mkdir(parents=True)
        for number in range(4):
            (root / split / f"{number}.png").write_bytes(sets.picture(10 * place + number))
    return root


def test_folders_of_splits_are_no_classes(tmp_path: Path) -> None:
    """Taken for classes, held-out pictures would be trained on as "a photo of a test."."""
    with pytest.raises(DatasetError, match="are splits"):
        load(_split_folders(tmp_path))


def test_captions_in_the_folders_below_are_not_replaced_by_the_folders_names(
    tmp_path: Path,
) -> None:
    root = _split_folders(tmp_path / "hf")
    (root / "test" / "metadata.jsonl").write_text('{"file_name": "0.png", "text": "a cat"}\n')
    with pytest.raises(DatasetError, match=r"hf://.*/hf "):
        load(root)
    coco = tmp_path / "coco"
    shutil.copytree(root / "train", coco / "train2017")
    (coco / "annotations").mkdir()
    file = coco / "annotations" / "captions_train2017.json"
    file.write_text(json.dumps({"images": [{"id": 1}], "annotations": []}))
    with pytest.raises(DatasetError, match="annotations, which are not read"):
        load(coco)
    with pytest.raises(DatasetError, match="COCO's own form"):
        load(file)


def test_a_file_beside_classes_does_not_lose_the_split(tmp_path: Path) -> None:
    for place, split in enumerate(sets.SPLITS):
        for number in range(4):
            file = tmp_path / split / "cat" / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(sets.picture(10 * place + number))
    (tmp_path / "train" / "stray.png").write_bytes(sets.picture(99))
    told = load(tmp_path)
    assert [fault.where for fault in told.set_aside] == ["file train/stray.png"]
    assert {split: len(told.split(split)) for split in sets.SPLITS} == dict.fromkeys(sets.SPLITS, 4)


def test_the_recall_of_classes_is_said_to_say_little(tmp_path: Path) -> None:
    for number in range(60):
        file = tmp_path / "cat" / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(sets.picture(number))
    assert any("same captions" in note for note in load(tmp_path).notes)


def test_an_unknown_split_of_a_sample_is_not_trained_on(tmp_path: Path) -> None:
    members = {}
    for number in range(40):
        split = ("train", "val", "test", "eval")[number % 4]
        told = json.dumps({"caption": f"c{number}", "split": split}).encode()
        members |= {f"{number}.png": sets.picture(number), f"{number}.json": told}
    dataset = load(sets.tar(tmp_path / "x.tar", members))
    assert len(dataset.records) == 30 and len(dataset.set_aside) == 10
    assert "not 'eval'" in dataset.set_aside[0].what


@pytest.mark.parametrize("address", ["hf://", "hf:///"])
def test_an_address_without_a_name_does_not_list_the_whole_disk(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "rglob", lambda *_: pytest.fail("looked through everything"))
    assert not is_fetched(address, Settings())
    with pytest.raises(DatasetError, match="hf://owner/name"):
        load(address)


def test_a_broken_caption_does_not_shift_the_features_of_the_others(tmp_path: Path) -> None:
    entries = sets.rows(12)
    entries[0]["captions"] = ["", "the second", "the third"]
    dataset = load(sets.folder_set(tmp_path, entries=entries))
    assert dataset.records[0].captions == ("the second", "the third")
    assert Captions.of(dataset.records).ids[:3] == ("0.png#1", "0.png#2", "1.png#0")
    rows = Rows.of(dataset.records[:1], ["0.png"], ["0.png#0", "0.png#1", "0.png#2"])
    assert rows.caption_rows.tolist() == [1, 2]
    assert rows.records[0].captions == ("the second", "the third")


def test_an_empty_column_of_captions_does_not_hide_the_other(tmp_path: Path) -> None:
    entries = [
        {**row, "captions": None, "caption": f"said {n}"} for n, row in enumerate(sets.rows(12))
    ]
    assert load(sets.folder_set(tmp_path, entries=entries)).records[0].captions == ("said 0",)
