"""Semantic drift rate: exponential decay fitted to a curve of similarities.

    S(g) = a exp(-b g) + c     by least squares, over true generation numbers
    half-life                  ln 2 / b generations, after which half of a is lost

Bounds follow from what S is. It is a mean cosine, so where it ends lies in -1 <= c <= 1; it begins at
S(0) = a + c <= 1 with c >= -1, so a <= 2; and drift loses, it does not gain: a >= 0, b >= 0. Without
them a curve that is nearly straight is fitted by a and c of opposite signs, as large as one likes, and
a rising one by a negative rate. A parameter that ends at its bound is named, for the curve does not
determine it.

Given b, the best a and c within their bounds are known in closed form, so that what is searched is the
rate alone: from a grid of starts, since the sum of squares may have more than one valley, and then
between the neighbours of the best (variable projection, Golub & Pereyra 1973). All resampled curves are
fitted together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.drift.scores.similarity import Similarities
from backend.errors import InvalidInput
from backend.evaluation.resampling import interval, resampled_means
from backend.schemas.drift_scores import DecayFit, Direction, DriftRate

#: of three parameters fewer points tell nothing: four can be met nearly exactly by any
LEAST_POINTS: Final = 5
_A: Final = (0.0, 2.0)
_C: Final = (-1.0, 1.0)
#: rates that are tried first; beyond the last nothing would be left after one generation
_STARTS: Final = np.concatenate([[0.0], np.geomspace(1e-4, 20.0, 60)])
_HALVINGS: Final = 42
_GOLDEN: Final = (np.sqrt(5) - 1) / 2
_RESAMPLES: Final = 500  # curves that are fitted for an interval
_FLAT: Final = 1e-9  # similarities that differ by less differ by rounding
_AT_BOUND: Final = 1e-6

Values = NDArray[np.float64]


def fit(generations: Sequence[float] | Values, similarity: Sequence[float] | Values) -> DecayFit:
    """The decay that fits a curve best.

    Args:
        generations: (n,) at which it was measured.
        similarity: (n,) between -1 and 1.

    Raises:
        InvalidInput: there are fewer than five points, or numbers that are not finite.
    """
    x, y = np.asarray(generations, np.float64), np.asarray(similarity, np.float64)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InvalidInput("A drift rate needs finite similarities. Leave out what is missing.")
    if len(np.unique(x)) < LEAST_POINTS:
        raise InvalidInput(
            f"A drift rate needs at least {LEAST_POINTS} generations that were measured, and there are "
            f"{len(np.unique(x))}. Run longer chains."
        )
    a, b, c = (float(each[0]) for each in _fitted(x, y[None]))
    rest = float(((y - curve((a, b, c), x)) ** 2).sum())
    spread = float(((y - y.mean()) ** 2).sum())
    return DecayFit(
        a=a,
        b=b,
        c=c,
        r2=1 - rest / spread if np.ptp(y) > _FLAT else None,
        half_life=math.log(2) / b if b > 0 else None,
        points=len(x),
        at_bounds=tuple(
            name
            for name, value, bounds in (("a", a, _A), ("b", b, _STARTS[[0, -1]]), ("c", c, _C))
            if min(abs(value - bound) for bound in bounds) < _AT_BOUND
        ),
    )


def curve(parameters: tuple[float, float, float], generations: Sequence[float] | Values) -> Values:
    """(n,) a exp(-b g) + c."""
    a, b, c = parameters
    values: Values = a * np.exp(-b * np.asarray(generations, np.float64)) + c
    return values


def drift_rate(by_direction: Mapping[Direction, Similarities], seed: int = 0) -> DriftRate:
    """Drift rates of all directions, and of the mean of their curves.

    The mean of the curves stands at the mean of the generations that it is the mean of (3/2 where two
    directions have 2 and two have 1), so that its rate is one per generation like all others.

    Args:
        by_direction: similarities to generation 0.
        seed: of the bootstrap over seed items.

    Raises:
        InvalidInput: a direction has fewer than five generations with a sample, or there is none.
    """
    if not by_direction:
        raise InvalidInput("There is no direction to fit a drift rate to. Measure one first.")
    fits: dict[Direction, DecayFit] = {}
    trips: dict[Direction, dict[int, tuple[int, float]]] = {}
    for name, each in by_direction.items():
        there = np.isfinite(each.values)
        sums, some = np.where(there, each.values, 0.0), there.any(axis=0)
        x = np.asarray(each.generations, np.float64)[some]
        y = sums.sum(axis=0)[some] / there.sum(axis=0)[some]
        means = resampled_means(sums[:, some], there[:, some], seed, _RESAMPLES)
        rates = _fitted(x, means[np.isfinite(means).all(axis=1)])[1]
        told = interval(rates) if len(each.ids) > 1 and len(rates) else None
        fits[name] = fit(x, y).model_copy(update={"b_interval": told})
        points = zip(x.astype(int).tolist(), y.tolist(), strict=True)
        trips[name] = {(number + 1) // 2: (number, value) for number, value in points}
    shared = sorted(set.intersection(*(set(own) for own in trips.values())))
    of_trips = np.array([[own[trip] for own in trips.values()] for trip in shared])
    averaged = None
    if len(shared) >= LEAST_POINTS:
        middle = of_trips.mean(axis=1)
        averaged = fit(middle[:, 0], middle[:, 1])
    a, b, c = (float(np.mean([getattr(each, name) for each in fits.values()])) for name in "abc")
    return DriftRate(directions=fits, mean=(a, b, c), averaged=averaged)


def _fitted(x: Values, curves: Values) -> tuple[Values, Values, Values]:
    """a, b and c, each (r,), of r curves (r, n): the least squares within the bounds.

    Where nothing decays a is 0; then any rate would do, and 0 is told.
    """
    many = len(_STARTS)
    tried = _given(x, np.repeat(curves, many, axis=0), np.tile(_STARTS, len(curves)))[0]
    best = tried.reshape(len(curves), many).argmin(axis=1)
    low = _STARTS[np.maximum(best - 1, 0)]
    high = _STARTS[np.minimum(best + 1, many - 1)]
    for _ in range(_HALVINGS):  # golden section: the valley lies between
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        both = _given(x, np.concatenate([curves, curves]), np.concatenate([left, right]))[0]
        lower = both[: len(curves)] <= both[len(curves) :]
        low, high = np.where(lower, low, left), np.where(lower, right, high)
    rate = (low + high) / 2
    loss, a, c = _given(x, curves, rate)
    # a bound of the rate is never met from inside
    for bound in (_STARTS[0], _STARTS[-1]):
        at, its_a, its_c = _given(x, curves, np.full(len(curves), bound))
        better = at <= loss
        loss = np.where(better, at, loss)
        rate, a, c = (
            np.where(better, new, old) for new, old in ((bound, rate), (its_a, a), (its_c, c))
        )
    still = (a <= _AT_BOUND) | (np.ptp(curves, axis=1) <= _FLAT)
    a, rate = np.where(still, 0.0, a), np.where(still, 0.0, rate)
    return a, rate, np.where(still, np.clip(curves.mean(axis=1), *_C), c)


def _given(x: Values, curves: Values, rates: Values) -> tuple[Values, Values, Values]:
    """Sum of squares, a and c, each (r,), of the best a and c for a rate of each curve.

    Inside the bounds it is the line through the points (exp(-b g), S); else it lies on an edge of the
    box, where only one of the two is free.
    """
    fading = np.exp(-rates[:, None] * x)
    middle, level = fading.mean(axis=1), curves.mean(axis=1)
    off, rise = fading - middle[:, None], curves - level[:, None]
    spread = np.maximum((off**2).sum(axis=1), np.finfo(np.float64).tiny)
    a = (off * rise).sum(axis=1) / spread
    c = level - a * middle
    inside = (_A[0] <= a) & (a <= _A[1]) & (_C[0] <= c) & (c <= _C[1])
    candidates = [(np.where(inside, a, 0.0), np.where(inside, c, np.clip(level, *_C)))]
    for bound in _A:
        candidates.append((np.full(len(a), bound), np.clip(level - bound * middle, *_C)))
    for bound in _C:
        alone = (fading * (curves - bound)).sum(axis=1) / (fading**2).sum(axis=1)
        candidates.append((np.clip(alone, *_A), np.full(len(a), bound)))
    losses = np.stack(
        [
            ((one[:, None] * fading + two[:, None] - curves) ** 2).sum(axis=1)
            for one, two in candidates
        ]
    )
    best = losses.argmin(axis=0)
    rows = np.arange(len(best))
    ones, twos = (np.stack(side) for side in zip(*candidates, strict=True))
    return losses[best, rows], ones[best, rows], twos[best, rows]
