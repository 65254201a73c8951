"""Every way in which a data set may be stored gives the same kind of records."""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest

from backend.catalog.datasets import Dataset, load_dataset
from backend.errors import DatasetError
from backend.media.blobs import Blob
from backend.settings import Settings
from tests.unit.catalog import sets


def load(address: object) -> Dataset:
    return load_dataset(str(address), Settings())


def counts(dataset: Dataset) -> dict[str, tuple[int, int]]:
    return {name: (s.images, s.captions) for name, s in dataset.info().splits.items()}


# --- captions files ------------------------------------------------------------------------------


@pytest.mark.parametrize("lists", [True, False])
def test_parquet_gives_what_json_gives(tmp_path: Path, lists: bool) -> None:
    folder = sets.folder_set(tmp_path / "set")
    whole = load(folder)
    rows = json.loads((folder / "captions.json").read_text())
    (folder / "captions.json").unlink()
    if not lists:
        rows = [{**row, "captions": each} for row in rows for each in row["captions"]]
        rows = [{"caption": row.pop("captions"), **row} for row in rows]
    parquet.write_table(arrow.Table.from_pylist(rows), folder / "captions.parquet")
    table = load(folder)
    assert table.records == whole.records and table.set_aside == ()


def test_a_captions_file_of_any_name_with_columns_of_any_name(tmp_path: Path) -> None:
    folder = sets.folder_set(tmp_path / "set")
    rows = json.loads((folder / "captions.json").read_text())
    with (folder / "list.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["Photo", "said", "split", "text"])
        for row in rows:
            table.writerows([row["file"], each, row["split"], "no"] for each in row["captions"])
    dataset = load(f"{folder}/list.csv?image=photo&caption=said")
    assert dataset.records == load(folder).records
    assert dataset.name == "list" and dataset.id == f"{folder}/list.csv?image=photo&caption=said"
    own = [{"photo": row["file"], "said": row["captions"], "captions": ["no"]} for row in rows]
    (folder / "own.jsonl").write_text("\n".join(map(json.dumps, own)))
    told = load(f"{folder}/own.jsonl?image=photo&caption=said")
    assert {r.id: r.captions for r in told.records}.items() <= {
        r.id: r.captions for r in dataset.records
    }.items()
    with pytest.raises(DatasetError, match=r"foto \(image\) is missing"):
        load(f"{folder}/list.csv?image=foto&caption=said")
    with pytest.raises(DatasetError, match="captoin: is not an option here; allowed: audio"):
        load(f"{folder}/list.csv?captoin=said")


def test_metadata_of_an_imagefolder_is_a_captions_file(tmp_path: Path) -> None:
    folder = sets.folder_set(tmp_path / "set")
    rows = json.loads((folder / "captions.json").read_text())
    (folder / "captions.json").unlink()
    lines = [{"file_name": r["file"], "text": r["captions"][0], "split": r["split"]} for r in rows]
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert counts(load(folder)) == {"train": (4, 4), "val": (4, 4), "test": (4, 4)}


@pytest.mark.parametrize("column", ["text", "code"])
def test_texts_and_code_need_no_files(tmp_path: Path, column: str) -> None:
    rows = [
        {column: f"def f{n}(): pass", "captions": ["does nothing", f"number {n}"]}
        for n in range(90)
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    dataset = load(tmp_path / "pairs.jsonl")
    assert dataset.modality == dataset.info().modality == column
    assert dataset.records[7].content == "def f7(): pass"
    assert dataset.records[7].id.startswith("text-") and len(dataset.records) == 90
    before = {record.id: record.split for record in dataset.records}
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows[::-1][:60])))
    assert {r.id: r.split for r in load(tmp_path / "pairs.jsonl").records}.items() <= before.items()


def test_code_with_text_is_told_by_it(tmp_path: Path) -> None:
    rows = [
        {"code": f"f{n}()", "text": f"calls {n}", "split": sets.SPLITS[n % 3]} for n in range(6)
    ]
    (tmp_path / "captions.json").write_text(json.dumps(rows))
    record = load(tmp_path).records[3]
    assert (record.modality, record.content, record.captions) == ("code", "f3()", ("calls 3",))


def test_recordings_are_items_too_and_a_set_has_one_kind(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"{number}.wav").write_bytes(sets.recording(number))
    (tmp_path / "x.png").write_bytes(sets.picture(1))
    odd: list[Any] = [
        {"file": "x.png", "captions": ["a"]},
        {"text": "words", "captions": ["a"]},
        {"image": "1.wav", "captions": ["a"]},
        {"id": 7, "captions": ["a"]},
        {"id": "", "captions": ["a"]},
        {"id": [7], "file": "1.wav", "captions": ["a"]},
    ]
    rows = [
        {"audio": r["file"], "captions": r["captions"], "split": r["split"]}
        for r in sets.rows(9, ".wav")
    ]
    (tmp_path / "captions.json").write_text(json.dumps(rows + odd))
    dataset = load(tmp_path)
    assert dataset.modality == "audio" and len(dataset.records) == 9
    assert dataset.layout == "recordings with captions.json"
    told = {fault.where[-6:]: fault.what for fault in dataset.set_aside}
    assert set(told) == {f"row {n}" for n in range(10, 16)}
    assert "x.png is image, and 9 others are audio" in told["row 10"]
    assert "is audio, by its name" in told["row 12"] and "id must be" in told["row 14"]


def test_an_id_of_its_own_is_the_id(tmp_path: Path) -> None:
    folder = sets.folder_set(tmp_path / "set")
    rows = json.loads((folder / "captions.json").read_text())
    rows = [{**row, "id": n + 100} for n, row in enumerate(rows)]
    (folder / "captions.json").write_text(json.dumps([*rows, {**rows[0], "file": "1.png"}]))
    dataset = load(folder)
    assert [record.id for record in dataset.records] == [str(n) for n in range(100, 112)]
    assert "100 was given before, in captions.json row 1" in dataset.set_aside[0].what


def test_attributes_in_a_table_are_json(tmp_path: Path) -> None:
    told = ['{""shape"": ""star""}', "", "star", "{", '{""shape"": ""disc""}', ""]
    lines = [f'text {n},c,"{each}",{sets.SPLITS[n % 3]}' for n, each in enumerate(told)]
    (tmp_path / "captions.csv").write_text("text,caption,attributes,split\n" + "\n".join(lines))
    dataset = load(tmp_path)
    assert [record.attributes.get("shape") for record in dataset.records] == [
        "star", None, None, None, "disc", None,
    ]  # fmt: skip
    assert [fault.where for fault in dataset.set_aside] == [
        f"captions.csv line {n}" for n in (4, 5)
    ]


def test_lines_of_a_table_that_contradict_each_other_are_listed(tmp_path: Path) -> None:
    lines = [
        "a,x,one,train",
        "a,x,two,train",
        "a,x,three,test",
        "a,y,four,train",
        "b,y,c,val",
        "c,z,c,test",
    ]
    (tmp_path / "captions.csv").write_text("id,text,caption,split\n" + "\n".join(lines))
    dataset = load(tmp_path)
    assert dataset.records[0].captions == ("one", "two")
    assert [(fault.where, fault.what[:19]) for fault in dataset.set_aside] == [
        ("captions.csv line 4", "'a' was in another "),
        ("captions.csv line 5", "'a' was another ite"),
    ]


def test_pictures_inside_parquet_are_told_where_to_go(tmp_path: Path) -> None:
    rows = [{"image": {"bytes": b"x", "path": None}, "caption": "c"}]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "captions.parquet")
    with pytest.raises(DatasetError, match=f"hf://{tmp_path}"):
        load(tmp_path)


# --- Karpathy ------------------------------------------------------------------------------------


def karpathy(path: Path, count: int = 12, **more: Any) -> None:
    splits = ("train", "restval", "val", "test")
    entries: list[Any] = [
        {
            "filename": f"{n}.png",
            "split": splits[n % 4],
            "sentences": [{"raw": f"A caption {n}.", "tokens": []}, {"raw": "Another."}],
            **more,
        }
        for n in range(count)
    ]
    path.write_text(json.dumps({"dataset": "coco", "images": entries}))


@pytest.mark.parametrize("where", ["", "images", "flickr30k-images", "images/val2014"])
def test_karpathys_json_finds_its_pictures(tmp_path: Path, where: str) -> None:
    pictures = tmp_path / where
    pictures.mkdir(parents=True, exist_ok=True)
    for number in range(12):
        (pictures / f"{number}.png").write_bytes(sets.picture(number))
    karpathy(tmp_path / "dataset_coco.json", **({"filepath": "val2014"} if "val" in where else {}))
    dataset = load(tmp_path / "dataset_coco.json")
    assert counts(dataset) == {"train": (6, 12), "val": (3, 6), "test": (3, 6)}
    assert dataset.records[5].captions == ("A caption 5.", "Another.")
    assert dataset.set_aside == () and "Karpathy" in dataset.layout
    assert load(tmp_path).records == dataset.records


def test_karpathys_pictures_may_be_elsewhere_when_the_address_says_so(tmp_path: Path) -> None:
    away = tmp_path / "away"
    away.mkdir()
    for number in range(12):
        (away / f"{number}.png").write_bytes(sets.picture(number))
    (tmp_path / "set").mkdir()
    karpathy(tmp_path / "set" / "any name.json")
    assert len(load(f"{tmp_path}/set/any name.json?images={away}").records) == 12
    with pytest.raises(DatasetError, match="there is no file '0.png'"):
        load(tmp_path / "set" / "any name.json")
    with pytest.raises(DatasetError, match="option images"):
        load(f"{tmp_path}/set/any name.json?images=nowhere")


@pytest.mark.parametrize("content", ["{}", '{"images": 3}', '{"images": []}', '{"images"'])
def test_json_of_another_form_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset_x.json").write_text(content)
    with pytest.raises(DatasetError, match="dataset_x.json"):
        load(tmp_path)


def test_broken_entries_of_karpathys_json_are_listed(tmp_path: Path) -> None:
    sets.folder_set(tmp_path)
    (tmp_path / "captions.json").unlink()
    karpathy(tmp_path / "dataset_x.json")
    told = json.loads((tmp_path / "dataset_x.json").read_text())
    bad = [3, {}, {"filename": "../0.png", "sentences": [{"raw": "a"}]}, {"filename": "0.png"}]
    bad += [{"filename": "1.png", "sentences": [{"tokens": []}, 4]}]
    told["images"] += bad
    (tmp_path / "dataset_x.json").write_text(json.dumps(told))
    dataset = load(tmp_path)
    assert len(dataset.records) == 12
    rows = {fault.where for fault in dataset.set_aside}
    assert rows == {f"dataset_x.json image {n}" for n in range(13, 18)}


# --- class folders -------------------------------------------------------------------------------


def classes(root: Path, per_class: int = 4, first: int = 0) -> Path:
    for place, name in enumerate(("sea_horse", "t-rex", "cat")):
        (root / name).mkdir(parents=True)
        for number in range(per_class):
            data = sets.picture(first + 100 * place + number)
            (root / name / f"{number}.png").write_bytes(data)
    return root


def test_class_folders_make_captions_of_their_names(tmp_path: Path) -> None:
    root = classes(tmp_path / "set", 60)
    dataset = load(root)
    assert {record.captions[0] for record in dataset.records} == {
        "a photo of a sea horse.",
        "a photo of a t rex.",
        "a photo of a cat.",
    }
    assert {record.attributes["class"] for record in dataset.records} == {
        "sea horse",
        "t rex",
        "cat",
    }
    assert dataset.records[0].id == "cat/0.png" and len(dataset.records) == 180
    told = load(f"{root}?template=a {{}}&template=one {{}}, two {{}}")
    assert told.records[0].captions == ("a cat", "one cat, two cat")
    with pytest.raises(DatasetError, match="has no {}"):
        load(f"{root}?template=a photo")


def test_class_folders_in_split_folders(tmp_path: Path) -> None:
    for place, split in enumerate(("train", "valid", "TEST")):
        classes(tmp_path / split, first=1000 * place)
    dataset = load(tmp_path)
    assert counts(dataset) == {"train": (12, 12), "val": (12, 12), "test": (12, 12)}
    assert dataset.records[0].id == "TEST/cat/0.png"


def test_nothing_in_class_folders_is_dropped_silently(tmp_path: Path) -> None:
    root = classes(tmp_path / "set", 60)
    (root / "readme.md").write_text("hello")
    (root / "cat" / "notes.txt").write_text("hello")
    (root / "cat" / "more").mkdir()
    (root / "cat" / ".DS_Store").touch()
    (root / "cat" / "link.png").symlink_to("/etc/hostname")
    (root / "away").symlink_to("/etc")
    dataset = load(root)
    assert {(fault.where, fault.what.split()[-1]) for fault in dataset.set_aside} == {
        ("file readme.md", "folder"),
        ("folder away", "folder"),
        ("file cat/link.png", "items"),
        ("folder cat/more", "read"),
        ("file cat/notes.txt", "name"),
    }
    assert len(dataset.records) == 180


# --- webdataset ----------------------------------------------------------------------------------


def shard(path: Path, first: int = 0, count: int = 8, **more: bytes) -> Path:
    members: dict[str, bytes] = {}
    for number in range(first, first + count):
        members[f"a/{number:05d}.png"] = sets.picture(number)
        members[f"a/{number:05d}.txt"] = f"caption {number}\n".encode()
    return sets.tar(path, members | more)


def test_shards_are_read_where_they_are(tmp_path: Path) -> None:
    for place, split in enumerate(sets.SPLITS):
        shard(tmp_path / f"my-{split}-000.tar", place * 8)
    dataset = load(tmp_path)
    assert counts(dataset) == {"train": (8, 8), "val": (8, 8), "test": (8, 8)}
    record = dataset.split("val")[1]
    assert record.id == "my-val-000/a/00009" and record.captions == ("caption 9",)
    assert isinstance(record.content, Blob) and record.content.read() == sets.picture(9)
    assert record.content.path == tmp_path / "my-val-000.tar"
    assert sorted(path.name for path in tmp_path.glob("*.*")) == [
        "my-test-000.tar", "my-train-000.tar", "my-val-000.tar",
    ]  # fmt: skip


def test_a_pattern_names_shards_and_missing_ones_are_listed(tmp_path: Path) -> None:
    for number in range(3):
        shard(tmp_path / f"x-{number:02d}.tar", number * 200, 200)
    shard(tmp_path / "x-99.tar", 999, 3)
    dataset = load(f"{tmp_path}/x-{{00..03}}.tar")
    assert len(dataset.records) == 600
    assert [str(fault) for fault in dataset.set_aside] == ["x-03.tar: there is no such shard"]
    assert len(load(f"{tmp_path}/x-{{00,02}}.tar").records) == 400
    assert len(load(tmp_path / "x-01.tar").records) == 200
    for pattern in (
        "y-{0..3}.tar",
        "x-{0..999999999}.tar",
        "x-{3..1}.tar",
        "x-{0..9999}{0..9999}{0..9999}.tar",
    ):
        with pytest.raises(DatasetError):
            load(f"{tmp_path}/{pattern}")


def test_json_of_a_sample_gives_captions_split_and_attributes(tmp_path: Path) -> None:
    members = {}
    for number, split in enumerate(("train", "validation", "test")):
        told = {"captions": ["a", f"b{number}"], "split": split, "attributes": {"k": "v"}}
        members |= {
            f"{number}.wav": sets.recording(number),
            f"{number}.json": json.dumps(told).encode(),
        }
    sets.tar(tmp_path / "x.tar", members)
    dataset = load(tmp_path / "x.tar")
    assert counts(dataset) == {"train": (1, 2), "val": (1, 2), "test": (1, 2)}
    assert dataset.modality == "audio" and dataset.records[0].attributes == {"k": "v"}


def test_what_is_wrong_in_a_shard_is_listed_and_the_rest_used(tmp_path: Path) -> None:
    for split in ("val", "test"):
        shard(tmp_path / f"{split}.tar", 50 if split == "val" else 90, 3)
    path = shard(tmp_path / "train.tar", 0, 6, **{
        "lone.png": sets.picture(40),
        "noitem.txt": b"words",
        "two.png": sets.picture(41), "two.jpg": sets.picture(42), "two.txt": b"c", "two.cls": b"3",
        "bad.png": sets.picture(43), "bad.json": b"{broken",
        "bare": b"x",
    })  # fmt: skip
    with tarfile.open(path, "a") as archive:
        for kind, name in ((tarfile.SYMTYPE, "link.png"), (tarfile.CHRTYPE, "device.png")):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/hostname"
            archive.addfile(info)
        for name, data in (("a/00001.png", sets.picture(44)), ("a/00001.txt", b"again")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        late = tarfile.TarInfo("cut.png")
        late.size = 30_000
        archive.addfile(late, io.BytesIO(b"x" * 30_000))
    os.truncate(path, path.stat().st_size - 25_000)
    dataset = load(tmp_path)
    ids = {record.id for record in dataset.split("train")}
    assert ids == {f"train/a/{n:05d}" for n in range(6)} - {"train/a/00001"} | {
        "train/a/00001", "train/two",
    }  # fmt: skip
    told = " | ".join(map(str, dataset.set_aside))
    for part in (
        "sample lone: captions are missing",
        "sample noitem: there is no picture",
        "sample two: has two items; .jpg is not used",
        "sample bad: .json is not valid JSON",
        "member 'bare': has no ending",
        "sample a/00001: train/a/00001 was given before",
        "member 'link.png': is a link",
        "member 'device.png': is a link or no plain file",
        "is cut off",
    ):
        assert part in told
    assert "1 members that end in .cls are not read" in dataset.notes


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"\x1f\x8b\x08\x00" + b"y" * 3000])
def test_what_is_no_tar_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "train.tar").write_bytes(content)
    with pytest.raises(DatasetError, match="no usable item"):
        load(tmp_path / "train.tar")


def test_a_linked_shard_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    shard(tmp_path / "outside.tar", 0, 100)
    (folder / "x.tar").symlink_to(tmp_path / "outside.tar")
    with pytest.raises(DatasetError, match="link out of the folder of shards"):
        load(folder)


# --- what is what --------------------------------------------------------------------------------


def test_a_layout_may_be_asked_for_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    root = classes(tmp_path / "set", 60)
    (root / "captions.json").write_text("[]")
    with pytest.raises(DatasetError, match="it is empty"):
        load(root)
    assert len(load(f"{root}?layout=classes").records) == 180
    with pytest.raises(
        DatasetError, match="captions, karpathy, classes, labels, webdataset, not zoo"
    ):
        load(f"{root}?layout=zoo")
    with pytest.raises(DatasetError, match="options that are not known"):
        load("scenes-small?template=a {}")


def test_files_that_are_no_data_set_are_told(tmp_path: Path) -> None:
    for name, what in (("a.zip", "Import it first"), ("a.docx", "no file of a data set")):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(DatasetError, match=what):
            load(tmp_path / name)
    with pytest.raises(DatasetError, match="no captions file"):
        load(tmp_path)
