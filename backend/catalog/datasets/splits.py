"""Splits: by item, fixed by the item's id alone, and all three always there.

A run trains on train, chooses on val and reports on test. Where a set names no splits, an item's is
decided by a hash of its id (80 / 10 / 10 percent), so it stays the same however the set grows. Where
a set names some splits only, the rest is taken from what it names, and said:

    one split only    as if none were named
    train and test    a tenth of train, by hash, is val
    train and val     half of val, by hash, is test: both stay apart from train as the set meant it
    val and test      nothing to train on: refused
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Final

from backend.catalog.records import Record

SPLIT_NAMES: Final = ("train", "val", "test")

#: names that other data sets use; "restval" is Karpathy's second part of COCO's training images
SPLITS: Final[dict[str, str]] = {
    "train": "train",
    "training": "train",
    "restval": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def split_of(item_id: str) -> str:
    """The split of an item that came without one: 80 / 10 / 10 percent, by a hash of its id alone.

    It stays the same however the set grows.
    """
    percent = stable_number(item_id) % 100
    return "train" if percent < 80 else "val" if percent < 90 else "test"


def stable_number(text: str) -> int:
    """A number that depends on the text alone, on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def complete(records: Sequence[Record], named: AbstractSet[str]) -> tuple[list[Record], str]:
    """Makes the splits that a set does not name, where it names any.

    Args:
        records: with the splits that the set names, or those of :func:`split_of`.
        named: splits that rows named, of broken rows too. Their items are not made up from others:
            a test split of which nothing can be read is an error and not a reason to test on train.

    Returns:
        The records, some in another split; what was done in a sentence, empty when nothing was.
    """
    kept = list(records)
    if not named:
        return kept, ""
    there = named | {record.split for record in kept}
    if len(there) == 1 and kept:
        return [replace(record, split=split_of(record.id)) for record in kept], (
            f"the set has one split, {kept[0].split}: its items are divided into train, val and "
            "test (80, 10 and 10 percent) by a hash of their ids"
        )
    if there == {"train", "test"}:
        moved = _move(kept, "train", "val", 10)
        return kept, (
            f"the set has no val split: {moved} of its train items are used to choose on instead"
        ) if moved else ""
    if there == {"train", "val"}:
        moved = _move(kept, "val", "test", 2)
        return kept, (
            f"the set has no test split: {moved} of its val items are used to test on instead, and "
            "no longer to choose on"
        ) if moved else ""
    return kept, ""


def _move(records: list[Record], source: str, target: str, one_in: int) -> int:
    """Moves one in so many items of a split to another, by a hash of their ids."""
    moved = 0
    for index, record in enumerate(records):
        if record.split == source and stable_number(f"{target}/{record.id}") % one_in == 0:
            records[index] = replace(record, split=target)
            moved += 1
    return moved
