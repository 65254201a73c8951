"""Whether one run is better than another on the same queries: the paired bootstrap.

Images are resampled with replacement, each with its captions, the same draw for both runs (Efron and
Tibshirani 1993; for such tests Koehn 2004). What is hard for both then cancels, so a difference can be
told that is smaller than either run's own interval.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.retrieval import KS, Ranks, image_to_text_ranks, text_to_image_ranks
from backend.schemas import PairedDifference

RESAMPLES: Final = 2000
_CELLS: Final = 2**22  # draws held at once

Embedded = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]


def compare(first: Embedded, second: Embedded, seed: int = 0) -> dict[str, PairedDifference]:
    """The second against the first: R@k and mean reciprocal rank, both ways.

    Args:
        first, second: images (n, d), captions (m, e), and each caption's image row, of the same items
            in the same order.
        seed: of the bootstrap.
    """
    owners, images = first[2], len(first[0])
    found: dict[str, PairedDifference] = {}
    for way, ranked, whose in (
        ("text_to_image", text_to_image_ranks, owners),
        ("image_to_text", image_to_text_ranks, np.arange(images)),
    ):
        asked = np.isin(whose, owners)  # an image without a caption is no query
        before, after = _measures(ranked(*first)), _measures(ranked(*second))
        for name, values in after.items():
            gained = (values - before[name])[asked]
            found[f"{way}/{name}"] = paired_difference(gained, whose[asked], images, seed)
    return found


def paired_difference(
    gained: NDArray[np.float64], owners: NDArray[np.int64], images: int, seed: int = 0
) -> PairedDifference:
    """Mean gain over queries, its interval, and the chance of one as large if there were none.

    p is twice the smaller share of resamples on either side of 0, the observed one counted with both.

    Args:
        gained: (q,) what each query gained.
        owners: (q,) the image that each query belongs to.
        images: how many there are; what is resampled.
        seed: of the draws.
    """
    totals = np.bincount(owners, weights=gained, minlength=images)
    queries = np.bincount(owners, minlength=images).astype(np.float64)
    draw = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    step = max(1, _CELLS // images)
    for start in range(0, RESAMPLES, step):
        count = min(step, RESAMPLES - start)
        weights = draw.multinomial(images, np.full(images, 1 / images), size=count)
        means[start : start + count] = (weights @ totals) / np.maximum(weights @ queries, 1)
    low, high = np.quantile(means, [0.025, 0.975])
    tail = min((means <= 0).sum(), (means >= 0).sum())
    return PairedDifference(
        difference=float(gained.mean()),
        interval=(float(low), float(high)),
        p=min(1.0, 2 * (1 + int(tail)) / (RESAMPLES + 1)),
    )


def _measures(ranks: Ranks) -> dict[str, NDArray[np.float64]]:
    """What each query scores."""
    hits = {f"recall_at_{k}": ranks.hits(k) for k in KS}
    return {**hits, "reciprocal_rank": ranks.reciprocal}
