"""labels.json beside the pictures gives records as folders of classes do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.catalog.address import Address
from backend.catalog.datasets import Dataset, load_dataset
from backend.catalog.datasets.layouts import labels_file
from backend.catalog.labels import labels
from backend.errors import DatasetError
from backend.reporting import silent
from backend.settings import Settings
from tests.unit.catalog import sets

CLASSES = ["grand_piano", "ketch", "t-rex"]


def labelled(folder: Path, count: int = 12, **told: Any) -> Path:
    """Pictures in images/, labelled in turn by name and by place, splits in turn."""
    sets.folder_set(folder, count)
    (folder / "captions.json").unlink()
    items = [
        {
            "file": f"{n}.png",
            "label": CLASSES[n % 3] if n % 2 else n % 3,
            "split": sets.SPLITS[n // 3 % 3],
        }
        for n in range(count)
    ]
    (folder / "labels.json").write_text(json.dumps({"classes": CLASSES, "items": items} | told))
    return folder


def load(address: object) -> Dataset:
    return load_dataset(str(address), Settings())


@pytest.mark.parametrize("display", [{"ketch": "sailboat"}, ["grand piano", "sailboat", "t rex"]])
def test_items_are_said_by_their_class(tmp_path: Path, display: object) -> None:
    dataset = load(labelled(tmp_path / "set", display=display))
    assert [record.attributes["class"] for record in dataset.records[:3]] == [
        "grand piano", "sailboat", "t rex",
    ]  # fmt: skip
    assert dataset.records[1].captions == ("a photo of a sailboat.",)
    assert dataset.records[4].split == "val" and dataset.layout == "items labelled by labels.json"
    assert dataset.set_aside == () and "recall counts an item's own alone" in dataset.notes[0]
    assert load(tmp_path / "set" / "labels.json").records == dataset.records
    found = labels(dataset.records)
    assert found.classes == ("grand piano", "sailboat", "t rex")
    assert found.of.tolist() == [0, 1, 2] * 4


def test_templates_and_the_folder_of_the_files_may_be_told(tmp_path: Path) -> None:
    folder = labelled(tmp_path / "set")
    told = load(f"{folder}?template=a {{}}&template=one {{}}, two {{}}")
    assert told.records[1].captions == ("a ketch", "one ketch, two ketch")
    (folder / "labels.json").rename(tmp_path / "any name.json")
    address = f"{tmp_path}/any name.json?images={folder}/images"
    assert len(load(address).records) == 12
    with pytest.raises(DatasetError, match="has no {}"):
        load(f"{folder}/../any name.json?template=a")
    with pytest.raises(DatasetError, match="allowed: images, layout, template"):
        load(f"{tmp_path}/any name.json?caption=x")


def test_captions_and_attributes_of_an_item_are_kept(tmp_path: Path) -> None:
    items = [
        {"file": f"{n}.png", "label": n % 2, "split": sets.SPLITS[n % 3],
         "captions": [f"caption {n}"], "attributes": {"light": "dim"}}
        for n in range(6)
    ]  # fmt: skip
    dataset = load(labelled(tmp_path, 6, items=items))
    assert dataset.records[3].captions == ("caption 3",)
    assert dataset.records[3].attributes == {"light": "dim", "class": "ketch"}
    assert dataset.notes == ()


def test_classes_that_are_spoken_alike_stay_two(tmp_path: Path) -> None:
    dataset = load(labelled(tmp_path, display={"ketch": "boat", "t-rex": "boat"}))
    assert labels(dataset.records).classes == ("boat (ketch)", "boat (t-rex)", "grand piano")
    assert dataset.records[1].captions == dataset.records[2].captions == ("a photo of a boat.",)


def test_without_splits_a_hash_decides(tmp_path: Path) -> None:
    items = [{"file": f"{n}.png", "label": n % 3} for n in range(60)]
    dataset = load(labelled(tmp_path, 60, items=items))
    assert {record.split for record in dataset.records} == {"train", "val", "test"}


def test_broken_items_are_listed_and_the_rest_used(tmp_path: Path) -> None:
    folder = labelled(tmp_path)
    told = json.loads((folder / "labels.json").read_text())
    bad: list[Any] = [
        7,
        {},
        {"file": "0.png"},
        {"file": "1.png", "label": 3},
        {"file": "1.png", "label": -1},
        {"file": "1.png", "label": True},
        {"file": "1.png", "label": "yacht"},
        {"label": "ketch"},
        {"file": "../labels.json", "label": "ketch"},
        {"file": "nowhere.png", "label": "ketch"},
        {"file": "2.png", "label": "ketch"},
    ]
    told["items"] += bad
    (folder / "labels.json").write_text(json.dumps(told))
    dataset = load(folder)
    assert len(dataset.records) == 12
    aside = {fault.where: fault.what for fault in dataset.set_aside}
    assert list(aside) == [f"labels.json item {n}" for n in range(13, 24)]
    for number, label in enumerate(("None", "None", "3", "-1", "True", "'yacht'"), 14):
        what = f"label must be a class or its place from 0 to 2, not {label}"
        assert aside[f"labels.json item {number}"] == what
    assert "was given before" in aside["labels.json item 23"]


@pytest.mark.parametrize(
    ("told", "where"),
    [
        ({"classes": 3}, {"classes"}),
        ({"classes": []}, {"classes"}),
        ({"classes": ["a", "a"]}, {"classes"}),
        ({"classes": ["a", 3], "items": {}}, {"classes", "items"}),
        ({"classes": ["a\ud800"]}, {"classes"}),
        ({"display": ["one"]}, {"display"}),
        ({"display": {"ketch": 3}, "items": []}, {"display", "items"}),
        ({"display": "ketch"}, {"display"}),
    ],
)
def test_a_file_of_another_form_is_told_with_all_faults(
    tmp_path: Path, told: dict[str, Any], where: set[str]
) -> None:
    with pytest.raises(DatasetError, match="is not a file of labels") as caught:
        load(labelled(tmp_path, **told))
    assert {fault.where for fault in caught.value.faults} == where


def test_other_files_named_so_change_nothing(tmp_path: Path) -> None:
    folder = labelled(tmp_path / "set")
    (folder / "captions.json").write_text(json.dumps(sets.rows(12)))
    assert load(folder).layout == "pictures with captions.json"
    assert load(f"{folder}?layout=labels").layout == "items labelled by labels.json"
    for number in range(40):
        place = tmp_path / "folders" / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.png").write_bytes(sets.picture(number))
    (tmp_path / "folders" / "labels.json").write_text('{"0": "cat", "1": "dog"}')
    assert load(tmp_path / "folders").layout == "folders of classes"


def test_a_linked_file_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = labelled(tmp_path / "set")
    (folder / "labels.json").rename(tmp_path / "away.json")
    (folder / "labels.json").symlink_to(tmp_path / "away.json")
    with pytest.raises(DatasetError, match="link out of the data set's folder"):
        load(folder)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
ITEMS = st.lists(
    st.fixed_dictionaries(
        {}, optional={"file": JSON, "label": JSON, "attributes": JSON, "caption": JSON}
    )
    | JSON,
    max_size=4,
)


@settings(max_examples=150)
@given(classes=JSON | st.just(CLASSES), display=JSON, items=JSON | ITEMS)
def test_whatever_stands_in_the_file_is_told_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, classes: Any, display: Any, items: Any
) -> None:
    file = tmp_path_factory.getbasetemp() / "labels.json"
    file.write_text(json.dumps({"classes": classes, "display": display, "items": items}))
    try:
        reading = labels_file.read(file, Address(str(file)), silent)
    except DatasetError as error:
        assert error.faults
    else:
        assert reading.records == [] and reading.findings


@pytest.mark.real_data
def test_caltech101_is_read_as_it_lies(shared: Path) -> None:
    dataset = load(shared / "data" / "caltech101")
    found = labels(dataset.records)
    assert len(found.records) == 1500 and len(found.classes) == 30 and found.left_out == 0
    assert "sailboat" in found.classes and dataset.set_aside == ()
