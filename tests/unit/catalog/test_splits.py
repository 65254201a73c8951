"""Splits: fixed by the id, and all three there, from what a set names."""

from __future__ import annotations

import pytest

from backend.catalog.datasets.splits import complete, split_of
from backend.catalog.records import Record


def records(*splits: str) -> list[Record]:
    return [Record(f"{n}", "text", "w", split, ("c",)) for n, split in enumerate(splits)]


def counts(some: list[Record]) -> dict[str, int]:
    splits = [record.split for record in some]
    return {name: splits.count(name) for name in ("train", "val", "test")}


def test_three_splits_stay_as_they_are() -> None:
    given = records(*["train", "val", "test"] * 20)
    assert complete(given, {"train", "val", "test"}) == (given, "")


def test_without_named_splits_nothing_is_moved_however_few_there_are() -> None:
    given = records("train", "train", "val")
    assert complete(given, set()) == (given, "")


@pytest.mark.parametrize("only", ["train", "val", "test"])
def test_one_split_is_divided_by_a_hash_of_the_ids(only: str) -> None:
    kept, what = complete(records(*[only] * 1000), {only})
    assert [record.split for record in kept] == [split_of(record.id) for record in kept]
    assert what.startswith(f"the set has one split, {only}")
    told = counts(kept)
    assert 760 < told["train"] < 840 and 70 < told["val"] < 130 and 70 < told["test"] < 130


def test_without_val_a_tenth_of_train_is_val_and_test_is_not_touched() -> None:
    kept, what = complete(records(*["train", "test"] * 500), {"train", "test"})
    told = counts(kept)
    assert told["test"] == 500 and 30 < told["val"] < 70
    assert f"{told['val']} of its train items" in what


def test_without_test_half_of_val_is_test_and_train_is_not_touched() -> None:
    kept, what = complete(records(*["train", "val"] * 500), {"train", "val"})
    told = counts(kept)
    assert told["train"] == 500 and 200 < told["test"] < 300
    assert f"{told['test']} of its val items" in what


def test_a_split_that_is_named_but_broken_is_not_made_up_from_others() -> None:
    given = records(*["train", "val"] * 50)
    assert complete(given, {"train", "val", "test"}) == (given, "")


def test_what_is_moved_stays_when_the_set_grows() -> None:
    small, _ = complete(records(*["train", "val"] * 100), {"train", "val"})
    large, _ = complete(records(*["train", "val"] * 300), {"train", "val"})
    assert {r.id: r.split for r in small}.items() <= {r.id: r.split for r in large}.items()
