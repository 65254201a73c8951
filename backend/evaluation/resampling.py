"""The bootstrap over owners (Efron & Tibshirani 1993): what is theirs is drawn together, or not at all.

An owner is what was drawn from the world: an image with its captions, a seed item with its whole chain.
All columns see the same draws, so that what is made of several columns has an interval, too.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.schemas.comparing import PairedDifference

RESAMPLES: Final = 2000
_CELLS: Final = 2**22  # draws held at once

Numbers = NDArray[np.float64]


def resampled_means(
    sums: Numbers, counts: NDArray[np.generic], seed: int = 0, resamples: int = RESAMPLES
) -> Numbers:
    """Means of resampled owners, (resamples, columns); not a number where a column has none drawn.

    Args:
        sums: (owners, columns) sums of values.
        counts: (owners, columns) how many values each sum is of.
        seed: of the draws.
    """
    owners, columns = sums.shape
    draw, chances = np.random.default_rng(seed), np.full(owners, 1 / owners)
    means = np.empty((resamples, columns))
    step = max(1, _CELLS // owners)
    of_each = counts.astype(np.float64)
    for start in range(0, resamples, step):
        some = min(step, resamples - start)
        weights = draw.multinomial(owners, chances, size=some).astype(np.float64)
        drawn = weights @ of_each
        with np.errstate(invalid="ignore"):
            means[start : start + some] = np.where(drawn > 0, (weights @ sums) / drawn, np.nan)
    return means


def interval(means: Numbers) -> tuple[float, float]:
    """The middle 95 % of one column's resampled means (the percentile interval)."""
    low, high = np.nanquantile(means, [0.025, 0.975])
    return float(low), float(high)


def difference(observed: float, means: Numbers) -> PairedDifference:
    """A difference with its interval and p, of one column's resampled differences.

    p is twice the smaller share of resamples on either side of 0, the observed one counted with both.
    """
    there = means[np.isfinite(means)]
    tail = min(int((there <= 0).sum()), int((there >= 0).sum()))
    return PairedDifference(
        difference=observed,
        interval=interval(there),
        p=min(1.0, 2 * (1 + tail) / (len(there) + 1)),
    )
