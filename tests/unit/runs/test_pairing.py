"""From records to rows."""

from __future__ import annotations

import numpy as np
import pytest

from backend.alignment.rows import FeatureRows, TokenRows
from backend.catalog.records import Record
from backend.features.extraction import Features
from backend.runs.pairing import Captions, Rows, chosen, drawn, in_rows, loose


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


def test_smaller_draws_of_a_seed_are_subsets_of_larger_ones(records: list[Record]) -> None:
    for seed in (0, 7):
        draws = [drawn(records, size, seed) for size in (2, 5, 17, 40, 60, None)]
        assert [len(draw) for draw in draws] == [2, 5, 17, 40, 60, 60]
        assert all(a <= b for a, b in zip(draws, draws[1:], strict=False))


def test_what_is_beside_the_pairs_has_no_pair_in_it(records: list[Record]) -> None:
    paired = drawn(records, 20, 3)
    beside = loose(records, paired, 3, None)
    owners = {name.split("#")[0] for name in beside.captions}
    training = {record.id for record in records if record.split == "train"}
    assert beside.items and owners
    assert not owners & set(beside.items)
    assert not (owners | set(beside.items)) & paired
    # the items without a caption are in neither half where they would be captions
    without = {record.id for record in records if not record.captions}
    assert training - paired - without <= owners | set(beside.items) <= training - paired
    assert loose(records[::-1], paired, 3, None) == beside
    assert set(loose(records, paired, 4, None).items) != set(beside.items)


def test_no_more_is_taken_beside_the_pairs_than_asked_for(records: list[Record]) -> None:
    paired = drawn(records, 10, 0)
    few, more = loose(records, paired, 0, 4), loose(records, paired, 0, 9)
    assert [len(few.items), len(few.captions), len(more.captions)] == [4, 4, 9]
    assert set(few.items) < set(more.items) and set(few.captions) < set(more.captions)
    assert loose(records, drawn(records, None, 0), 0, None) == ((), ())


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
    image_rows, text_rows = np.asarray(pairs.image), np.asarray(pairs.text)
    assert image_rows[:, 0].tolist() == [int(record.id.split("-")[1]) for record in used]
    told = [float(np.float32(caption.split()[1])) for record in used for caption in record.captions]
    assert text_rows[:, 0].tolist() == told
    owners = image_rows[pairs.image_of_text][:, 0]
    assert owners.tolist() == np.floor(text_rows[:, 0]).tolist()
    assert all(record.captions for record in used)
    if not lost:
        assert len(told) == sum(len(r.captions) for r in records if r.split == split)


def test_captions_are_named_by_item_and_number(records: list[Record]) -> None:
    captions = Captions.of(records[:3])
    assert captions.ids == ("image-1#0", "image-2#0", "image-2#1")
    assert captions.texts == ("caption 1.0", "caption 2.0", "caption 2.1")


def test_captions_are_joined_without_repeats(records: list[Record]) -> None:
    few, more = Captions.of(records[1:3]), Captions.of(records[2:6])
    both = few + more
    assert both.ids[: len(few.ids)] == few.ids and len(set(both.ids)) == len(both.ids)
    assert set(both.ids) == set(few.ids) | set(more.ids)
    assert both.only({"image-2#1"}) == Captions(("caption 2.1",), ("image-2#1",))


def test_only_some_items_of_a_split(records: list[Record]) -> None:
    captions = Captions.of(records)
    rows = Rows.of(records, [record.id for record in records], captions.ids)
    own = drawn(records, 7, 1)
    image, text = np.zeros((len(records), 2)), np.zeros((len(captions.ids), 3))
    pairs = rows.pairs("train", image, text, own)
    used = [record for record in rows.split("train") if record.id in own]
    assert len(pairs.image) == len(used) <= 7
    assert len(pairs.text) == sum(len(record.captions) for record in used)


class Untouched(np.ndarray):
    """An array that must not be indexed."""

    def __getitem__(self, where: object) -> object:
        raise AssertionError("features were read before they were needed")


def test_nothing_is_read_before_it_is_taken(records: list[Record]) -> None:
    captions = Captions.of(records)
    rows = Rows.of(records, [record.id for record in records], captions.ids)
    image = np.zeros((len(records), 2), np.float16).view(Untouched)
    text = np.zeros((len(captions.ids), 3), np.float16).view(Untouched)
    pairs = rows.pairs("val", FeatureRows(image), FeatureRows(text))
    assert len(pairs.image) == len(rows.split("val")) and pairs.text.width == 3
    with pytest.raises(AssertionError, match="before they were needed"):
        pairs.image.take(np.array([0]))


def test_features_are_taken_as_they_are_stored() -> None:
    vectors = np.arange(12, dtype=np.float16).reshape(6, 2)
    none = np.empty(0, np.int64)
    plain = in_rows(Features(("a", "b", "c"), vectors[:3], (), (vectors[:3],), (none,)))
    assert isinstance(plain, FeatureRows) and len(plain) == 3
    lengths = np.array([3, 1, 2])
    ragged = in_rows(Features(("a", "b", "c"), vectors, (), (vectors,), (lengths,)))
    assert isinstance(ragged, TokenRows) and len(ragged) == 3
    taken = ragged.take(np.array([2]))
    assert taken.values.tolist() == [[[8.0, 9.0], [10.0, 11.0]]] and taken.mask.all()
