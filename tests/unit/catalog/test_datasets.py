"""Loading data sets: what is broken is listed with its row, the rest is used."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backend.catalog.datasets import load_dataset
from backend.catalog.datasets.splits import split_of
from backend.errors import DatasetError
from backend.settings import Settings

Maker = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Writes a data set of ten good images, plus the rows given."""

    def write(*rows: Any, name: str = "set", good: int = 10) -> Path:
        folder = tmp_path / name
        (folder / "images").mkdir(parents=True)
        entries: list[Any] = []
        for number in range(good):
            Image.new("RGB", (4, 4), (number % 256, number // 256, 0)).save(
                folder / "images" / f"{number}.png"
            )
            split = ("train", "val", "test")[number % 3]
            captions = [f"caption {number}", "another one"]
            entries.append({"file": f"{number}.png", "split": split, "captions": captions})
        (folder / "captions.json").write_text(json.dumps(entries + list(rows)))
        return folder

    return write


def load(folder: Path) -> Any:
    return load_dataset(str(folder), Settings())


def test_a_good_folder_is_read_whole(make: Maker) -> None:
    dataset = load(make())
    info = dataset.info()
    assert {name: (s.images, s.captions) for name, s in info.splits.items()} == {
        "train": (4, 8),
        "val": (3, 6),
        "test": (3, 6),
    }
    assert info.set_aside == ()
    assert dataset.records[4].id == "4.png"
    assert dataset.records[4].content.read()
    assert dataset.records[4].captions == ("caption 4", "another one")
    assert Path(dataset.id).is_absolute()


BROKEN: list[tuple[Any, str]] = [
    ("text", "must be an object"),
    ({"split": "train", "captions": ["a"]}, "file is missing"),
    ({"file": 7, "captions": ["a"]}, "must be a file name"),
    ({"file": "0.png"}, "captions are missing"),
    ({"file": "0.png", "captions": []}, "must be a list of sentences"),
    ({"file": "0.png", "captions": {"a": 1}}, "must be a list of sentences"),
    ({"file": "0.png", "captions": ["  "]}, "caption 1 is empty"),
    ({"file": "0.png", "captions": [3]}, "caption 1 must be text"),
    ({"file": "0.png", "captions": ["\ud800"]}, "half a character"),
    ({"file": "0.png", "split": "tests", "captions": ["a"]}, "train, val or test"),
    ({"file": "0.png", "split": 3, "captions": ["a"]}, "train, val or test"),
    ({"file": "0.png", "split": "train", "captions": ["a"]}, "given before"),
    ({"file": "./0.png", "split": "train", "captions": ["a"]}, "given before"),
    ({"file": "gone.png", "split": "train", "captions": ["a"]}, "there is no file"),
    ({"file": "../captions.json", "captions": ["a"]}, "leads out"),
    ({"file": "x/../../a.png", "captions": ["a"]}, "leads out"),
    ({"file": "..\\a.png", "captions": ["a"]}, "leads out"),
    ({"file": "/etc/hostname", "captions": ["a"]}, "leads out"),
    ({"file": "C:\\a.png", "captions": ["a"]}, "leads out"),
    ({"file": "a\0b.png", "captions": ["a"]}, "characters that no file name has"),
    ({"file": "", "captions": ["a"]}, "must be a file name"),
    ({"file": "x" * 5000, "captions": ["a"]}, "cannot be looked at"),
]


def test_broken_rows_are_set_aside_all_at_once_with_their_row(make: Maker) -> None:
    dataset = load(make(*(row for row, _ in BROKEN)))
    assert len(dataset.records) == 10
    assert len(dataset.set_aside) == len(BROKEN)
    for number, ((_, what), fault) in enumerate(zip(BROKEN, dataset.set_aside, strict=True), 11):
        assert fault.where == f"captions.json row {number}"
        assert what in fault.what


def test_one_bad_caption_does_not_cost_the_others(make: Maker) -> None:
    folder = make(good=10)
    Image.new("RGB", (4, 4)).save(folder / "images" / "more.png")
    entries = json.loads((folder / "captions.json").read_text())
    entries.append({"file": "more.png", "split": "train", "captions": ["good", "", "also good"]})
    (folder / "captions.json").write_text(json.dumps(entries))
    dataset = load(folder)
    assert dataset.records[-1].captions == ("good", "also good")
    assert [str(fault) for fault in dataset.set_aside] == [
        "captions.json row 11: caption 2 is empty"
    ]


def test_bad_attributes_are_listed_and_good_ones_kept(make: Maker) -> None:
    folder = make()
    entries = json.loads((folder / "captions.json").read_text())
    entries[0]["attributes"] = {"shape": "star"}
    entries[1]["attributes"] = {"shape": 3}
    (folder / "captions.json").write_text(json.dumps(entries))
    dataset = load(folder)
    assert dataset.records[0].attributes == {"shape": "star"}
    assert dataset.records[1].attributes == {}
    assert [fault.where for fault in dataset.set_aside] == ["captions.json row 2"]


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_not(
    make: Maker, tmp_path: Path
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.png")
    folder = make(
        {"file": "out.png", "split": "train", "captions": ["a"]},
        {"file": "in.png", "split": "train", "captions": ["a"]},
        {"file": "loop.png", "split": "train", "captions": ["a"]},
        {"file": "away/outside.png", "split": "train", "captions": ["a"]},
    )
    (folder / "images" / "out.png").symlink_to(tmp_path / "outside.png")
    (folder / "images" / "in.png").symlink_to("0.png")
    (folder / "images" / "loop.png").symlink_to("loop.png")
    (folder / "images" / "away").symlink_to(tmp_path)
    dataset = load(folder)
    assert [record.id for record in dataset.records[10:]] == ["in.png"]
    assert [fault.where[-6:] for fault in dataset.set_aside] == ["row 11", "row 13", "row 14"]


def test_a_linked_folder_of_images_is_refused(make: Maker, tmp_path: Path) -> None:
    folder = make()
    (folder / "images").rename(tmp_path / "elsewhere")
    (folder / "images").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DatasetError, match="link out of the data set's folder"):
        load(folder)


def test_a_linked_captions_file_is_refused(make: Maker, tmp_path: Path) -> None:
    folder = make()
    (folder / "captions.json").rename(tmp_path / "elsewhere.json")
    (folder / "captions.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(DatasetError, match="link out of the data set's folder"):
        load(folder)


def test_images_may_lie_in_folders_below(make: Maker) -> None:
    folder = make({"file": "a/b/deep.png", "split": "train", "captions": ["a"]})
    (folder / "images" / "a" / "b").mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(folder / "images" / "a" / "b" / "deep.png")
    assert load(folder).records[-1].id == "a/b/deep.png"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "not valid JSON"),
        (b"[{", "line 1, column"),
        (b'{"a": 1}', "must hold a list"),
        (b"[]", "it is empty"),
        (b'[\n"\xff\xfe"]', "line 2 is not UTF-8"),
        (b"[" * 200_000, "not valid JSON"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(make: Maker, content: bytes, what: str) -> None:
    folder = make()
    (folder / "captions.json").write_bytes(content)
    with pytest.raises(DatasetError, match=what):
        load(folder)


def test_nothing_usable_raises_with_every_fault(make: Maker) -> None:
    folder = make(good=2)  # train and val, no test
    with pytest.raises(DatasetError, match="no usable item for test"):
        load(folder)
    shutil.rmtree(folder / "images")
    (folder / "images").mkdir()
    with pytest.raises(DatasetError) as caught:
        load(folder)
    assert [fault.where for fault in caught.value.faults] == [
        "captions.json row 1",
        "captions.json row 2",
    ]


def test_missing_folders_and_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="scenes-small"):
        load(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match="no captions file"):
        load(tmp_path)
    for odd in ("", "\0"):
        with pytest.raises(DatasetError, match="There is no data set"):
            load_dataset(odd, Settings())


def test_jsonl_and_csv_give_what_json_gives(make: Maker) -> None:
    folder = make()
    whole = load(folder)
    entries = json.loads((folder / "captions.json").read_text())
    (folder / "captions.json").unlink()
    lines = [json.dumps(entry) for entry in entries]
    (folder / "captions.jsonl").write_text("\n".join([*lines[:3], "", "{broken", *lines[3:]]))
    by_line = load(folder)
    assert by_line.records == whole.records
    assert by_line.fingerprint == whole.fingerprint
    assert [fault.where for fault in by_line.set_aside] == ["captions.jsonl line 5"]
    (folder / "captions.jsonl").unlink()
    rows = [
        f'{entry["file"]},"{entry["captions"][number]}",{entry["split"]}'
        for number in (0, 1)
        for entry in entries
    ]
    (folder / "captions.csv").write_text("file,caption,split\n" + "\n".join([*rows, "0.png"]))
    table = load(folder)
    assert table.records == whole.records
    assert [fault.where for fault in table.set_aside] == ["captions.csv line 22"]


def test_csv_without_its_columns_is_told(make: Maker) -> None:
    folder = make()
    (folder / "captions.json").unlink()
    (folder / "captions.csv").write_text("picture,words\n0.png,a\n")
    with pytest.raises(DatasetError, match="file and caption is missing"):
        load(folder)


def test_splits_of_images_without_one_are_fixed_by_their_name(make: Maker) -> None:
    folder = make(good=300)
    entries = json.loads((folder / "captions.json").read_text())
    for entry in entries:
        del entry["split"]
    (folder / "captions.json").write_text(json.dumps(entries))
    before = {record.id: record.split for record in load(folder).records}
    (folder / "captions.json").write_text(json.dumps(entries[::-1][:150]))
    after = {record.id: record.split for record in load(folder).records}
    assert after.items() <= before.items()
    counts = {name: list(before.values()).count(name) for name in ("train", "val", "test")}
    assert 210 < counts["train"] < 270 and counts["val"] > 10 and counts["test"] > 10
    # written down: a change would move images between training and test of sets in use
    assert [split_of(f"{n}.png") for n in range(8)] == [
        "train",
        "train",
        "test",
        "train",
        "train",
        "train",
        "train",
        "train",
    ]


def test_a_set_without_val_gets_one_and_says_so(make: Maker) -> None:
    folder = make(good=60)
    entries = json.loads((folder / "captions.json").read_text())
    for entry in entries:
        entry["split"] = "test" if entry["split"] == "test" else "train"
    (folder / "captions.json").write_text(json.dumps(entries))
    dataset = load(folder)
    assert 0 < len(dataset.split("val")) < 12
    assert len(dataset.split("test")) == 20
    assert dataset.set_aside == ()
    assert dataset.notes == (
        "the set has no val split: "
        f"{len(dataset.split('val'))} of its train items are used to choose on instead",
    )
    assert dataset.info().set_aside == () and dataset.info().notes == dataset.notes


def test_the_fingerprint_follows_the_content(make: Maker) -> None:
    one, two = make(name="one"), make(name="two")
    assert load(one).fingerprint == load(two).fingerprint
    Image.new("RGB", (400, 400), (1, 2, 3)).save(two / "images" / "0.png")
    assert load(one).fingerprint != load(two).fingerprint
    text = (one / "captions.json").read_text()
    before = load(one).fingerprint
    (one / "captions.json").write_text(text.replace("caption 3", "caption three"))
    assert load(one).fingerprint != before


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["file", "split", "captions", "caption", "attributes", "x"]),
                    inner,
                    max_size=4,
                )
            ),
            max_leaves=8,
        ),
        max_size=5,
    )
)
def test_whatever_a_row_holds_it_is_used_or_listed(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "images").mkdir()
    good = []
    for name in ("train", "val", "test"):
        (folder / "images" / name).write_text(name)
        good.append({"file": name, "split": name, "captions": ["a"]})
    (folder / "captions.json").write_text(json.dumps(good + rows))
    dataset = load(folder)
    faulty = {fault.where for fault in dataset.set_aside}
    assert len(dataset.records) - 3 + len(faulty) == len(rows)
    assert all(
        os.path.commonpath([record.content.path, folder]) == str(folder)
        for record in dataset.records
    )


@pytest.mark.real_data
def test_flickr8k_by_a_relative_path(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shared.parent)
    dataset = load_dataset("shared/data/flickr8k", Settings())
    counts = {name: (s.images, s.captions) for name, s in dataset.info().splits.items()}
    assert counts == {"train": (6000, 30000), "val": (1000, 5000), "test": (1000, 5000)}
    assert dataset.set_aside == ()
    assert Path(dataset.id) == (shared / "data" / "flickr8k").resolve()
