"""Whether one run is better than another on the same queries: the paired bootstrap.

Images are resampled with replacement, each with its captions, the same draw for both runs (Efron and
Tibshirani 1993; for such tests Koehn 2004). What is hard for both then cancels, so a difference can be
told that is smaller than either run's own interval.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.resampling import difference, resampled_means
from backend.evaluation.retrieval import KS, image_to_text_ranks, text_to_image_ranks
from backend.schemas import PairedDifference

Embedded = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]


class Answered(NamedTuple):
    """What each query of a run scored.

    Attributes:
        values: (q,) of each direction and measure: ``text_to_image/recall_at_1``.
        owners: (q,) of each direction: the image that a query belongs to.
        images: how many there are.
    """

    values: dict[str, NDArray[np.float64]]
    owners: dict[str, NDArray[np.int64]]
    images: int


def answered(space: Embedded) -> Answered:
    """R@k and reciprocal rank of every query, both ways.

    Args:
        space: images (n, d), captions (m, d), and each caption's image row.
    """
    image, _, image_of_text = space
    asking = np.flatnonzero(np.bincount(image_of_text, minlength=len(image)))  # others find nothing
    values: dict[str, NDArray[np.float64]] = {}
    owners = {"text_to_image": image_of_text, "image_to_text": asking}
    for way, ranks in (
        ("text_to_image", text_to_image_ranks(*space)),
        ("image_to_text", image_to_text_ranks(*space).of(asking)),
    ):
        values |= {f"{way}/recall_at_{k}": ranks.hits(k) for k in KS}
        values[f"{way}/reciprocal_rank"] = ranks.reciprocal
    return Answered(values, owners, len(image))


def compare(before: Answered, after: Answered, seed: int = 0) -> dict[str, PairedDifference]:
    """How much better the second is, in every measure, by the same draws of images.

    Args:
        before, after: of the same items in the same order.
        seed: of the bootstrap.
    """
    names, images = list(after.values), after.images
    gained = {name: after.values[name] - before.values[name] for name in names}
    owners = {name: after.owners[name.partition("/")[0]] for name in names}
    sums = np.stack([np.bincount(owners[name], gained[name], images) for name in names], axis=1)
    counts = np.stack([np.bincount(owners[name], minlength=images) for name in names], axis=1)
    means = resampled_means(sums.astype(np.float64), counts, seed)
    return {
        name: difference(float(gained[name].mean()), means[:, column])
        for column, name in enumerate(names)
    }
