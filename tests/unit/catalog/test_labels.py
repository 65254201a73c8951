"""Items with classes: from folders, attributes of a captions file, and the built-in scenes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from backend.catalog.datasets import load_dataset
from backend.catalog.labels import SEVERAL, labelled_by, labels
from backend.catalog.records import Record
from backend.errors import DatasetError
from backend.scenes.world import attributes, pictures
from backend.settings import Settings
from tests.unit.catalog import sets


def record(number: int, **told: str) -> Record:
    return Record(f"{number}.png", "image", None, "test", ("a caption",), told)


def some(count: int = 12) -> list[Record]:
    return [record(n, kind="ab"[n % 2], label="xyz"[n % 3], key=str(n)) for n in range(count)]


def test_folders_of_classes_are_labelled(tmp_path: Path) -> None:
    for place, name in enumerate(("sea_horse", "cat")):
        (tmp_path / name).mkdir()
        for number in range(40):
            (tmp_path / name / f"{number}.png").write_bytes(sets.picture(100 * place + number))
    dataset = load_dataset(str(tmp_path), Settings())
    found = labels(dataset.records)
    assert (found.attribute, found.classes, found.left_out) == ("class", ("cat", "sea horse"), 0)
    assert found.records == dataset.records
    assert [found.classes[row] for row in found.of] == [
        "cat" if each.id.startswith("cat") else "sea horse" for each in found.records
    ]
    assert labelled_by(dataset.records) == ["class"]


def test_attributes_of_a_captions_file_are_labels(tmp_path: Path) -> None:
    rows = [
        {**row, "attributes": {"scene": "in" if n % 3 else "out"}}
        for n, row in enumerate(sets.rows(12))
    ]
    dataset = load_dataset(str(sets.folder_set(tmp_path, entries=rows)), Settings())
    found = labels(dataset.records, "scene")
    assert found.classes == ("in", "out") and Counter(found.of.tolist()) == {0: 8, 1: 4}
    assert json.dumps(found.of.tolist()) and found.of.dtype == np.int64


def test_the_usual_names_need_not_be_given_and_class_comes_first() -> None:
    assert labels(some()).attribute == "label"
    both = [record(n, label="x", **{"class": "ab"[n % 2]}) for n in range(4)]
    assert labels(both).attribute == "class"
    assert labels(some(), "kind").classes == ("a", "b")


def test_items_without_the_label_are_left_out_and_counted() -> None:
    records = [*some(), record(99), record(98, label="x")]
    found = labels(records)
    assert found.left_out == 1 and found.records[-1].id == "98.png" and len(found.of) == 13
    assert found.classes == ("x", "y", "z") and found.of[-1] == 0
    without = labels(records, without={"y"})
    assert without.classes == ("x", "z") and without.left_out == 5
    assert {each.attributes["label"] for each in without.records} == {"x", "z"}


def test_the_built_in_scenes_can_be_told_by_their_shapes() -> None:
    records = [
        record(number, **attributes(picture.scene))
        for number, picture in enumerate(pictures({"test": 200}))
    ]
    assert "shape" in labelled_by(records) and "class" not in labelled_by(records)
    found = labels(records, "shape", without={SEVERAL})
    assert SEVERAL not in found.classes and found.left_out > 0
    assert SEVERAL in labels(records, "shape").classes
    with pytest.raises(DatasetError, match=r"shape \(\d+ values\)"):
        labels(records)


def test_a_name_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(
        DatasetError, match=r"kind \(2 values\), label \(3 values\), key \(12 value"
    ):
        labels(some(), "class")
    with pytest.raises(DatasetError, match="no attributes at all"):
        labels([record(1), record(2)])
    for wrong in ([record(1, label="x")], [record(n, label=str(n)) for n in range(2001)]):
        with pytest.raises(DatasetError, match="2 to 2,000 different values, not (1|2,001)"):
            labels(wrong)
    with pytest.raises(DatasetError, match="and 5 more"):
        labels([record(1, **{f"a{n}": "v" for n in range(25)})], "class")


def test_what_repeats_is_offered_as_a_label() -> None:
    assert labelled_by(some()) == ["label", "kind"]
    assert labelled_by(some(3)) == []
    assert labelled_by([record(n, one="always") for n in range(9)]) == []
