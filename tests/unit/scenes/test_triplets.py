"""Triplets of the built-in world: true captions are true and false ones false, by the parser."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from backend.catalog.datasets import load_dataset
from backend.errors import NotFound
from backend.scenes import triplets as module
from backend.scenes.captions import captions
from backend.scenes.negatives import KINDS
from backend.scenes.parsing import matches, parse
from backend.scenes.triplets import triplets
from backend.scenes.world import WORLDS, picture_of, pictures
from backend.settings import Settings

PICTURES = list(pictures({"test": 300}))
FOUND = triplets(PICTURES)
SCENES = {picture.file: picture.scene for picture in PICTURES}


def words(caption: str) -> list[str]:
    return re.findall(r"[a-z]+", caption)


def test_true_captions_are_true_and_false_ones_false() -> None:
    for one in FOUND:
        scene = SCENES[one.image_id]
        assert matches(parse(one.positive), scene) and matches(parse(one.second), scene), one
        assert not matches(parse(one.negative), scene, lenient=True), one


def test_the_true_captions_are_told_in_other_words() -> None:
    for one in FOUND:
        assert words(one.positive) != words(one.second)
        assert not parse(one.second).empty


def test_a_picture_has_one_triplet_of_a_kind_and_every_kind_occurs() -> None:
    counts = Counter((one.image_id, one.kind) for one in FOUND)
    assert set(counts.values()) == {1}
    by_kind = Counter(one.kind for one in FOUND)
    assert by_kind["attribute"] == by_kind["object"] == by_kind["count"] == 300
    assert by_kind["binding"] > 150 and by_kind["relation"] > 120
    order = [(one.image_id, KINDS.index(one.kind)) for one in FOUND]
    assert order == sorted(order)


def test_a_lone_object_has_neither_relation_nor_binding() -> None:
    for one in FOUND:
        if len(SCENES[one.image_id].objects) == 1:
            assert one.kind in ("attribute", "object", "count")


def test_what_is_changed_is_told_by_both_true_captions() -> None:
    for one in FOUND:
        first, second = parse(one.positive), parse(one.second)
        if one.kind == "relation":
            assert len(first.relations) == len(second.relations) == 1
            pairs = [
                {(parsed.mentions[place].colour, parsed.mentions[place].shape)
                 for place in (parsed.relations[0].subject, parsed.relations[0].other)}
                for parsed in (first, second)
            ]  # fmt: skip
            assert pairs[0] == pairs[1]
        else:
            looks = [
                Counter((each.colour, each.shape, each.size) for each in parsed.mentions)
                for parsed in (first, second)
            ]
            assert looks[0] == looks[1]


def test_relations_are_mostly_told_from_the_other_side() -> None:
    related = [one for one in FOUND if one.kind == "relation"]
    names = [
        tuple(parse(caption).relations[0].name for caption in (one.positive, one.second))
        for one in related
    ]
    assert sum(one != two for one, two in names) > 0.8 * len(related)
    assert all({one, two} == {"inside"} for one, two in names if one == two)


def test_false_captions_keep_the_grammar() -> None:
    for one in FOUND:
        assert not re.search(r"\b(two|three|four) sees\b", one.negative), one
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", one.negative), one


def test_both_tellings_are_changed_in_turn() -> None:
    first = {"attribute": 0, "object": 0, "binding": 0}
    for one in FOUND:
        if one.kind in first:
            told = captions(SCENES[one.image_id], picture_of("scenes", one.image_id).key)
            assert {one.positive, one.second} == {told[0], told[4]}
            first[one.kind] += one.positive == told[0]
    assert first["attribute"] == first["object"] == 150
    assert first["binding"] > 50


def test_triplets_are_the_same_again_and_alone() -> None:
    assert triplets(PICTURES[:20]) == FOUND[: len(triplets(PICTURES[:20]))]
    alone = triplets([PICTURES[7]])
    assert alone == [one for one in FOUND if one.image_id == PICTURES[7].file]


def test_a_relation_that_cannot_be_told_again_has_the_short_caption_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_RETOLD", 0)
    for one in triplets(PICTURES[:40]):
        if one.kind == "relation":
            scene, key = SCENES[one.image_id], picture_of("scenes", one.image_id).key
            assert one.second == captions(scene, key)[1]
            assert matches(parse(one.second), scene)


def test_the_picture_of_a_record_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WORLDS, "scenes-small", {"train": 3, "val": 2, "test": 4})
    records = load_dataset("scenes-small", Settings()).records
    assert len(records) == 9
    for record in records:
        picture = picture_of("scenes-small", record.id)
        assert picture.file == record.id and picture.split == record.split
        assert record.attributes["objects"] == str(len(picture.scene.objects))
        assert all(matches(parse(caption), picture.scene) for caption in record.captions)


@pytest.mark.parametrize(
    "record_id",
    ["test-00300.png", "test-0001.png", "test-00001", "other-00001.png", "test--1.png", "", "-"],
)
def test_a_record_that_is_no_picture_is_told(record_id: str) -> None:
    with pytest.raises(NotFound, match=r"test-00000\.png.*test 300"):
        picture_of("scenes-small", record_id)


def test_an_unknown_set_is_told() -> None:
    with pytest.raises(NotFound, match="scenes-small"):
        picture_of("mountains", "test-00001.png")
