"""From a data set's records to rows of features: which are used, and whose each caption is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.alignment.pairs import PairedFeatures
from backend.catalog.records import Record


def chosen(records: Sequence[Record], train_images: int | None, seed: int) -> tuple[Record, ...]:
    """All records, of the training split only ``train_images`` drawn ones, in their order.

    The draw depends on seed and ids alone: it is the same on every machine and in every order, and
    a smaller number draws a subset of a larger one.
    """
    training = [record.id for record in records if record.split == "train"]
    if train_images is None or train_images >= len(training):
        return tuple(records)

    def lot(image_id: str) -> bytes:
        return hashlib.sha256(f"{seed}/{image_id}".encode()).digest()

    kept = set(sorted(training, key=lot)[:train_images])
    return tuple(record for record in records if record.split != "train" or record.id in kept)


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
        self, split: str, image: NDArray[np.floating], text: NDArray[np.floating]
    ) -> PairedFeatures:
        """One split's features, joined.

        Args:
            split: train, val or test.
            image: features of the items, (rows, d_image).
            text: features of the captions, (rows, d_text).
        """
        inside = np.array([record.split == split for record in self.records], dtype=bool)
        place = np.cumsum(inside) - 1
        mine = inside[self.owner]
        return PairedFeatures(
            np.asarray(image[self.item_rows[inside]]),
            np.asarray(text[self.caption_rows[mine]]),
            place[self.owner[mine]],
        )
