"""A recall as it is shown: the mean over seeds where a run has several, else the one number."""

from __future__ import annotations

from dataclasses import dataclass

from backend.schemas import DirectionSpread, RetrievalReport, RetrievalScores, Spread
from ui import words


@dataclass(frozen=True)
class Measured:
    """R@k of one direction, as fractions.

    Attributes:
        value: the mean over seeds, or the only seed's.
        low, high: 95 %: Student's t of the mean over seeds, or the bootstrap over items of one seed; as
            far as a share can be.
        half: half the interval's width, before it was cut to what a share can be.
        chance: what guessing gives.
        each: every seed's own, where there are several.
    """

    value: float
    low: float
    high: float
    chance: float
    half: float
    each: tuple[float, ...] = ()

    def tip(self) -> str:
        """The interval in words, and each seed's value."""
        range_ = f"{100 * self.low:.1f} to {100 * self.high:.1f} %"
        if not self.each:
            return f"95 % bootstrap interval {range_}"
        seeds = ", ".join(f"{100 * value:.1f}" for value in self.each)
        return f"mean of {len(self.each)} seeds, 95 % interval {range_}; each seed: {seeds}"


def measured(report: RetrievalReport, direction: str, k: int = 1) -> Measured:
    """One recall of a report.

    Args:
        report: of a split.
        direction: ``text_to_image`` or ``image_to_text``.
        k: 1, 5 or 10.
    """
    scores: RetrievalScores = getattr(report, direction)
    chance: float = getattr(scores, f"chance_at_{k}")
    spread = spread_of(report, direction, k)
    if spread is not None:
        # an interval of few seeds may reach beyond what a share can be
        low, high = (min(1.0, max(0.0, bound)) for bound in spread.interval)
        half = (spread.interval[1] - spread.interval[0]) / 2
        return Measured(spread.mean, low, high, chance, half, spread.values)
    low, high = getattr(scores, f"interval_at_{k}")
    return Measured(getattr(scores, f"recall_at_{k}"), low, high, chance, (high - low) / 2)


def spread_of(report: RetrievalReport, direction: str, k: int) -> Spread | None:
    """The same over seeds; None where there is one seed."""
    if report.across_seeds is None or len(report.across_seeds.seeds) < 2:
        return None
    both: DirectionSpread = getattr(report.across_seeds, direction)
    found: Spread = getattr(both, f"recall_at_{k}")
    return found


def short(found: Measured) -> str:
    """``41.2 % ±1.3``."""
    return f"{words.percent(found.value)} ±{100 * found.half:.1f}"
