"""The modality-gap slider's numbers: the offset of the validation split, taken away from the test split."""

from __future__ import annotations

from backend.reporting import Report
from backend.runs.evaluations.kinds import Work
from backend.runs.evaluations.opened import OpenedRun
from backend.schemas import GapReport, GapRequest


def measure(work: Work, request: GapRequest) -> GapReport:
    """The test split with 0 to 100 % of the offset taken away."""
    opened = work.open()
    reading = work.stage("Read both splits")
    return curve(opened, request, reading, work.stage("Take the offset away"))


def curve(opened: OpenedRun, request: GapRequest, reading: Report, moving: Report) -> GapReport:
    """The same of a run that is open already."""
    from backend.evaluation.gap import gap_curve, offset

    image, text, _ = opened.embedded("val", reading)
    return gap_curve(
        *opened.embedded("test", reading), offset(image, text), seed=request.seed, report=moving
    )
