"""Curves of similarity over generations, mean cumulative drift, and two runs held against each other.

    S_dir(g)   mean over samples of cos(x_g, x_0); text to text and image to image have even generations
               from 2, the directions that cross have odd ones from 1
    MCD_dir    mean of S_dir over its generations; MCD  mean of the directions (Mollah et al. 2025)

MCD is a similarity, whatever its name says: HIGHER means less drift. Samples that are missing are left
out of the mean of their generation, and how many they are is told.

Intervals resample seed items with their whole chains, the same draw for all directions, so that the mean
of directions has one, too. Two runs or operators on the same seed items are compared by the differences
of their chains, cell by cell: what is hard for both cancels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.drift.scores.similarity import Similarities
from backend.errors import Fault, InvalidInput
from backend.evaluation.resampling import difference, interval, resampled_means
from backend.schemas.comparing import PairedDifference
from backend.schemas.drift_scores import (
    CurvePoint,
    Direction,
    DriftComparison,
    DriftScores,
    Estimate,
    MeanCumulativeDrift,
    SimilarityCurve,
)

#: the remainder by 2 of a direction's generations
PARITY: Final[dict[Direction, int]] = {
    "text_to_text": 0,
    "text_to_image": 1,
    "image_to_image": 0,
    "image_to_text": 1,
}
MEASURE: Final = "mean_cumulative_drift"

Values = NDArray[np.float64]


def generations_of(direction: Direction, last: int = 20) -> range:
    """The generations that a direction holds against generation 0."""
    return range(2 - PARITY[direction], last + 1, 2)


def curve(similarities: Similarities, seed: int = 0) -> SimilarityCurve:
    """One curve with intervals: similarity to the start, step to step, or of two chains.

    Args:
        similarities: of n seed items at g generations.
        seed: of the bootstrap.
    """
    values = similarities.values
    return _curve(similarities, values, _resampled(values, seed))


def drift_scores(by_direction: Mapping[Direction, Similarities], seed: int = 0) -> DriftScores:
    """Curves of all directions, and mean cumulative drift.

    Args:
        by_direction: similarities to generation 0. Directions may be of different seed items; those of
            the same id are drawn together.
        seed: of the bootstrap.

    Raises:
        InvalidInput: there is no direction, a direction has generations of the other modality, or
            nothing but missing samples.
    """
    _check(by_direction)
    ids = sorted({item for each in by_direction.values() for item in each.ids})
    tables = {name: _table(each, ids) for name, each in by_direction.items()}
    means = _resampled(np.concatenate(list(tables.values()), axis=1), seed)
    curves: dict[Direction, SimilarityCurve] = {}
    cumulative: list[Values] = []
    at = 0
    for name, each in by_direction.items():
        own = means[:, at : (at := at + len(each.generations))]
        curves[name] = _curve(each, tables[name], own)
        cumulative.append(_mean(own))
    of_each = {name: each.mean_similarity for name, each in curves.items()}
    estimates = {name: each for name, each in of_each.items() if each is not None}
    together = _estimate(
        float(np.mean([each.value for each in estimates.values()])),
        _mean(np.stack(cumulative, axis=1)),
        len(ids),
    )
    return DriftScores(
        curves=curves,
        mean_cumulative_drift=MeanCumulativeDrift(directions=estimates, similarity=together),
    )


def compare(
    before: Mapping[Direction, Similarities],
    after: Mapping[Direction, Similarities],
    seed: int = 0,
) -> DriftComparison:
    """How much less the second drifts, on the seed items, directions and generations of both.

    Only samples that both have are counted.

    Args:
        before, after: similarities to generation 0, of two runs or operators.
        seed: of the bootstrap.

    Raises:
        InvalidInput: they have no direction, no generation or no seed item in common.
    """
    _check(before)
    _check(after)
    shared = [name for name in before if name in after]
    columns: list[tuple[Direction, int]] = []
    gained: list[Values] = []
    ids = sorted({item for name in shared for item in set(before[name].ids) & set(after[name].ids)})
    for name in shared:
        one, other = before[name], after[name]
        generations = [each for each in one.generations if each in other.generations]
        tables = [
            _table(each, ids)[:, [each.generations.index(number) for number in generations]]
            for each in (one, other)
        ]
        columns += [(name, number) for number in generations]
        gained.append(tables[1] - tables[0])
    table = np.concatenate(gained, axis=1) if gained else np.empty((0, 0))
    if not np.isfinite(table).any():
        raise InvalidInput(
            "These two have no sample in common. Compare chains of the same seed items, in the same "
            "direction."
        )
    return DriftComparison(
        items=int(np.isfinite(table).any(axis=1).sum()),
        differences=_differences(table, columns, _resampled(table, seed)),
    )


def _differences(
    table: Values, columns: list[tuple[Direction, int]], means: Values
) -> dict[str, PairedDifference]:
    """Of each column, of each direction's mean over its columns, and of the mean of the directions."""
    observed = _column_means(table)
    found: dict[str, PairedDifference] = {}
    totals: list[float] = []
    resampled: list[Values] = []
    for name in dict.fromkeys(name for name, _ in columns):
        own = [
            place
            for place, (direction, _) in enumerate(columns)
            if direction == name and np.isfinite(observed[place])
        ]
        if not own:
            continue
        for place in own:
            key = f"{name}/generation_{columns[place][1]}"
            found[key] = difference(float(observed[place]), means[:, place])
        totals.append(float(observed[own].mean()))
        resampled.append(_mean(means[:, own]))
        found[f"{name}/{MEASURE}"] = difference(totals[-1], resampled[-1])
    overall = difference(float(np.mean(totals)), _mean(np.stack(resampled, axis=1)))
    return {MEASURE: overall, **found}


def _check(by_direction: Mapping[Direction, Similarities]) -> None:
    faults = [
        Fault(name, f"has generation {number}, which is of the other modality")
        for name, each in by_direction.items()
        for number in each.generations
        if number < 1 or number % 2 != PARITY[name]
    ]
    faults += [
        Fault(name, "has no sample")
        for name, each in by_direction.items()
        if not np.isfinite(each.values).any()
    ]
    if faults or not by_direction:
        raise InvalidInput("These similarities cannot be scored. Give other generations.", faults)


def _table(similarities: Similarities, ids: list[str]) -> Values:
    """(ids, g) the values of these seed items; of others they are missing."""
    place = {item: row for row, item in enumerate(ids)}
    table = np.full((len(ids), len(similarities.generations)), np.nan)
    there = [row for row, item in enumerate(similarities.ids) if item in place]
    table[[place[similarities.ids[row]] for row in there]] = similarities.values[there]
    return table


def _curve(similarities: Similarities, values: Values, means: Values) -> SimilarityCurve:
    there = np.isfinite(values)
    observed = _column_means(values)
    n = len(similarities.ids)
    points = []
    for column, generation in enumerate(similarities.generations):
        count = int(there[:, column].sum())
        estimate = _estimate(float(observed[column]), means[:, column], count) if count else None
        points.append(CurvePoint(generation=generation, similarity=estimate, missing=n - count))
    overall = None
    if there.any():
        count = int(there.any(axis=1).sum())
        overall = _estimate(float(_mean(observed[None])[0]), _mean(means), count)
    return SimilarityCurve(points=tuple(points), mean_similarity=overall)


def _estimate(value: float, means: Values, count: int) -> Estimate:
    return Estimate(value=value, interval=interval(means) if count > 1 else None, count=count)


def _resampled(values: Values, seed: int) -> Values:
    """(resamples, g) means of resampled seed items."""
    there = np.isfinite(values)
    return resampled_means(np.where(there, values, 0.0), there, seed)


def _column_means(values: Values) -> Values:
    """(g,) means of what is there; not a number where nothing is."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    with np.errstate(invalid="ignore"):
        means: Values = np.where(there, values, 0.0).sum(axis=0) / count
    return means


def _mean(rows: Values) -> Values:
    """(r,) mean of each row's numbers; not a number where it has none."""
    return _column_means(rows.T)
