"""Words: one word of a caption swapped for another, and whether the run notices."""

from __future__ import annotations

from typing import Any, ClassVar

import gradio as gr

from backend.errors import InvalidInput
from backend.schemas import (
    CounterfactualReport,
    CounterfactualRequest,
    Evaluation,
    EvaluationKind,
    EvaluationSummary,
    Frozen,
)
from ui import swap_cards
from ui.context import modality_of
from ui.markup import Html
from ui.pages.evaluating.job_part import JobPart

_LONGEST = 4_000


class WordsPart(JobPart):
    """The pairs of words as they are edited, and what became of the captions."""

    kind: ClassVar[EvaluationKind] = "counterfactual"
    about: ClassVar[str] = (
        "One word of a test caption is swapped for another. Where the run knows what it means, the "
        "changed caption is further from its item than the true one."
    )
    verb: ClassVar[str] = "Swap words"

    def lay_out(self) -> list[Any]:
        """The pairs of words."""
        self.usual = self.services.word_pairs()
        self.pairs = gr.Textbox(
            self.usual, label="Pairs of words", lines=8, max_lines=20, max_length=_LONGEST,
            info="one a line, swapped both ways; forms in the same order: man, men / woman, women",
            elem_id="i-words-pairs",
        )  # fmt: skip
        return [self.pairs]

    def request(self, run: str, *given: Any) -> Frozen:
        """The pairs as they were typed; none where they are the usual ones."""
        typed = str(given[0] or "").strip()
        if not typed:
            raise InvalidInput("Type at least one pair of words, such as: man, men / woman, women.")
        if len(typed) > _LONGEST:
            raise InvalidInput(
                f"The pairs have {len(typed):,} letters; at most {_LONGEST:,} are allowed."
            )
        return CounterfactualRequest(pairs="" if typed == self.usual else typed)

    def begin(self, run: str, request: Frozen) -> str:
        """Checks the pairs before anything waits in the queue."""
        assert isinstance(request, CounterfactualRequest)
        return self.services.launch_counterfactual(run, request)

    def line(self, evaluation: EvaluationSummary) -> str:
        """What was asked for, in a line."""
        return swap_cards.line(evaluation)

    def card(self, evaluation: Evaluation) -> Html:
        """A finished evaluation's result."""
        report = CounterfactualReport.model_validate(evaluation.result)
        return swap_cards.card(evaluation, report, modality_of(self.services, evaluation.run))
