"""A recall as it is shown: the mean over seeds where a run has several, else the one number."""

from __future__ import annotations

from dataclasses import dataclass

from backend.schemas import RetrievalReport
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
    chance: float = getattr(getattr(report, direction), f"chance_at_{k}")
    found = report.recall(direction, k)
    low, high = found.shares
    half = (found.interval[1] - found.interval[0]) / 2
    return Measured(found.value, low, high, chance, half, found.each)


def short(found: Measured) -> str:
    """``41.2 % ±1.3``."""
    return f"{words.percent(found.value)} ±{100 * found.half:.1f}"
