"""How long each attribute of a scene is kept, over many chains.

    kept      mean share that is as at generation 0
    intact    share of seed items that have lost nothing of the attribute up to this generation, by Kaplan
              and Meier 1958: of those still whole and seen at generation g, the share that is lost there;
              the product of what is left. An item whose sample is missing counts as long as it is seen

An attribute may come back (a caption that is silent about texture, then a picture that has it again); then
``kept`` rises and ``intact`` does not. Intervals resample seed items with their whole chains; where all
have kept it, or none, they are Wilson's.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.drift.scores.scenes import ATTRIBUTES, AttributeTable
from backend.evaluation.enrichment import with_width
from backend.evaluation.resampling import interval, resampled_means
from backend.schemas.drift_scores import Attribute, AttributePoint, AttributeSurvival, Estimate

_WHOLE: Final = 1 - 1e-9

Values = NDArray[np.float64]


def first_losses(table: AttributeTable) -> Values:
    """(n, 6) generation at which some of an attribute is lost first; not a number where it never is."""
    first = np.full((len(table.ids), len(ATTRIBUTES)), np.nan)
    for column in reversed(range(len(table.generations))):
        # what is not a number is not less
        first[table.kept[:, column] < _WHOLE] = table.generations[column]
    return first


def survival(table: AttributeTable, seed: int = 0) -> tuple[AttributeSurvival, ...]:
    """Every attribute that some seed item has, in the order of ``ATTRIBUTES``.

    Args:
        seed: of the bootstrap.
    """
    has = np.isfinite(table.kept).sum(axis=1) > 0
    return tuple(
        _of(table, place, name, has[:, place], seed)
        for place, name in enumerate(ATTRIBUTES)
        if has[:, place].any()
    )


def _of(
    table: AttributeTable, place: int, name: Attribute, has: NDArray[np.bool_], seed: int
) -> AttributeSurvival:
    kept, changed = table.kept[has][:, :, place], table.changed[has][:, :, place]
    seen = np.isfinite(kept)
    lost = np.where(seen, kept, 1.0) < _WHOLE
    earlier = np.greater(np.cumsum(lost, axis=1), lost)
    risk, loss = seen & ~earlier, lost & ~earlier
    hazards = resampled_means(loss.astype(np.float64), risk, seed)
    intact = _left(loss.sum(axis=0) / np.maximum(risk.sum(axis=0), 1.0))
    left = _left(hazards)
    tables = [
        (np.where(seen, values, 0.0), resampled_means(np.where(seen, values, 0.0), seen, seed))
        for values in (kept, changed)
    ]
    points = []
    for column, generation in enumerate(table.generations):
        count, whole = int(seen[:, column].sum()), int(risk[:, column].sum())
        told = [
            _estimate(float(values[:, column].sum()) / count, means[:, column], count)
            if count
            else None
            for values, means in tables
        ]
        points.append(
            AttributePoint(
                generation=generation,
                kept=told[0],
                changed=told[1],
                intact=_estimate(float(intact[column]), left[:, column], len(kept))
                if whole or intact[column] == 0
                else None,
            )
        )
    half = [each.generation for each, at in zip(points, intact, strict=True) if at <= 0.5]
    return AttributeSurvival(
        attribute=name,
        items=len(kept),
        points=tuple(points),
        median_loss=half[0] if half else None,
    )


def _left(hazards: Values) -> Values:
    """Shares left, along the last axis; where none is at risk, and a hazard is no number, none is lost."""
    return np.asarray(np.cumprod(1 - np.nan_to_num(hazards), axis=-1), np.float64)


def _estimate(value: float, means: Values, count: int) -> Estimate:
    bounds = with_width(interval(means), min(1.0, max(0.0, value)), count)
    return Estimate(value=value, interval=bounds if count > 1 else None, count=count)
