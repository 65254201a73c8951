"""What each kind of evaluation does. A kind is a module of this package with one function.

    measure(work: Work, request: <its request>) -> <its report>

The request and the report are schemas; modules are imported when an evaluation of the kind is
carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, NamedTuple

from backend.errors import NotFound
from backend.reporting import Report
from backend.runs.evaluations.opened import OpenedRun, open_run
from backend.runs.store import Store
from backend.schemas import (
    AssessmentReport,
    AssessmentRequest,
    CompositionalReport,
    CompositionalRequest,
    CounterfactualReport,
    CounterfactualRequest,
    EvaluationKind,
    Frozen,
    GameReport,
    GameRequest,
    GapReport,
    GapRequest,
    LayoutReport,
    LayoutRequest,
    SimilarityRequest,
    SimilarityResult,
    StressReport,
    StressRequest,
    ZeroShotReport,
    ZeroShotRequest,
)
from backend.settings import Settings


@dataclass(frozen=True)
class Work:
    """What a kind is given.

    Attributes:
        settings: where everything lies.
        store: of the runs.
        run_id: whose run; None for encoders by themselves.
        stage: gives the report of a stage, by its name for a person: ``stage("Encode images")``.
        evaluation: its id, by which a kind that keeps files finds them again in the next attempt.
    """

    settings: Settings
    store: Store
    run_id: str | None
    stage: Callable[[str], Report]
    evaluation: str = ""

    def open(self) -> OpenedRun:
        """The run.

        Raises:
            NotFound: it is gone, or has no heads.
        """
        return open_run(self.settings, self.store, self.run_id)


class Kind(NamedTuple):
    """Where a kind lives, and what goes in and comes out."""

    module: str
    request: type[Frozen]
    report: type[Frozen]

    def measure(self, work: Work, request: dict[str, Any]) -> Frozen:
        """Carries one out."""
        measured: Frozen = import_module(self.module).measure(
            work, self.request.model_validate(request)
        )
        return measured


_HERE: Final = "backend.runs.evaluations"

KINDS: Final[dict[EvaluationKind, Kind]] = {
    "zero-shot": Kind(f"{_HERE}.zero_shot", ZeroShotRequest, ZeroShotReport),
    "compositional": Kind(f"{_HERE}.compositional", CompositionalRequest, CompositionalReport),
    "similarity": Kind(f"{_HERE}.similarity", SimilarityRequest, SimilarityResult),
    "gap": Kind(f"{_HERE}.gap", GapRequest, GapReport),
    "counterfactual": Kind(f"{_HERE}.counterfactual", CounterfactualRequest, CounterfactualReport),
    "assessment": Kind(f"{_HERE}.assessment", AssessmentRequest, AssessmentReport),
    "layout": Kind(f"{_HERE}.layout", LayoutRequest, LayoutReport),
    "drift": Kind(f"{_HERE}.drift", GameRequest, GameReport),
    "stress": Kind(f"{_HERE}.stress", StressRequest, StressReport),
}


def kind_of(name: str) -> Kind:
    """A kind by its name.

    Raises:
        NotFound: there is none.
    """
    found = {str(key): kind for key, kind in KINDS.items()}.get(name)
    if found is None:
        raise NotFound(f"There is no kind of evaluation {name!r}; there are {', '.join(KINDS)}.")
    return found
