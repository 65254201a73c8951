"""Published benchmarks from tiny files of their own forms, whole and broken; the built-in one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.catalog.compositional import Benchmark, Example, read_benchmark, read_scenes
from backend.catalog.datasets import load_dataset
from backend.errors import Cancelled, DatasetError, Fault, NotFound
from backend.features.extraction import extract_items
from backend.features.loading import load_encoder
from backend.features.store import FeatureStore
from backend.media.blobs import Blob
from backend.scenes.world import WORLDS
from backend.schemas import CompositionalKind
from backend.settings import Settings
from tests.unit.catalog.sets import picture
from tests.unit.features import tiny

SUGARCREPE = (
    "add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj"
)  # fmt: skip
LONG = {
    "replace_att": "replace_attribute",
    "replace_obj": "replace_object",
    "replace_rel": "replace_relation",
    "swap_att": "swap_attribute",
    "swap_obj": "swap_object",
}


def pictures(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).write_bytes(picture(number))
    return folder


def val2017(tmp_path: Path) -> Path:
    return pictures(tmp_path / "val2017", *(f"{number:012d}.jpg" for number in range(3)))


def row(number: int, **changed: Any) -> dict[str, Any]:
    """An example of SugarCrepe."""
    captions = {"caption": f"a cat {number}. ", "negative_caption": f"a dog {number}."}
    return {"filename": f"{number % 3:012d}.jpg", **captions, **changed}


def sugarcrepe(folder: Path, subsets: tuple[str, ...] = SUGARCREPE) -> Path:
    folder.mkdir(exist_ok=True)
    for place, name in enumerate(subsets):
        content = {str(number): row(10 * place + number) for number in range(2)}
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def plus_plus(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    for name in LONG:
        content = [{"id": 5 + n, **row(n, caption2=f"there is a cat {n}")} for n in range(2)]
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def pair(number: int, **changed: Any) -> dict[str, Any]:
    """An example of Winoground."""
    return {
        "id": number,
        "image_0": f"ex_{number}_img_0",
        "image_1": f"ex_{number}_img_1",
        "caption_0": f"some plants surrounding a lightbulb {number}",
        "caption_1": f"a lightbulb surrounding some plants {number}",
        "tag": "Noun",
        "secondary_tag": "",
        "num_main_preds": 1,
        "collapsed_tag": ("Object", "Relation", "Both")[number % 3],
        **changed,
    }


def winoground(folder: Path, *rows: Any, count: int = 3) -> Path:
    names = (f"ex_{n}_img_{k}.png" for n in range(count) for k in range(2))
    pictures(folder / "images", *names)
    told = rows or tuple(pair(number) for number in range(count))
    lines = (each if isinstance(each, str) else json.dumps(each) for each in told)
    (folder / "examples.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def error_of(address: object, images: object = "", kind: CompositionalKind | None = None) -> str:
    with pytest.raises(DatasetError) as caught:
        read_benchmark(str(address), str(images), kind)
    return str(caught.value)


# --- whole -----------------------------------------------------------------------------------------


def test_sugarcrepe_is_read_with_its_seven_subsets(tmp_path: Path) -> None:
    images = val2017(tmp_path)
    found = read_benchmark(str(sugarcrepe(tmp_path / "data")), str(images))
    assert found.kind == "sugarcrepe" and found.notes == () and found.left_out == ()
    assert tuple(dict.fromkeys(one.subset for one in found.examples)) == SUGARCREPE
    assert found.examples[1] == Example(
        "add_att/1", "add_att", ("000000000001.jpg",), ("a cat 1. ",), "a dog 1."
    )
    assert dict(found.images) == {name: images / name for name in sorted(p.name for p in
                                  images.iterdir())}  # fmt: skip
    assert len(found.captions) == 28 and found.captions[:2] == ("a cat 0. ", "a dog 0.")


def test_sugarcrepe_plus_plus_is_told_by_its_second_captions(tmp_path: Path) -> None:
    found = read_benchmark(str(plus_plus(tmp_path / "data")), str(val2017(tmp_path)))
    assert found.kind == "sugarcrepe++" and found.notes == ()
    assert tuple(dict.fromkeys(one.subset for one in found.examples)) == tuple(LONG.values())
    assert found.examples[0] == Example(
        "replace_attribute/5",
        "replace_attribute",
        ("000000000000.jpg",),
        ("a cat 0. ", "there is a cat 0"),
        "a dog 0.",
    )
    assert len(found.captions) == 6  # every one once, though five subsets tell it


def test_winoground_is_read_by_its_tag_of_three(tmp_path: Path) -> None:
    found = read_benchmark(str(winoground(tmp_path / "wino")))
    assert found.kind == "winoground" and len(found.images) == 6
    assert [one.subset for one in found.examples] == ["Object", "Relation", "Both"]
    assert found.examples[1] == Example(
        "Relation/1",
        "Relation",
        ("ex_1_img_0.png", "ex_1_img_1.png"),
        ("some plants surrounding a lightbulb 1", "a lightbulb surrounding some plants 1"),
        None,
    )
    again = read_benchmark(
        str(winoground(tmp_path / "wino", pair(0, collapsed_tag=None), pair(1, tag=7, collapsed_tag=[]),
                       pair(2, tag={}, collapsed_tag=" ", id="\ud800")))
    )  # fmt: skip
    assert [one.id for one in again.examples] == ["Noun/0", "7/1", "no tag/2"]


def test_one_file_is_a_benchmark_of_one_subset(tmp_path: Path) -> None:
    folder, images = sugarcrepe(tmp_path / "data"), str(val2017(tmp_path))
    found = read_benchmark(str(folder / "swap_obj.json"), images)
    assert len(found.examples) == 2 and found.missing == ()
    (folder / "mine.json").write_text(json.dumps([row(0), row(1)]))
    own = read_benchmark(str(folder / "mine.json"), images)
    assert [one.id for one in own.examples] == ["mine/0", "mine/1"]
    lines = winoground(tmp_path / "wino") / "examples.jsonl"
    assert len(read_benchmark(str(lines)).examples) == 3


def test_pictures_lie_beside_the_files_or_where_it_is_said(tmp_path: Path) -> None:
    folder = sugarcrepe(tmp_path / "data")
    val2017(tmp_path).rename(folder / "images")
    assert len(read_benchmark(str(folder)).examples) == 14
    (folder / "images").rename(folder / "coco")
    assert len(read_benchmark(str(folder), "coco").examples) == 14
    assert "There is no folder" in error_of(folder, "nowhere")


def test_the_second_captions_can_be_passed_over(tmp_path: Path) -> None:
    folder, images = plus_plus(tmp_path / "data"), str(val2017(tmp_path))
    found = read_benchmark(str(folder), images, "sugarcrepe")
    assert found.kind == "sugarcrepe" and found.missing == ("add_att", "add_obj")
    assert found.examples[0].true == ("a cat 0. ",) and found.examples[0].subset == "replace_att"


def test_pictures_become_items_with_what_is_true_of_them(tmp_path: Path) -> None:
    images = val2017(tmp_path)
    found = read_benchmark(str(plus_plus(tmp_path / "data")), str(images))
    assert [record.id for record in found.records] == list(found.images)
    first = found.records[0]
    assert first.content == Blob(images / "000000000000.jpg")
    assert first.captions == ("a cat 0. ", "there is a cat 0")
    assert {(record.modality, record.split) for record in found.records} == {("image", "test")}
    own = read_benchmark(str(winoground(tmp_path / "wino"))).records[1]
    assert own.captions == ("a lightbulb surrounding some plants 0",)


# --- broken ----------------------------------------------------------------------------------------


def test_broken_rows_are_left_out_and_told_with_their_place(tmp_path: Path) -> None:
    folder = sugarcrepe(tmp_path / "data", ("swap_obj",))
    rows = {
        "0": row(0),
        "1": row(1, filename="absent.jpg", caption=" "),
        "2": row(2, negative_caption=None),
        "3": "words",
        "4": row(1, filename="../secret.jpg"),
        "5": row(1, filename=str(tmp_path / "secret.jpg")),
        "6": row(1, caption="half \ud800"),
        "7": row(1, filename=3),
    }
    (tmp_path / "secret.jpg").write_bytes(picture(9))
    (folder / "swap_obj.json").write_text(json.dumps(rows))
    found = read_benchmark(str(folder), str(val2017(tmp_path)))
    assert [one.id for one in found.examples] == ["swap_obj/0"]
    assert [fault.where for fault in found.left_out] == [
        f"swap_obj.json '{number}'" for number in range(1, 8)
    ]
    said = [fault.what for fault in found.left_out]
    assert "no file 'absent.jpg'" in said[0] and "caption must be words" in said[0]
    assert said[1] == "negative_caption must be words, not None"
    assert said[2] == "must be an object, not 'words'"
    assert "leads out" in said[3] and "leads out" in said[4]
    assert "7 of 8 examples are left out" in found.notes[0] and "'1'" in found.notes[0]
    assert found.notes[1].startswith("There is no file of add_att, add_obj,")


def test_broken_lines_of_winoground_are_left_out(tmp_path: Path) -> None:
    folder = winoground(
        tmp_path / "wino", pair(0), "{broken", pair(1, image_1="ex_9_img_1"), pair(2, caption_1="")
    )
    found = read_benchmark(str(folder))
    assert [one.id for one in found.examples] == ["Object/0"]
    assert [fault.where for fault in found.left_out] == [
        f"examples.jsonl line {number}" for number in (2, 3, 4)
    ]
    assert "not valid JSON" in found.left_out[0].what
    assert "no file 'ex_9_img_1'" in found.left_out[1].what


def test_links_out_of_the_pictures_are_not_followed(tmp_path: Path) -> None:
    folder, images = sugarcrepe(tmp_path / "data"), val2017(tmp_path)
    (tmp_path / "secret.jpg").write_bytes(picture(9))
    (images / "000000000001.jpg").unlink()
    (images / "000000000001.jpg").symlink_to(tmp_path / "secret.jpg")
    found = read_benchmark(str(folder), str(images))
    assert "000000000001.jpg" not in found.images and "link out" in found.left_out[0].what
    (folder / "swap_obj.json").rename(tmp_path / "swap_obj.json")
    (folder / "swap_obj.json").symlink_to(tmp_path / "swap_obj.json")
    assert "swap_obj.json: it is a link out of the folder" in error_of(folder, images)


def test_what_nothing_can_answer_is_said(tmp_path: Path) -> None:
    folder = plus_plus(tmp_path / "data")
    same = {"caption": "a man", "caption2": "one man", "negative_caption": "one man "}
    (folder / "swap_obj.json").write_text(json.dumps([row(0, **same), row(1, caption2="x")]))
    found = read_benchmark(str(folder), str(val2017(tmp_path)))
    assert found.notes == (
        "1 of the examples call the same words true and false, so nothing can answer them.",
    )
    wino = winoground(tmp_path / "wino", pair(0, caption_0="a", caption_1="a"), pair(1))
    assert "1 of the examples" in read_benchmark(str(wino)).notes[0]


def test_a_folder_of_nothing_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "captions.json").write_text("[]")
    for address in (tmp_path, tmp_path / "nowhere", "", "\0", "a" * 5000, "~nobody-of-this-name/x"):
        said = error_of(address)
        assert "examples.jsonl (Winoground)" in said and "swap_obj.json" in said, address
    (tmp_path / "notes.txt").write_text("")
    assert "end in .json or .jsonl" in error_of(tmp_path / "notes.txt")


def test_files_that_cannot_be_read_are_told_all_at_once(tmp_path: Path) -> None:
    folder = sugarcrepe(tmp_path / "data")
    (folder / "swap_obj.json").write_text("{")
    (folder / "swap_att.json").write_text("[]")
    (folder / "add_att.json").write_bytes(b"\xff\xfe")
    (folder / "add_obj.json").write_text("3")
    said = error_of(folder, val2017(tmp_path))
    for name in ("swap_obj.json", "swap_att.json", "add_att.json", "add_obj.json"):
        assert f"- {name}: " in said


def test_files_of_two_benchmarks_are_refused(tmp_path: Path) -> None:
    folder, images = sugarcrepe(tmp_path / "data"), val2017(tmp_path)
    (folder / "swap_obj.json").write_text(json.dumps([row(0, caption2="a cat")]))
    said = error_of(folder, images)
    assert "two benchmarks" in said and "swap_obj.json: is of sugarcrepe++'s form" in said
    assert "asked for as winoground" in error_of(sugarcrepe(folder), images, "winoground")
    wino = winoground(tmp_path / "wino")
    assert "winoground's form" in error_of(wino, kind="sugarcrepe++")


def test_nothing_usable_lists_every_fault_and_where_pictures_were_looked_for(
    tmp_path: Path,
) -> None:
    folder = sugarcrepe(tmp_path / "data", ("swap_obj", "swap_att"))
    said = error_of(folder)
    assert str(folder) in said and said.count("there is no file") == 4


def test_reading_is_told_and_can_be_stopped(tmp_path: Path) -> None:
    folder, images = str(sugarcrepe(tmp_path / "data")), str(val2017(tmp_path))
    heard: list[tuple[int, int, str]] = []
    read_benchmark(folder, images, report=lambda *told: heard.append(told))
    assert heard[0] == (0, 14, "examples") and heard[-1] == (14, 14, "examples")

    def stop(done: int, total: int, unit: str) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        read_benchmark(folder, images, report=stop)


# --- encoding --------------------------------------------------------------------------------------


def test_pictures_that_cannot_be_encoded_take_their_examples_with_them(tmp_path: Path) -> None:
    images = val2017(tmp_path)
    (images / "000000000001.jpg").write_bytes(b"no picture")
    found = read_benchmark(str(sugarcrepe(tmp_path / "data")), str(images))
    encoder = load_encoder(tiny.spec(tiny.vit(tmp_path / "vit"), "image"), "cpu")
    features = extract_items(encoder, found.records, FeatureStore(tmp_path / "features"))
    kept = found.only(set(features.ids))
    assert tuple(kept.images) == features.ids == ("000000000000.jpg", "000000000002.jpg")
    lost = [one for one in found.examples if "000000000001.jpg" in one.image_ids]
    assert len(kept.examples) == 14 - len(lost) > 0
    assert kept.left_out == tuple(
        Fault(one.id, "picture 000000000001.jpg cannot be read") for one in lost
    )
    assert f"{len(lost)} of 14 examples are left out" in kept.notes[0]
    with pytest.raises(DatasetError, match="no example that can be used"):
        found.only(set())


# --- the built-in world ----------------------------------------------------------------------------


def test_the_built_in_world_is_a_benchmark_of_its_test_pictures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(WORLDS, "scenes-small", {"train": 2, "val": 2, "test": 12})
    dataset = load_dataset("scenes-small", Settings())
    heard: list[tuple[int, int, str]] = []
    found: Benchmark = read_scenes(
        "scenes-small", dataset.records, lambda *told: heard.append(told)
    )
    assert heard == [(0, 12, "pictures"), (12, 12, "pictures")]
    test = dataset.split("test")
    assert list(found.images) == [record.id for record in test] and found.kind == "scenes"
    assert all(path.is_file() for path in found.images.values())
    assert found.notes == ()
    by_id = {record.id: record for record in test}
    for one in found.examples:
        assert one.id == f"{one.image_ids[0]}/{one.subset}" and len(one.true) == 2
        assert one.true[0] in by_id[one.image_ids[0]].captions
        assert one.false not in by_id[one.image_ids[0]].captions
    assert {one.subset for one in found.examples} >= {"attribute", "object", "count", "binding"}
    with pytest.raises(DatasetError, match="test split"):
        read_scenes("scenes-small", dataset.split("train"))
    with pytest.raises(NotFound):
        read_scenes("mountains", dataset.records)
