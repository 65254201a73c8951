"""Paired features: what every method is fitted on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from backend.alignment.rows import FeatureRows, Rows, as_rows
from backend.errors import InvalidInput

#: said where every token's features are given to a method that has no use for them
ONE_VECTOR: Final = (
    "This method takes one vector an item, and the encoder gives every token's. Choose "
    "another pooling than tokens, or the method freeze-align."
)


class PairedFeatures:
    """Raw encoder outputs of one split, and which caption belongs to which image.

    Args:
        image: (n, d_image), one row an image; an array or :mod:`rows <backend.alignment.rows>`.
        text: (m, d_text), one row a caption.
        image_of_text: (m,) int64, the row in ``image`` that a caption describes.
    """

    def __init__(
        self,
        image: Rows | NDArray[Any],
        text: Rows | NDArray[Any],
        image_of_text: NDArray[np.int64],
    ) -> None:
        self.image, self.text = as_rows(image), as_rows(text)
        self.image_of_text = image_of_text
        if len(self.text) != len(image_of_text):
            raise ValueError(f"{len(self.text)} captions but {len(image_of_text)} owners")
        if len(image_of_text) and not (
            0 <= image_of_text.min() and image_of_text.max() < len(self.image)
        ):
            raise ValueError(f"a caption's image is outside 0..{len(self.image) - 1}")

    def vectors(self) -> tuple[FeatureRows, FeatureRows]:
        """Both sides, for methods that take one vector an item.

        Raises:
            InvalidInput: every token's features are stored instead.
        """
        image, text = self.image, self.text
        if isinstance(image, FeatureRows) and isinstance(text, FeatureRows):
            return image, text
        raise InvalidInput(ONE_VECTOR)


class Unpaired:
    """Training items and captions whose pairing is not told: no caption here describes an item here.

    Args:
        image: (n, d_image).
        text: (m, d_text).
    """

    def __init__(self, image: Rows | NDArray[Any], text: Rows | NDArray[Any]) -> None:
        self.image, self.text = as_rows(image), as_rows(text)


def epoch_batches(
    image_of_text: NDArray[np.int64], batch: int, generator: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Caption rows of one epoch: each caption at most once, never two of one image in a batch.

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


def batches_of(
    image_of_text: NDArray[np.int64],
    batch: int,
    generator: np.random.Generator,
    siblings: Literal["apart", "together"],
) -> Iterator[NDArray[np.int64]]:
    """Caption rows of one epoch: siblings never in one batch, or as chance has it."""
    if siblings == "apart":
        yield from epoch_batches(image_of_text, batch, generator)
        return
    order = generator.permutation(len(image_of_text))
    for start in range(0, len(order), batch):
        if len(order) - start > 1:
            yield order[start : start + batch]


class Siblings:
    """The other captions of each caption's image.

    Args:
        image_of_text: (m,) the image that each caption describes.
    """

    def __init__(self, image_of_text: NDArray[np.int64]) -> None:
        self._owner = image_of_text
        self._order = np.argsort(image_of_text, kind="stable")
        self._counts = np.bincount(image_of_text)
        self._starts = np.cumsum(self._counts) - self._counts
        self._place = np.empty(len(image_of_text), np.int64)
        self._place[self._order] = np.arange(len(image_of_text))

    def another(self, rows: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
        """For each caption another one of its image, at random; itself where there is no other."""
        owners = self._owner[rows]
        counts = self._counts[owners]
        step = generator.integers(1, np.maximum(counts, 2))  # 1 to counts - 1 places further
        place = (self._place[rows] - self._starts[owners] + step) % counts
        found: NDArray[np.int64] = self._order[self._starts[owners] + place]
        return found
