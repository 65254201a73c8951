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
    seen, risk, loss = _losses(kept)
    kept, changed = (np.where(seen, values, 0.0) for values in (kept, changed))
    # all by the same draws: a column of each for every generation
    drawn = resampled_means(
        np.concatenate([loss, kept, changed], axis=1, dtype=np.float64),
        np.concatenate([risk, seen, seen], axis=1),
        seed,
    )
    hazards, of_kept, of_changed = np.split(drawn, 3, axis=1)
    intact, of_intact = _left(loss.sum(axis=0) / np.maximum(risk.sum(axis=0), 1.0)), _left(hazards)
    counts, at_risk = seen.sum(axis=0), risk.sum(axis=0)
    points = tuple(
        AttributePoint(
            generation=generation,
            kept=_mean(kept[:, at], of_kept[:, at], int(counts[at])),
            changed=_mean(changed[:, at], of_changed[:, at], int(counts[at])),
            intact=_estimate(float(intact[at]), of_intact[:, at], len(kept))
            if at_risk[at] or intact[at] == 0
            else None,
        )
        for at, generation in enumerate(table.generations)
    )
    half = [each.generation for each, at in zip(points, intact, strict=True) if at <= 0.5]
    return AttributeSurvival(
        attribute=name,
        items=len(kept),
        points=points,
        median_loss=half[0] if half else None,
    )


def _losses(kept: Values) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """(n, g) what is seen; of that, where nothing was lost before; of that, where something is lost."""
    seen = np.isfinite(kept)
    lost = np.where(seen, kept, 1.0) < _WHOLE
    earlier = np.greater(np.cumsum(lost, axis=1), lost)
    return seen, seen & ~earlier, lost & ~earlier


def _left(hazards: Values) -> Values:
    """Shares left, along the last axis; where none is at risk, and a hazard is no number, none is lost."""
    return np.asarray(np.cumprod(1 - np.nan_to_num(hazards), axis=-1), np.float64)


def _mean(values: Values, means: Values, count: int) -> Estimate | None:
    """Mean of ``count`` shares, the missing ones being 0; None where all are missing."""
    return _estimate(float(values.sum()) / count, means, count) if count else None


def _estimate(value: float, means: Values, count: int) -> Estimate:
    bounds = with_width(interval(means), min(1.0, max(0.0, value)), count)
    return Estimate(value=value, interval=bounds if count > 1 else None, count=count)
