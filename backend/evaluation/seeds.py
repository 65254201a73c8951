"""What several seeds tell together: the mean, and how far it can be trusted.

The interval is Student's t of the mean over seeds. It says how the result varies with the draws that a
seed decides (training items, initial weights, batches), not with the test items; of those the bootstrap
interval of one seed tells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from backend.schemas import AcrossSeeds, DirectionSpread, RetrievalReport, Spread

LEVEL: Final = 0.95


def spread(values: Sequence[float], level: float = LEVEL) -> Spread:
    """Mean and interval of at least two values.

    Args:
        values: one a seed.
        level: how often such an interval holds the true mean.

    Raises:
        ValueError: fewer than two values, of which no spread can be told.
    """
    from scipy.stats import t

    count = len(values)
    if count < 2:
        raise ValueError(f"{count} values have no spread; at least 2 are needed")
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    half = float(t.ppf((1 + level) / 2, count - 1)) * math.sqrt(variance / count)
    return Spread(values=tuple(values), mean=mean, interval=(mean - half, mean + half))


def recalls(report: RetrievalReport) -> dict[str, float]:
    """The recalls of a report, named as :func:`backend.evaluation.retrieval.mean_recall` does."""
    return {
        f"{way}/recall_at_{k}": getattr(getattr(report, way), f"recall_at_{k}")
        for way in ("image_to_text", "text_to_image")
        for k in (1, 5, 10)
    }


def across_seeds(by_seed: Mapping[int, Mapping[str, float]]) -> AcrossSeeds:
    """Recalls of one split over seeds.

    Args:
        by_seed: what :func:`recalls` or :func:`backend.evaluation.retrieval.mean_recall` gives.
    """

    def direction(way: str) -> DirectionSpread:
        return DirectionSpread(
            **{
                f"recall_at_{k}": spread([own[f"{way}/recall_at_{k}"] for own in by_seed.values()])
                for k in (1, 5, 10)
            }
        )

    return AcrossSeeds(
        seeds=tuple(by_seed),
        image_to_text=direction("image_to_text"),
        text_to_image=direction("text_to_image"),
    )
