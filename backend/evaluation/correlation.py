"""How two measures go together over a few things that both were taken of.

    Pearson's r       with Fisher's z: tanh(atanh r +- 1.96 / sqrt(n - 3)), from 4 on
    Spearman's rho    with the bootstrap (Efron & Tibshirani 1993), 2,000 draws, from 6 on: of 4 or 5
                      such an interval holds a true value of 0.9 only 6 or 8 times in 10

Where all points lie on a line, or in order, an interval has no width: so few points cannot tell more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.schemas import Correlation

#: points without which nothing is told
LEAST: Final = 3
_FISHER: Final = 4
_BOOTSTRAPPED: Final = 6
_RESAMPLES: Final = 2000
_NORMAL: Final = 1.959964  # 97.5 % of the normal distribution lie below

Values = NDArray[np.float64]


def correlation(x: Sequence[float], y: Sequence[float], seed: int = 0) -> Correlation | None:
    """Both correlations of n points.

    Args:
        x, y: (n,) finite.
        seed: of the bootstrap.

    Returns:
        None for fewer than 3 points, or where x or y is the same for all.
    """
    from scipy.stats import rankdata

    n, first, second = len(x), np.asarray(x, np.float64), np.asarray(y, np.float64)
    if n < LEAST or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    r = float(_pearson(first, second))
    ranked = None
    if n >= _BOOTSTRAPPED:
        rows = np.random.default_rng(seed).integers(n, size=(_RESAMPLES, n))
        again = _pearson(rankdata(first[rows], axis=1), rankdata(second[rows], axis=1))
        low, high = np.nanquantile(again, [0.025, 0.975])  # draws of one point alone say nothing
        ranked = float(low), float(high)
    return Correlation(
        encoders=n,
        pearson=r,
        pearson_interval=_fisher(r, n) if n >= _FISHER else None,
        spearman=float(_pearson(rankdata(first), rankdata(second))),
        spearman_interval=ranked,
    )


def _fisher(r: float, n: int) -> tuple[float, float]:
    if abs(r) >= 1 - 1e-12:  # atanh has no value there
        return r, r
    middle, half = np.arctanh(r), _NORMAL / np.sqrt(n - 3)
    return float(np.tanh(middle - half)), float(np.tanh(middle + half))


def _pearson(x: Values, y: Values) -> Values:
    """r along the last axis; not a number where one side is the same all along."""
    x, y = x - x.mean(axis=-1, keepdims=True), y - y.mean(axis=-1, keepdims=True)
    length = np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
    spread = length > 0
    r: Values = np.where(spread, (x * y).sum(axis=-1) / np.where(spread, length, 1.0), np.nan)
    return np.clip(r, -1.0, 1.0)
