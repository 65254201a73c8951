"""A gallery that moves: along its training, and as the offset between its two sides is taken away.

All stops are drawn in one frame, so that what moves is the embeddings and not the layout. Along a training it
is the principal plane of the final shared space (:mod:`backend.exploration.plane`): before training the heads
know nothing of it, and what is spread out in it at the end lies close together at first. For the gap it is
the direction of the offset and the largest variance across it: the principal plane hardly shows a small gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.alignment.base import Alignment
from backend.alignment.pairs import PairedFeatures
from backend.alignment.scoring import recall_in_pieces
from backend.evaluation.gap import moved
from backend.exploration.plane import Plane
from backend.exploration.points import Drawn

#: images whose retrieval is measured at each stop, evenly drawn where there are more
MEASURED: Final = 1000
_FIGURES: Final = ("text_to_image/recall_at_1", "image_to_text/recall_at_1")


def places(
    heads: Alignment, pairs: PairedFeatures, drawn: Drawn, plane: Plane
) -> NDArray[np.float32]:
    """(n, 2) where a gallery's points stand with some heads.

    Args:
        heads: of a step of the training.
        pairs: the gallery's frozen features.
        drawn: which of it are drawn.
        plane: of the final space.
    """
    image = heads.transform("image", pairs.image.only(drawn.image))
    text = heads.transform("text", pairs.text.only(drawn.text))
    return np.concatenate([plane.flat(image), plane.flat(text)])


def retrieval(heads: Alignment, pairs: PairedFeatures) -> dict[str, float]:
    """R@1 both ways with some heads.

    Args:
        pairs: of the validation split; see :func:`measured`.
    """
    image, text = heads.transform("image", pairs.image), heads.transform("text", pairs.text)
    recalls = recall_in_pieces(image, text, pairs.image_of_text, lambda: None)
    return {name: recalls[name] for name in _FIGURES}


def measured(pairs: PairedFeatures, most: int = MEASURED) -> PairedFeatures:
    """At most so many images, evenly drawn, with all their captions."""
    if len(pairs.image) <= most:
        return pairs
    some = np.linspace(0, len(pairs.image) - 1, most).round().astype(np.int64)
    theirs = np.flatnonzero(np.isin(pairs.image_of_text, some))
    owners = np.searchsorted(some, pairs.image_of_text[theirs])
    return PairedFeatures(pairs.image.only(some), pairs.text.only(theirs), owners)


def gap_plane(vectors: NDArray[np.float32], offset: NDArray[np.floating]) -> Plane:
    """Left to right along the offset, up and down the largest variance across it, each scaled by itself.

    Args:
        vectors: (n, d) of both sides.
        offset: (d,) from the captions to the images; of length 0 it is the principal plane.
    """
    length = float(np.linalg.norm(offset))
    if length == 0:
        return Plane.of(vectors)
    along = offset.astype(np.float64) / length
    rest = vectors - np.outer(vectors @ along.astype(np.float32), along).astype(np.float32)
    axes = np.column_stack([along, Plane.of(rest, 1).axes[:, 0]])
    bare = Plane(vectors.mean(axis=0, dtype=np.float64), axes, np.zeros(2), 1.0)
    flat = bare.flat(vectors)
    middle = np.median(flat, axis=0).astype(np.float64)
    reach = np.maximum(np.quantile(np.abs(flat - middle), 0.995, axis=0), 1e-9)
    return Plane(bare.mean, axes / reach, middle / reach, 1.0)


def through_gap(
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    offset: NDArray[np.floating],
    shares: Sequence[float],
    plane: Plane,
) -> NDArray[np.float32]:
    """(shares, n + m, 2) where images (n, d), then captions (m, d), stand at each share.

    Args:
        offset: (d,) from the captions to the images (:func:`backend.evaluation.gap.offset`).
        shares: of it, taken away.
        plane: of :func:`gap_plane`.
    """
    return np.stack(
        [
            np.concatenate([plane.flat(side) for side in moved(image, text, offset, share)])
            for share in shares
        ]
    )
