"""Which points of a gallery are drawn, where it has more than a map holds.

Items are drawn by chance, each with all of its captions, so that a sample has both modalities in the
gallery's proportion and every drawn caption has its item. A smaller sample lies within every larger one, and
runs of the same items have the same sample.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from backend.exploration.points import Drawn
from backend.schemas import Side

if TYPE_CHECKING:
    from backend.exploration.gallery import Gallery

BOTH: Final[tuple[Side, ...]] = ("image", "text")
_SEED: Final = 0


def sample(
    images: int, owners: NDArray[np.int64], most: int, sides: Collection[Side] = BOTH
) -> NDArray[np.int32]:
    """(n,) points, rising: images are numbered before captions; all of them where there are so few.

    Args:
        images: in the gallery.
        owners: (m,) the image of each caption.
        most: points at most; where the first drawn image has more captions, it is drawn with some.
        sides: the modalities that are drawn.
    """
    pictured, told = "image" in sides, "text" in sides
    sizes = np.bincount(owners, minlength=images) * told + pictured
    order = np.random.default_rng(_SEED).permutation(images)
    count = max(1, int(np.searchsorted(np.cumsum(sizes[order]), most, side="right")))
    chosen = np.zeros(images, np.bool_)
    chosen[order[:count]] = True
    captions = images + np.flatnonzero(chosen[owners]) if told else np.zeros(0, np.int64)
    items = np.flatnonzero(chosen) if pictured else np.zeros(0, np.int64)
    return np.concatenate([items, captions])[:most].astype(np.int32)


def vectors_of(gallery: Gallery, points: NDArray[np.int32]) -> NDArray[np.float32]:
    """(n, d) unit rows of a gallery's points, a copy."""
    image, text, _ = gallery.embedded()
    drawn = Drawn.of(points, len(image))
    return np.concatenate([image[drawn.image], text[drawn.text]])
