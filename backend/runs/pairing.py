"""From a data set's records to rows of features: which are used, and whose each caption is.

Every draw depends on a seed and on ids alone: it is the same on every machine and in every order, and a
smaller number draws a subset of a larger one. Items are drawn, never captions, so an item is used with
all its captions or not at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.alignment.pairs import PairedFeatures
from backend.alignment.rows import FeatureRows, TokenRows, as_rows
from backend.alignment.rows import Rows as FeaturesInRows
from backend.catalog.records import Record

if TYPE_CHECKING:
    from backend.features.extraction import Features


def drawn(records: Sequence[Record], train_images: int | None, seed: int) -> frozenset[str]:
    """Ids of the training items that a seed draws; all of them where no fewer are asked for."""
    training = [record.id for record in records if record.split == "train"]
    if train_images is None or train_images >= len(training):
        return frozenset(training)
    return frozenset(sorted(training, key=lambda name: _lot(seed, "", name))[:train_images])


def chosen(records: Sequence[Record], train_images: int | None, seed: int) -> tuple[Record, ...]:
    """All records, of the training split only ``train_images`` drawn ones, in their order."""
    kept = drawn(records, train_images, seed)
    return tuple(record for record in records if record.split != "train" or record.id in kept)


class Loose(NamedTuple):
    """Training items and captions whose pairing is not told: no caption here is of an item here.

    Attributes:
        items: ids.
        captions: ids.
    """

    items: tuple[str, ...] = ()
    captions: tuple[str, ...] = ()


def loose(records: Sequence[Record], paired: Collection[str], seed: int, most: int | None) -> Loose:
    """What is left beside the pairs: the items of one half, the captions of the other half.

    Args:
        records: of a data set.
        paired: ids of the training items that are used as pairs.
        seed: decides the halves.
        most: of each at most; None for all.
    """
    items: list[str] = []
    captions: list[str] = []
    for record in records:
        if record.split == "train" and record.id not in paired:
            if _lot(seed, "half", record.id)[0] % 2:
                items.append(record.id)
            else:
                captions.extend(record.caption_ids)
    return Loose(
        tuple(sorted(items, key=lambda name: _lot(seed, "unpaired", name))[:most]),
        tuple(sorted(captions, key=lambda name: _lot(seed, "unpaired", name))[:most]),
    )


def _lot(seed: int, purpose: str, name: str) -> bytes:
    return hashlib.sha256(f"{purpose}{seed}/{name}".encode()).digest()


def in_rows(features: Features) -> FeaturesInRows:
    """Features as rows, of which none is read yet; every token's where these are kept."""
    if features.lengths and len(features.lengths[0]):
        return TokenRows(features.outputs[0], features.lengths[0])
    return FeatureRows(features.vectors)


@dataclass(frozen=True)
class Captions:
    """All captions of records, record by record.

    Attributes:
        texts: the captions.
        ids: ``<record id>#<number>`` of each, as files of precomputed features name them.
    """

    texts: tuple[str, ...]
    ids: tuple[str, ...]

    @staticmethod
    def of(records: Sequence[Record]) -> Captions:
        """The captions of records, in order."""
        texts = tuple(caption for record in records for caption in record.captions)
        ids = (caption for record in records for caption in record.caption_ids)
        return Captions(texts, tuple(ids))

    def only(self, ids: Collection[str]) -> Captions:
        """Those with these ids, in order."""
        kept = [pair for pair in zip(self.texts, self.ids, strict=True) if pair[1] in ids]
        return Captions(tuple(text for text, _ in kept), tuple(name for _, name in kept))

    def __add__(self, more: Captions) -> Captions:
        """These, then those of the others that are not among them."""
        known = set(self.ids)
        new = more.only({name for name in more.ids if name not in known})
        return Captions(self.texts + new.texts, self.ids + new.ids)


@dataclass(frozen=True)
class Rows:
    """Records and captions that have features, joined with the rows of these.

    Attributes:
        records: the items used, each with the captions that are used.
        owner: (m,) int64, for each caption the position of its record; record by record.
        item_rows: (n,) int64, the row of each record among the items' features.
        caption_rows: (m,) int64, the row of each caption among the captions' features.
    """

    records: tuple[Record, ...]
    owner: NDArray[np.int64]
    item_rows: NDArray[np.int64]
    caption_rows: NDArray[np.int64]

    @staticmethod
    def of(records: Sequence[Record], item_ids: Sequence[str], caption_ids: Sequence[str]) -> Rows:
        """Joins by id: what has no feature on either side is left out.

        Args:
            records: in any order, each id once.
            item_ids: the id of each row of the items' features.
            caption_ids: the id of each row of the captions' features.
        """
        item_row = {item: row for row, item in enumerate(item_ids)}
        caption_row = {caption: row for row, caption in enumerate(caption_ids)}
        kept: list[Record] = []
        owner: list[int] = []
        rows: list[int] = []
        for record in records:
            found = [
                (text, caption_row[name])
                for text, name in zip(record.captions, record.caption_ids, strict=True)
                if name in caption_row
            ]
            if record.id in item_row and found:
                owner += [len(kept)] * len(found)
                rows += [row for _, row in found]
                if len(found) < len(record.captions):
                    # their numbers are of no use from here on: rows say which feature is whose
                    used = tuple(text for text, _ in found)
                    record = replace(record, captions=used, numbers=())
                kept.append(record)
        return Rows(
            tuple(kept),
            np.asarray(owner, np.int64),
            np.asarray([item_row[record.id] for record in kept], np.int64),
            np.asarray(rows, np.int64),
        )

    def split(self, name: str) -> tuple[Record, ...]:
        """The items of one split, in order."""
        return tuple(record for record in self.records if record.split == name)

    def pairs(
        self,
        split: str,
        image: FeaturesInRows | NDArray[Any],
        text: FeaturesInRows | NDArray[Any],
        only: Collection[str] | None = None,
    ) -> PairedFeatures:
        """One split's features, joined; nothing is copied or read.

        Args:
            split: train, val or test.
            image: features of the items, as :attr:`item_rows` counts them.
            text: features of the captions, as :attr:`caption_rows` counts them.
            only: ids of the items to take; None for all of the split.
        """
        inside = np.array(
            [r.split == split and (only is None or r.id in only) for r in self.records], dtype=bool
        )
        place = np.cumsum(inside) - 1
        mine = inside[self.owner]
        return PairedFeatures(
            as_rows(image).only(self.item_rows[inside]),
            as_rows(text).only(self.caption_rows[mine]),
            place[self.owner[mine]],
        )
