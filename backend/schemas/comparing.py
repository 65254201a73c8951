"""Two runs held against each other on the same test items."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Frozen


class PairedDifference(Frozen):
    """How much better a run is than its baseline in one measure, query by query."""

    difference: float
    interval: tuple[float, float] = Field(description="95 %, paired bootstrap over images")
    p: float = Field(description="two-sided, that there is no difference")


class PairedComparison(Frozen):
    """A run against a baseline. Both with the heads of their first seed."""

    baseline: str
    run: str
    images: int
    captions: int
    differences: dict[str, PairedDifference] = Field(
        description="by direction and measure: text_to_image/recall_at_1, .../reciprocal_rank; empty "
        "where the runs were tested on different items"
    )
