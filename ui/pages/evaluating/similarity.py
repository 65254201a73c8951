"""Similarity: the two encoders held against each other, before the alignment, after it, layer by layer."""

from __future__ import annotations

from typing import Any, ClassVar

import gradio as gr

from backend.errors import Fault, InvalidInput
from backend.schemas import (
    Evaluation,
    EvaluationKind,
    EvaluationSummary,
    Frozen,
    SimilarityRequest,
    SimilarityResult,
)
from ui import similarity_cards
from ui.components import heat_map
from ui.context import QUIET, modality_of
from ui.markup import Html
from ui.pages.evaluating.job_part import JobPart

_ASKED = SimilarityRequest()
_NEIGHBOURS = (2, 100)
_PERMUTATIONS = (19, 2000)


class SimilarityPart(JobPart):
    """The form, the table of measures, and the heat map of all layers."""

    kind: ClassVar[EvaluationKind] = "similarity"
    about: ClassVar[str] = (
        "Do the two encoders find the same items alike, before anything is trained? And what has the "
        "alignment added? Each score is held against what chance gives. A run measures this by itself; "
        "here it can be done with other numbers, and for every layer."
    )
    verb: ClassVar[str] = "Compare"

    def lay_out(self) -> list[Any]:
        """Layers, by what they are compared, neighbours, permutations."""
        self.layers = gr.Checkbox(
            False, label="Compare all layers too", elem_id="i-similarity-layers",
            info="each encoder is asked for all its layers, of at most 1,000 test pairs; the first "
            "time that can take minutes",
        )  # fmt: skip
        self.measure = gr.Dropdown(
            [(name, key) for key, name in similarity_cards.LAYER_MEASURES.items()],
            value=_ASKED.measure, label="Layers are compared by", visible=False,
            elem_id="i-similarity-measure",
        )  # fmt: skip
        self.neighbours = gr.Number(
            _ASKED.neighbours, label="Neighbours", precision=0, elem_id="i-similarity-neighbours",
            info="k, {} to {:,}; of few pairs fewer are taken".format(*_NEIGHBOURS),
        )  # fmt: skip
        self.permutations = gr.Number(
            _ASKED.permutations, label="Permutations", precision=0,
            elem_id="i-similarity-permutations",
            info="{} to {:,}; the more, the finer p".format(*_PERMUTATIONS),
        )  # fmt: skip
        return [self.layers, self.measure, self.neighbours, self.permutations]

    def lay_out_more(self) -> list[Any]:
        """All pairs of layers."""
        self.map = heat_map(elem_id="i-similarity-map", visible=False)
        return [self.map]

    def connect(self, seen: gr.Textbox, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out."""
        super().connect(seen, tab)
        self.layers.change(
            lambda wanted: gr.update(visible=bool(wanted)), self.layers, self.measure, **QUIET
        )

    def request(self, run: str, *given: Any) -> Frozen:
        """Checked: whole numbers in their bounds."""
        return checked(*given)

    def line(self, evaluation: EvaluationSummary) -> str:
        """What was asked for, in a line."""
        return similarity_cards.line(evaluation)

    def card(self, evaluation: Evaluation) -> Html:
        """A finished evaluation's result."""
        result = SimilarityResult.model_validate(evaluation.result)
        return similarity_cards.card(result, modality_of(self.services, evaluation.run))

    def show_more(self, evaluation: Evaluation | None) -> list[Any]:
        """The heat map of what is shown; nothing where layers were not asked for."""
        if evaluation is not None and evaluation.run:
            layers = SimilarityResult.model_validate(evaluation.result).layers
            if layers is not None:
                run = self.services.run(evaluation.run)
                drawn = similarity_cards.layer_map(evaluation, run, layers)
                return [gr.update(value=drawn, visible=True)]
        return [gr.update(value={"maps": []}, visible=False)]


def checked(layers: Any, measure: Any, neighbours: Any, permutations: Any) -> SimilarityRequest:
    """What the fields hold, as a request.

    Raises:
        InvalidInput: with a fault a field.
    """
    faults: list[Fault] = []
    k = _whole("Neighbours", neighbours, _NEIGHBOURS, faults)
    orders = _whole("Permutations", permutations, _PERMUTATIONS, faults)
    if measure not in similarity_cards.LAYER_MEASURES:
        faults.append(Fault("Layers are compared by", "choose a measure from the list"))
    if faults:
        raise InvalidInput("The encoders cannot be compared with these.", faults)
    return SimilarityRequest(
        neighbours=k, permutations=orders, layers=bool(layers), measure=measure
    )


def _whole(name: str, given: Any, bounds: tuple[int, int], faults: list[Fault]) -> int:
    """A whole number within bounds; a fault where it is none."""
    low, high = bounds
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = float("nan")
    if not low <= number <= high or number != int(number):
        shown = "nothing" if given in (None, "") else given
        faults.append(
            Fault(name, f"{shown} was given; a whole number from {low} to {high:,} is needed")
        )
        return low
    return int(number)
