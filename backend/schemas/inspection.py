"""Looking at a data set in full."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.schemas.base import Frozen
from backend.schemas.catalog import DatasetReport
from backend.schemas.runs import Progress


class InspectionState(Frozen):
    """How far looking at a data set in full is, and what came of it."""

    dataset: str
    state: Literal["running", "finished", "failed", "cancelled"]
    progress: Progress | None = None
    report: DatasetReport | None = None
    error: str | None = Field(None, description="a sentence; faults below it, one a line")
