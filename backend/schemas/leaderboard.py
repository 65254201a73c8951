"""All runs beside each other, over everything they were measured by."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.schemas.base import Frozen, Modality

#: what a score's settings differ in
Varied = Literal["seed", "prompt"]


class HitRatio(Frozen):
    """How often something is among the K best. No interval: the measures are no sample of others."""

    ratio: float = Field(
        description="mean over measures; equal ones share the places in expectation"
    )
    chance: float = Field(description="the same, were all equally good")
    measures: int = Field(description="it is a mean over")


class LeaderboardCell(Frozen):
    """One run's score by one measure."""

    value: float
    interval: tuple[float, float] | None = Field(description="95 %, as the run reported it")
    gain: float | None = Field(
        description="percent above the mean of all runs; None where the measure does not count"
    )
    deviation: float | None = Field(
        description="standard deviation (n - 1) over settings; None below two"
    )
    settings: int = Field(description="seeds or prompts it was measured with; 0 where not told")
    varied: Varied = Field(description="which of the two")
    best: bool = Field(description="no run is better, and at least two were measured")
    within_best: bool = Field(
        description="not the best, but in the best one's 95 % interval, where both are over seeds or "
        "both over test items; says nothing of significance"
    )


class LeaderboardRow(Frozen):
    """One run over all measures."""

    run: str
    name: str
    cells: dict[str, LeaderboardCell] = Field(description="by measure; without what it has not")
    gain: float | None = Field(
        description="mean relative gain, percent; None where no measure counts"
    )
    gain_measures: int = Field(description="the gain is a mean over")
    stability: float | None = Field(
        description="mean standard deviation over settings; lower is steadier"
    )
    stability_measures: int = Field(description="the stability is a mean over")
    hit_ratios: dict[int, HitRatio] = Field(
        description="by K: how often it is among the K best runs; without K where runs are too few"
    )
    prompts: dict[str, dict[int, HitRatio]] = Field(
        description="by prompt and K: how often it is among the K best prompts of this run"
    )


class LeaderboardMeasure(Frozen):
    """What a measure is of."""

    dataset: str = Field(description="address of what was tested on")
    part: str = Field(description="which of its items, and by which prompts, in words; or empty")
    metric: str = Field(
        description="text_to_image/recall_at_1, zero-shot/top_1, compositional/itt, ..."
    )
    count: int = Field(description="items, or examples of a benchmark")
    chance: float
    modality: Modality = "image"


class Leaderboard(Frozen):
    """Rows by mean relative gain, the highest first; those without one last."""

    measures: tuple[str, ...] = Field(description="in the order first met")
    left_out: dict[str, str] = Field(
        description="measures that count for no mean relative gain, each with the reason"
    )
    rows: tuple[LeaderboardRow, ...]
    about: dict[str, LeaderboardMeasure] = Field(
        default_factory=dict, description="what is known of each measure, where runs were ranked"
    )
