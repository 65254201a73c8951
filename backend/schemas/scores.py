"""Retrieval scores of a split, and their spread over seeds."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import Field

from backend.schemas.base import Frozen
from backend.schemas.geometry import GeometryReport


class RetrievalScores(Frozen):
    """One direction. Recalls are fractions; intervals are 95 % bootstrap intervals over images."""

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float
    chance_at_1: float
    chance_at_5: float
    chance_at_10: float
    interval_at_1: tuple[float, float]
    interval_at_5: tuple[float, float]
    interval_at_10: tuple[float, float]
    mean_reciprocal_rank: float | None = Field(
        None, description="None in runs of before it was kept"
    )
    interval_of_reciprocal_rank: tuple[float, float] | None = None


class Spread(Frozen):
    """One number measured with several seeds; the interval is Student's t, 95 %, of the mean."""

    values: tuple[float, ...] = Field(description="one a seed, in the order of the seeds")
    mean: float
    interval: tuple[float, float]


class DirectionSpread(Frozen):
    """Recalls of one direction over seeds."""

    recall_at_1: Spread
    recall_at_5: Spread
    recall_at_10: Spread


class AcrossSeeds(Frozen):
    """A report's recalls over all seeds of a run."""

    seeds: tuple[int, ...]
    image_to_text: DirectionSpread
    text_to_image: DirectionSpread


class Estimate(NamedTuple):
    """A recall as it is reported.

    Attributes:
        value: the mean over seeds where there are several, else the one number.
        interval: 95 %: Student's t of that mean, which of few seeds may reach beyond what a share can
            be; else the bootstrap over items.
        each: every seed's own, where there are several.
    """

    value: float
    interval: tuple[float, float]
    each: tuple[float, ...] = ()

    @property
    def shares(self) -> tuple[float, float]:
        """The interval, as far as a share can be."""
        low, high = (min(1.0, max(0.0, bound)) for bound in self.interval)
        return low, high


class RetrievalReport(Frozen):
    """Both directions on one split. The scores are those of the first seed, whose heads are explored."""

    split: str
    images: int
    captions: int
    image_to_text: RetrievalScores
    text_to_image: RetrievalScores
    across_seeds: AcrossSeeds | None = Field(None, description="where the run has several")
    geometry: GeometryReport | None = Field(None, description="of the test split, first seed")

    def recall(self, way: str, k: int) -> Estimate:
        """R@k of a direction, ``text_to_image`` or ``image_to_text``; k is 1, 5 or 10."""
        if self.across_seeds is not None:
            spread: Spread = getattr(getattr(self.across_seeds, way), f"recall_at_{k}")
            return Estimate(spread.mean, spread.interval, spread.values)
        scores = getattr(self, way)
        return Estimate(getattr(scores, f"recall_at_{k}"), getattr(scores, f"interval_at_{k}"))
