"""Paired features: what every method is fitted on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PairedFeatures:
    """Raw encoder outputs of one split, and which caption belongs to which image.

    Attributes:
        image: (n, d_image), one row an image.
        text: (m, d_text), one row a caption.
        image_of_text: (m,) int64, the row in ``image`` that a caption describes.
    """

    image: NDArray[np.floating]
    text: NDArray[np.floating]
    image_of_text: NDArray[np.int64]

    def __post_init__(self) -> None:
        if len(self.text) != len(self.image_of_text):
            raise ValueError(f"{len(self.text)} captions but {len(self.image_of_text)} owners")
        if len(self.image_of_text) and not (
            0 <= self.image_of_text.min() and self.image_of_text.max() < len(self.image)
        ):
            raise ValueError(f"a caption's image is outside 0..{len(self.image) - 1}")


def epoch_batches(
    image_of_text: NDArray[np.int64], batch: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Caption rows of one epoch: every caption once, never two of one image in a batch.

    Siblings in a batch would be each other's false negatives. Round r takes the r-th caption of each
    image, in an order of its own; batches do not cross rounds. A last batch of one has no negative
    and is left out.
    """
    order = generator.permutation(len(image_of_text))
    owners = image_of_text[order]
    by_owner = np.argsort(owners, kind="stable")
    ordered = owners[by_owner]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[starts, len(ordered)])
    turn = np.arange(len(ordered)) - np.repeat(starts, sizes)  # the how-manieth of its image
    for round_ in range(int(turn.max()) + 1 if len(turn) else 0):
        rows = generator.permutation(order[by_owner[turn == round_]])
        for start in range(0, len(rows), batch):
            if len(rows) - start > 1:
                yield rows[start : start + batch]
