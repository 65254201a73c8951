"""Shares of seeds that are sent elsewhere, by the size of the change, and two runs held against each other.

A seed counts at epsilon if it was sent elsewhere by a change of epsilon or less; of random directions the
share of them counts. So a curve never falls, and where a larger change happens to lead back, the smaller
one counts still. Intervals resample images, each with its seeds; of two runs the same draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.enrichment import with_width
from backend.evaluation.resampling import difference, interval, resampled_means
from backend.schemas import Side
from backend.schemas.comparing import PairedDifference
from backend.schemas.drift_scores import Estimate
from backend.schemas.stress import (
    StressAttack,
    StressComparison,
    StressCurve,
    StressCurves,
    StressFlip,
    StressPoint,
    StressReport,
    StressSeed,
    StressSpace,
    SwapKind,
)

#: the points of the curves: lengths of a change to a unit vector, and steps of 1/255
EPSILONS: Final[dict[StressSpace, tuple[float, ...]]] = {
    "embedding": tuple(round(0.01 * 10 ** (step / 8), 6) for step in range(25)),
    "pixels": tuple(round(0.125 * 2 ** (step / 2), 6) for step in range(17)),
}
#: relative; a size that was found is right to this
_ROUNDING: Final = 1e-6

Values = NDArray[np.float64]
Named = tuple[StressSpace, Side, StressAttack]


def curves(seeds: Sequence[StressSeed], seed: int = 0) -> tuple[StressCurve, ...]:
    """A curve of every attack on the seeds of each side.

    Args:
        seed: of the bootstrap.
    """
    return tuple(
        _curve(name, [own for own, _ in each], [flip for _, flip in each], seed)
        for name, each in _by_attack(seeds).items()
    )


def compare(first: StressReport, second: StressReport, seed: int = 0) -> StressComparison:
    """How much more often the second run's chains are sent elsewhere, on the seeds of both.

    Args:
        seed: of the bootstrap.

    Raises:
        InvalidInput: they have no seed in common.
    """
    both = {each.item for each in first.seeds} & {each.item for each in second.seeds}
    if not both:
        raise InvalidInput(
            "These two stress tests have no seed in common. Start them together, for both runs at once."
        )
    pairs = [
        sorted((each for each in report.seeds if each.item in both), key=lambda each: each.item)
        for report in (first, second)
    ]
    one, other = (_by_attack(seeds) for seeds in pairs)
    found = []
    for name in (name for name in one if name in other):
        there = {seed.item for seed, _ in one[name]} & {seed.item for seed, _ in other[name]}
        sides = [
            [(own, flip) for own, flip in each[name] if own.item in there] for each in (one, other)
        ]
        if there:
            found.append(_held_against(name, sides[0], sides[1], seed))
    words: dict[SwapKind, PairedDifference] = {}
    kinds: tuple[SwapKind, ...] = ("synonym", "meaning")
    for kind in kinds:
        told = [
            (before.image, after.swapped[kind] - before.swapped[kind])
            for before, after in zip(*pairs, strict=True)
            if kind in before.swapped and kind in after.swapped
        ]
        if told:
            gained = np.array([[value] for _, value in told])
            means = _resampled(gained, [image for image, _ in told], seed)
            words[kind] = difference(float(gained.mean()), means[:, 0])
    return StressComparison(items=len(both), curves=tuple(found), words=words)


def estimate(values: Sequence[float], images: Sequence[str], seed: int = 0) -> Estimate:
    """The mean of shares, each of a seed of an image.

    Args:
        seed: of the bootstrap.
    """
    table = np.array(values, np.float64)[:, None]
    return _estimate(table[:, 0], _resampled(table, images, seed)[:, 0], images)


def shares(flips: Iterable[StressFlip], epsilons: Sequence[float]) -> Values:
    """(n, e) the share of each seed's changes that send it elsewhere, of epsilon or less."""
    at = np.asarray(epsilons) * (1 + _ROUNDING)
    rows = [
        np.mean([[np.inf if size is None else size] <= at for size in flip.epsilons], axis=0)
        for flip in flips
    ]
    return np.array(rows, np.float64).reshape(len(rows), len(at))


def _by_attack(
    seeds: Sequence[StressSeed],
) -> Mapping[Named, list[tuple[StressSeed, StressFlip]]]:
    found: dict[Named, list[tuple[StressSeed, StressFlip]]] = {}
    for seed in seeds:
        for flip in seed.flips:
            found.setdefault((flip.space, seed.side, flip.attack), []).append((seed, flip))
    return found


def _curve(
    name: Named, seeds: Sequence[StressSeed], flips: Sequence[StressFlip], seed: int
) -> StressCurve:
    space, side, attack = name
    epsilons = EPSILONS[space]
    table, images = shares(flips, epsilons), [each.image for each in seeds]
    means = _resampled(table, images, seed)
    points = []
    for column, epsilon in enumerate(epsilons):
        told = _estimate(table[:, column], means[:, column], images)
        points.append(StressPoint(epsilon=epsilon, share=told.value, interval=told.interval))
    sizes = [np.inf if size is None else size for flip in flips for size in flip.epsilons]
    middle = float(np.quantile(sizes, 0.5, method="higher"))
    return StressCurve(
        space=space,
        side=side,
        attack=attack,
        seeds=len(seeds),
        points=tuple(points),
        mean_share=_estimate(table.mean(axis=1), means.mean(axis=1), images),
        median=middle if np.isfinite(middle) else None,
    )


def _held_against(
    name: Named,
    first: Sequence[tuple[StressSeed, StressFlip]],
    second: Sequence[tuple[StressSeed, StressFlip]],
    seed: int,
) -> StressCurves:
    """One attack on the same seeds in the same order."""
    space, side, attack = name
    one, other = (shares((flip for _, flip in each), EPSILONS[space]) for each in (first, second))
    gained = other - one
    means = _resampled(gained, [each.image for each, _ in first], seed)
    before, after = (
        _curve(name, [own for own, _ in each], [flip for _, flip in each], seed)
        for each in (first, second)
    )
    return StressCurves(
        space=space,
        side=side,
        attack=attack,
        first=before,
        second=after,
        differences=tuple(
            difference(float(gained[:, column].mean()), means[:, column])
            for column in range(gained.shape[1])
        ),
        mean_share=difference(float(gained.mean()), means.mean(axis=1)),
    )


def _resampled(table: Values, images: Sequence[str], seed: int) -> Values:
    """(resamples, columns) means of resampled images with their seeds."""
    _, owner = np.unique(np.array(images), return_inverse=True)
    sums = np.stack([np.bincount(owner, column) for column in table.T], axis=1).astype(np.float64)
    counts = np.repeat(np.bincount(owner)[:, None], table.shape[1], axis=1)
    return resampled_means(sums, counts, seed)


def _estimate(values: Values, means: Values, images: Sequence[str]) -> Estimate:
    value, count = float(values.mean()), len(set(images))
    bounds = with_width(interval(means), min(1.0, value), count)
    return Estimate(value=value, interval=bounds if count > 1 else None, count=count)
