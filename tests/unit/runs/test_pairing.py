"""From records to rows."""

from __future__ import annotations

import numpy as np
import pytest

from backend.catalog.records import Record
from backend.runs.pairing import Captions, Rows, chosen


@pytest.fixture
def records() -> list[Record]:
    splits = ["train", "test", "train", "val", "train", "test"] * 20
    return [
        Record(f"image-{n}", "text", "", split, tuple(f"caption {n}.{k}" for k in range(n % 4)))
        for n, split in enumerate(splits)
    ]


def test_a_draw_is_of_training_images_alone_and_keeps_the_order(records: list[Record]) -> None:
    drawn = chosen(records, 10, seed=3)
    assert sum(record.split == "train" for record in drawn) == 10
    assert [r for r in drawn if r.split != "train"] == [r for r in records if r.split != "train"]
    assert [records.index(record) for record in drawn] == sorted(map(records.index, drawn))


def test_a_draw_depends_on_the_seed_and_not_on_the_order(records: list[Record]) -> None:
    def names(among: list[Record], count: int, seed: int) -> set[str]:
        return {record.id for record in chosen(among, count, seed)}

    drawn = names(records, 10, 3)
    assert drawn == names(records[::-1], 10, 3)
    assert drawn != names(records, 10, 4)
    assert drawn < names(records, 20, 3)


@pytest.mark.parametrize("wanted", [None, 60, 1000])
def test_all_are_used_where_there_are_no_more(records: list[Record], wanted: int | None) -> None:
    assert chosen(records, wanted, seed=0) == tuple(records)


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("lost", [False, True])
def test_each_caption_stays_with_its_item(records: list[Record], split: str, lost: bool) -> None:
    """Whatever has no feature and in whatever order the features lie."""
    captions = Captions.of(records)
    draw = np.random.default_rng(1)
    item_ids = [record.id for record in records]
    draw.shuffle(item_ids)
    order = draw.permutation(len(captions.ids))
    if lost:
        item_ids, order = item_ids[10:], order[20:]
    rows = Rows.of(records, item_ids, [captions.ids[place] for place in order])
    # features that say whose they are
    image = np.array([[int(name.split("-")[1])] for name in item_ids], np.float32)
    text = np.array([[float(captions.texts[place].split()[1])] for place in order])
    pairs = rows.pairs(split, image, text)
    used = rows.split(split)
    assert pairs.image[:, 0].tolist() == [int(record.id.split("-")[1]) for record in used]
    told = [float(caption.split()[1]) for record in used for caption in record.captions]
    assert pairs.text[:, 0].tolist() == told
    owners = pairs.image[pairs.image_of_text][:, 0]
    assert owners.tolist() == np.floor(pairs.text[:, 0]).tolist()
    assert all(record.captions for record in used)
    if not lost:
        assert len(told) == sum(len(r.captions) for r in records if r.split == split)


def test_captions_are_named_by_item_and_number(records: list[Record]) -> None:
    captions = Captions.of(records[:3])
    assert captions.ids == ("image-1#0", "image-2#0", "image-2#1")
    assert captions.texts == ("caption 1.0", "caption 2.0", "caption 2.1")
