"""A layout of a run's gallery, which its map shows."""

from __future__ import annotations

from backend.runs.evaluations.kinds import Work
from backend.runs.layouts import RunLayouts
from backend.schemas import LayoutReport, LayoutRequest


def measure(work: Work, request: LayoutRequest) -> LayoutReport:
    """Lays the gallery out, unless it is there; the coordinates lie beside the run's index.

    Raises:
        InvalidInput: the method is not installed, or the other run has no item in common with this one.
        NotFound: the run is gone or has no index.
    """
    return (
        RunLayouts(work.settings, work.store, work.run_id or "")
        .make(request, work.stage)
        .card.report
    )
