"""Modality gap: the offset between the two sides taken away by a slider, and what retrieval does."""

from __future__ import annotations

from typing import Any, ClassVar

import gradio as gr

from backend.schemas import (
    Evaluation,
    EvaluationKind,
    EvaluationSummary,
    Frozen,
    GapReport,
    GapRequest,
)
from ui import gap_cards
from ui.components import gap_slider
from ui.context import modality_of
from ui.markup import Html
from ui.pages.evaluating.job_part import JobPart


class GapPart(JobPart):
    """What closing the gap changes, and the slider.

    Attributes:
        slider: raises ``moved`` with the ``share`` that is chosen, 0 to 1.
    """

    kind: ClassVar[EvaluationKind] = "gap"
    about: ClassVar[str] = (
        "The two sides of a shared space often lie apart by a constant offset: the modality gap. Here "
        "it is taken away bit by bit. A gap need not hurt retrieval, and closing it need not help. "
        "Every run measures this by itself; one from before that can be measured here."
    )
    verb: ClassVar[str] = "Measure the gap"

    def lay_out(self) -> list[Any]:
        """Nothing to ask for."""
        return []

    def lay_out_more(self) -> list[Any]:
        """The slider with its figures and charts."""
        self.slider = gap_slider(elem_id="i-gap", visible=False)
        return [self.slider]

    def request(self, run: str, *given: Any) -> Frozen:
        """The numbers of the slider."""
        return GapRequest()

    def invitation(self) -> str:
        """What to do where nothing was measured."""
        return f"Press {self.verb}: it takes seconds." if self.changeable else super().invitation()

    def line(self, evaluation: EvaluationSummary) -> str:
        """What was asked for, in a line."""
        return gap_cards.LINE

    def card(self, evaluation: Evaluation) -> Html:
        """A finished evaluation's result."""
        report = GapReport.model_validate(evaluation.result)
        return gap_cards.card(report, modality_of(self.services, evaluation.run))

    def show_more(self, evaluation: Evaluation | None) -> list[Any]:
        """The slider of what is shown."""
        if evaluation is None:
            return [gr.update(value=None, visible=False)]
        report = GapReport.model_validate(evaluation.result)
        modality = modality_of(self.services, evaluation.run)
        drawn = gap_cards.slider(evaluation.id, report, modality)
        return [gr.update(value=drawn, visible=True)]
