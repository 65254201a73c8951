"""Search among both modalities at once: whether a caption finds its image, or other captions instead.

Each caption searches all images and all captions of the other images; its own image's captions, itself
among them, are left out, and so are those of images that the same words are said of: as near as can be,
they would always come first.

    first        the own image comes before all other images and all those captions
    image share  the images among the first places; an order blind to modality gives their share of the
                 gallery, and a little more where the own image comes first

A modality gap need not hurt a search from one side to the other, being much the same for all candidates.
Here it does: a caption's nearest are then captions. Ties are resolved in expectation, as in retrieval.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

PLACES: Final = 10
_TIE: Final = 1e-6  # as in retrieval
_CELLS: Final = 2**21  # scores held at once

Rows = NDArray[np.float32]
Vector = NDArray[np.float64]


class Mixed(NamedTuple):
    """What captions found among images and captions together, (q,) each.

    Attributes:
        first: chance that the own image comes first; 0 or 1 where nothing ties.
        image_share: images among the first places.
    """

    first: Vector
    image_share: Vector


def mixed(
    image: Rows,
    text: Rows,
    image_of_text: NDArray[np.int64],
    queries: NDArray[np.int64],
    places: int = PLACES,
    kin: NDArray[np.int64] | None = None,
) -> Mixed:
    """What some captions find among all images and the other images' captions.

    Args:
        image, text, image_of_text: the space.
        queries: (q,) rows of the captions that search.
        places: looked at for the images' share; no more than any caption has candidates.
        kin: (m,) of :func:`kin_of`; None where no two images have a caption in common.
    """
    found = Mixed(np.zeros(len(queries)), np.empty(len(queries)))
    asking, left_out = _own_captions(image_of_text if kin is None else kin, queries)
    step = max(1, _CELLS // (len(image) + len(text)))
    for start in range(0, len(queries), step):
        some = queries[start : start + step]
        images, captions = text[some] @ image.T, text[some] @ text.T
        own = images[np.arange(len(some)), image_of_text[some]]
        out = slice(*np.searchsorted(asking, (start, start + step)))
        captions[asking[out] - start, left_out[out]] = -np.inf
        best = _best(images, places + 1), _best(captions, places + 1)
        first = np.flatnonzero(own >= np.maximum(best[0][:, 0], best[1][:, 0]) - _TIE)
        level = _level(images[first], own[first]) + _level(captions[first], own[first])
        found.first[start + first] = 1 / level
        found.image_share[start : start + step] = _image_share(images, captions, best, places)
    return found


def kin_of(image_of_text: NDArray[np.int64], said: NDArray[np.int64]) -> NDArray[np.int64]:
    """(m,) equal for captions of one image, and of images that have a caption in common.

    Args:
        said: (m,) equal where captions are the same words.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    images = int(image_of_text.max(initial=-1)) + 1
    nodes = images + int(said.max(initial=-1)) + 1
    ones = np.ones(len(said), np.int8)
    links = coo_array((ones, (image_of_text, images + said)), shape=(nodes, nodes))
    kin: NDArray[np.int64] = connected_components(links, directed=False)[1].astype(np.int64)
    return kin[image_of_text]


def places_of(images: int, kin: NDArray[np.int64]) -> int:
    """First places that are looked at: :data:`PLACES`, or as many as every caption has candidates."""
    return min(PLACES, images + len(kin) - int(np.bincount(kin).max()))


def chance_of(
    images: int, kin: NDArray[np.int64], queries: NDArray[np.int64]
) -> tuple[float, float]:
    """What a random order gives: the own image first, and the images' share of the gallery."""
    own = np.bincount(kin)[kin[queries]]
    gallery = images + len(kin) - own
    return float((1 / gallery).mean()), float((images / gallery).mean())


def _image_share(images: Rows, captions: Rows, best: tuple[Rows, Rows], places: int) -> Vector:
    """(q,) images among the first places, those that tie with the last place by their chance of it.

    Args:
        images, captions: (q, n) and (q, m) scores.
        best: the first places + 1 of each, falling.
    """
    last = -np.sort(-np.concatenate(best, axis=1), axis=1)[:, places - 1]
    clear = [np.count_nonzero(side > last[:, None] + _TIE, axis=1) for side in best]
    level = [np.count_nonzero(side >= last[:, None] - _TIE, axis=1) for side in best]
    full = np.flatnonzero(level[0] + level[1] > places)  # of these more may tie than were kept
    level[0][full] = _level(images[full], last[full])
    level[1][full] = _level(captions[full], last[full])
    tied = [at_least - above for at_least, above in zip(level, clear, strict=True)]
    left = (places - clear[0] - clear[1]) / (tied[0] + tied[1])
    share: Vector = (clear[0] + left * tied[0]) / places
    return share


def _level(scores: Rows, limit: Rows) -> NDArray[np.int64]:
    """(q,) how many are at least the limit (q,), or tie with it."""
    count: NDArray[np.int64] = np.count_nonzero(scores >= limit[:, None] - _TIE, axis=1)
    return count


def _best(scores: Rows, count: int) -> Rows:
    """(q, count) highest scores, falling; all where there are fewer."""
    import torch

    best: Rows = torch.from_numpy(scores).topk(min(count, scores.shape[1]), dim=1).values.numpy()
    return best


def _own_captions(
    image_of_text: NDArray[np.int64], queries: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of queries, rising, and rows of the captions of the same image or kin, that one among them."""
    order = np.argsort(image_of_text, kind="stable")
    first, last = (
        np.searchsorted(image_of_text[order], image_of_text[queries], side=side)
        for side in ("left", "right")
    )
    count = last - first
    asking = np.repeat(np.arange(len(queries)), count)
    within = np.arange(len(asking)) - np.repeat(np.cumsum(count) - count, count)
    return asking, order[first[asking] + within]
