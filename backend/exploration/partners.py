"""How well each point of a gallery finds its true partner in the other modality."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.retrieval import image_to_text_ranks, text_to_image_ranks
from backend.exploration.gallery import Gallery
from backend.exploration.layouts.sampling import sample
from backend.exploration.points import Drawn
from backend.schemas import MOST_POINTS

#: of a larger gallery the points of its map are ranked among each other: work grows with the square
RANKED: Final = 200_000


def partner_ranks(gallery: Gallery, points: NDArray[np.int32]) -> NDArray[np.float32]:
    """(n,) rank, from 1, of each point's true partner among all of the other modality.

    A caption's partner is its item; of an item's captions the best one counts. Ties are resolved in
    expectation, as in the run's scores. Not a number for an item without captions, and in a gallery of
    more than :data:`RANKED` for points beyond its map.

    Args:
        points: rising.
    """
    image, text, owners = gallery.embedded()
    if len(image) + len(text) <= RANKED:
        return _ranks(image, text, owners, points)
    pool = sample(len(image), owners, MOST_POINTS)
    among, there = Drawn.of(pool, len(image)), np.isin(points, pool)
    owners = np.searchsorted(among.image, owners[among.text])
    asked = np.searchsorted(pool, points[there]).astype(np.int32)
    ranks = np.full(len(points), np.nan, np.float32)
    ranks[there] = _ranks(image[among.image], text[among.text], owners, asked)
    return ranks


def _ranks(
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    owners: NDArray[np.int64],
    points: NDArray[np.int32],
) -> NDArray[np.float32]:
    drawn = Drawn.of(points, len(image))
    # images that are not asked about come after all that are; their captions are searched all the same
    place = np.full(len(image), len(drawn.image), np.int64)
    place[drawn.image] = np.arange(len(drawn.image))
    to_text = image_to_text_ranks(image[drawn.image], text, place[owners]).middle
    to_text[np.bincount(owners, minlength=len(image))[drawn.image] == 0] = np.nan
    to_image = text_to_image_ranks(image, text[drawn.text], owners[drawn.text]).middle
    return np.concatenate([to_text, to_image]).astype(np.float32)
