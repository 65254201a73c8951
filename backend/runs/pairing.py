"""From a data set's records to rows: which images are used, and whose each caption is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backend.alignment.pairs import PairedFeatures

if TYPE_CHECKING:
    from backend.catalog.rows import ImageRecord


def chosen(
    records: Sequence[ImageRecord], train_images: int | None, seed: int
) -> tuple[ImageRecord, ...]:
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
class Rows:
    """Records as rows: image row i is ``records[i]``; captions follow record by record.

    Attributes:
        records: the images used.
        captions: all their captions.
        owner: (m,) int64, the image row of each caption.
    """

    records: tuple[ImageRecord, ...]
    captions: tuple[str, ...]
    owner: NDArray[np.int64]

    @staticmethod
    def of(records: Sequence[ImageRecord]) -> Rows:
        """Numbers images and captions."""
        counts = [len(record.captions) for record in records]
        return Rows(
            tuple(records),
            tuple(caption for record in records for caption in record.captions),
            np.repeat(np.arange(len(records), dtype=np.int64), counts),
        )

    def split(self, name: str) -> tuple[ImageRecord, ...]:
        """The images of one split, in order."""
        return tuple(record for record in self.records if record.split == name)

    def training_captions(self) -> list[str]:
        """What an encoder that is fitted on text may see."""
        return [caption for record in self.split("train") for caption in record.captions]

    def pairs(
        self, split: str, image: NDArray[np.floating], text: NDArray[np.floating]
    ) -> PairedFeatures:
        """One split's features, joined.

        Args:
            split: train, val or test.
            image: (n, d_image) features of all ``records``.
            text: (m, d_text) features of all ``captions``.
        """
        inside = np.array([record.split == split for record in self.records], dtype=bool)
        place = np.cumsum(inside) - 1
        mine = inside[self.owner]
        return PairedFeatures(
            np.asarray(image[inside]), np.asarray(text[mine]), place[self.owner[mine]]
        )
