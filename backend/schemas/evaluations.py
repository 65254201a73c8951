"""Evaluations beyond a run's own retrieval scores: each is asked for, carried out as a job, and kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from backend.schemas.base import LIVE, RESUMABLE, Frozen, Status
from backend.schemas.runs import Progress
from backend.schemas.similarity import LayerMeasure, LayerSimilarity, SimilarityReport

EvaluationKind = Literal[
    "zero-shot",
    "compositional",
    "similarity",
    "gap",
    "counterfactual",
    "assessment",
    "layout",
    "drift",
    "stress",
]


class EvaluationSummary(Frozen):
    """One evaluation without its result.

    The request, and the result where there is one, are schemas of its kind as JSON.
    """

    id: str
    kind: EvaluationKind
    run: str | None = Field(description="the run that is evaluated; None: encoders by themselves")
    run_name: str = ""
    status: Status
    created_at: datetime
    finished_at: datetime | None = None
    progress: Progress | None = None
    error: str | None = None
    request: dict[str, Any]
    with_run: bool = Field(False, description="made by the run's own step, not asked for")

    @property
    def resumable(self) -> bool:
        """Whether Resume goes on with what is stored."""
        return self.status in RESUMABLE

    @property
    def live(self) -> bool:
        """Whether something is still going to happen."""
        return self.status in LIVE


class Evaluation(EvaluationSummary):
    """One evaluation with what came out."""

    result: dict[str, Any] | None = None


class GapRequest(Frozen):
    """What decides the numbers of the modality-gap slider, beside the run."""

    seed: int = Field(0, ge=0, lt=2**31, description="of the bootstrap")


class SimilarityRequest(Frozen):
    """How the two encoders are compared."""

    neighbours: int = Field(10, ge=2, le=100)
    permutations: int = Field(200, ge=19, le=2000)
    layers: bool = Field(False, description="also every layer of one with every layer of the other")
    measure: LayerMeasure = Field("mutual_knn", description="by which layers are compared")
    seed: int = Field(0, ge=0, lt=2**31, description="of the drawn pairs and the permutations")


class LayerMap(Frozen):
    """All pairs of layers, and what they are called."""

    image_layers: tuple[str, ...]
    text_layers: tuple[str, ...]
    found: LayerSimilarity


class SimilarityResult(Frozen):
    """Before and after the alignment; the layers where they were asked for."""

    spaces: SimilarityReport
    layers: LayerMap | None = None


class CounterfactualRequest(Frozen):
    """Which words are swapped."""

    pairs: str = Field(
        "",
        max_length=4000,
        description="one a line, man, men / woman, women; empty: the usual ones",
    )
