"""How strong runs are by whom people preferred, duel by duel (Bradley and Terry 1952).

    P(i is preferred to j) = 1 / (1 + exp(b_j - b_i)),    rating = 1500 + 400 / ln 10 * (b - mean b)

which is Elo's scale: 400 points are odds of ten to one. A tie is half a win for both. Each run is also
said to have drawn one duel with a run of strength 0, so that one that won them all has a finite rating
and two groups that never met can stand in one table; with some dozens of duels it hardly matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

MEAN: Final = 1500.0
_SCALE: Final = 400 / math.log(10)
_DRAWS: Final = 1000
#: of Newton's method; it is there after ten or so
_MOST_STEPS: Final = 60
_LONGEST_STEP: Final = 2.0
_PRECISE: Final = 1e-9


class Preference(NamedTuple):
    """Two runs met: 1 where the first was preferred, 0 where the second was, 0.5 where none was."""

    first: str
    second: str
    share: float


class Rating(NamedTuple):
    """On Elo's scale, with a 95 % interval by bootstrap over duels."""

    value: float
    interval: tuple[float, float]


def bradley_terry(preferences: Sequence[Preference], seed: int = 0) -> dict[str, Rating]:
    """The rating of every run that met another; the mean of all is 1500.

    Args:
        preferences: the duels.
        seed: of the bootstrap, which draws duels with replacement.
    """
    if not preferences:
        return {}
    runs = sorted({run for each in preferences for run in each[:2]})
    place = {run: number for number, run in enumerate(runs)}
    found, counts = np.unique(
        [(place[each.first], place[each.second], each.share) for each in preferences],
        axis=0,
        return_counts=True,
    )
    drawn = np.random.default_rng(seed).multinomial(
        len(preferences), counts / counts.sum(), size=_DRAWS
    )
    wins = np.zeros((1 + _DRAWS, len(runs), len(runs)))
    first, second = found[:, :2].astype(np.int64).T
    for weights, i, j, share in zip(
        np.vstack([counts, drawn]).T, first, second, found[:, 2], strict=True
    ):
        wins[:, i, j] += share * weights
        wins[:, j, i] += (1 - share) * weights
    strength = strengths(wins)
    rating = MEAN + _SCALE * (strength - strength.mean(axis=1, keepdims=True))
    low, high = np.quantile(rating[1:], (0.025, 0.975), axis=0)
    return {
        run: Rating(float(rating[0, number]), (float(low[number]), float(high[number])))
        for run, number in place.items()
    }


def strengths(wins: NDArray[np.float64]) -> NDArray[np.float64]:
    """(b, r) most likely strengths, of wins (b, r, r): how often row was preferred to column."""
    met = wins + wins.transpose(0, 2, 1)
    won = wins.sum(axis=2)
    strength = np.zeros(won.shape)
    diagonal = np.arange(won.shape[1])
    for _ in range(_MOST_STEPS):
        chance = _logistic(strength[:, :, None] - strength[:, None, :])
        alone = _logistic(strength)
        slope = won - (met * chance).sum(axis=2) + 0.5 - alone
        bend = -met * chance * (1 - chance)
        bend[:, diagonal, diagonal] = alone * (1 - alone) - bend.sum(axis=2)
        step = np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
        # a full step from far away goes too far
        step *= np.minimum(1, _LONGEST_STEP / np.maximum(np.abs(step), _PRECISE)).min(
            axis=1, keepdims=True
        )
        strength += step
        if np.abs(step).max() < _PRECISE:
            break
    return strength


def _logistic(values: NDArray[np.float64]) -> NDArray[np.float64]:
    chance: NDArray[np.float64] = 0.5 * (1 + np.tanh(values / 2))
    return chance
