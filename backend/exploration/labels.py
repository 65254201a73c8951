"""What is written across the regions of a map: the words by which their captions stand out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.words import distinctive, said
from backend.exploration.gallery import Gallery
from backend.exploration.points import Drawn
from backend.schemas import ClusterLabel

_WORDS: Final = 3
_LONGEST: Final = 32  # letters of a label; a single word is cut
#: of a region's points so many are looked at for the densest place
_LOOKED_AT: Final = 2000
#: how far round a place its density is looked at: so many points, or such a share of the region's
_NEAR: Final = 15
_NEAR_SHARE: Final = 1 / 8
#: two labels are apart by this share of the map's reach
_APART: Final = 0.08


def words_of(gallery: Gallery, points: NDArray[np.int32]) -> list[frozenset[str]]:
    """The words of each point's captions: a caption's own, an item's all."""
    drawn = Drawn.of(points, len(gallery.indexes["image"]))
    entries = list(gallery.entries.values())
    captions = [caption for entry in entries for caption in entry.captions]
    of_items = [" . ".join(entries[row].captions) for row in drawn.image.tolist()]
    return said([*of_items, *(captions[row] for row in drawn.text.tolist())])


def labels(
    coordinates: NDArray[np.float32],
    regions: NDArray[np.integer],
    words: Sequence[frozenset[str]],
) -> tuple[ClusterLabel, ...]:
    """A label for each region whose captions stand out, the largest region first.

    Args:
        coordinates: (n, 2) or (n, 3).
        regions: (n,) of each point, from 0.
        words: (n,) of each point.
    """
    reach = float(np.ptp(coordinates, axis=0).max()) or 1.0
    found: list[ClusterLabel] = []
    for region in np.argsort(-np.bincount(regions), kind="stable").tolist():
        inside = regions == region
        text = _text(distinctive(words, inside, _WORDS))
        if not text:
            continue
        taken = np.array([_place(label) for label in found])
        place = _densest(coordinates[inside], taken, _APART * reach)
        found.append(
            ClusterLabel(
                text=text,
                x=float(place[0]),
                y=float(place[1]),
                z=float(place[2]) if len(place) > 2 else None,
                points=int(inside.sum()),
            )
        )
    return tuple(found)


def _text(words: Sequence[str]) -> str:
    while len(words) > 1 and len(", ".join(words)) > _LONGEST:
        words = words[:-1]
    return ", ".join(words)[:_LONGEST]


def _densest(
    coordinates: NDArray[np.float32], taken: NDArray[np.float64], apart: float
) -> NDArray[np.float32]:
    """The point whose neighbours are nearest, among those that are apart from what is taken; where there
    is none, the densest of all."""
    from scipy.spatial import cKDTree

    step = -(-len(coordinates) // _LOOKED_AT)
    some = coordinates[::step]
    k = min(max(_NEAR, int(len(some) * _NEAR_SHARE)), len(some))
    spread = cKDTree(some).query(some, k)[0].reshape(len(some), -1).mean(axis=1)
    if len(taken):
        across = taken[:, : some.shape[1]]
        clear = (np.linalg.norm(some[:, None] - across, axis=2) >= apart).all(axis=1)
        spread = np.where(clear | ~clear.any(), spread, np.inf)
    densest: NDArray[np.float32] = some[int(spread.argmin())]
    return densest


def _place(label: ClusterLabel) -> tuple[float, ...]:
    return label.x, label.y, label.z or 0.0
