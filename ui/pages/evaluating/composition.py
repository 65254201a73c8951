"""Composition: a benchmark of captions that are nearly true."""

from __future__ import annotations

from typing import Any, ClassVar

import gradio as gr

from backend.errors import InvalidInput
from backend.schemas import (
    CompositionalReport,
    CompositionalRequest,
    Evaluation,
    EvaluationKind,
    EvaluationSummary,
    Frozen,
)
from ui import cards, composition_cards
from ui.context import modality_of
from ui.markup import Html
from ui.pages.evaluating.job_part import JobPart

_LONGEST = 2_000


class CompositionPart(JobPart):
    """The form, and the shares with the worst examples."""

    kind: ClassVar[EvaluationKind] = "compositional"
    about: ClassVar[str] = (
        "Is a caption that is true of a picture nearer to it than one that is nearly so, with a word or "
        "two changed? A space that sees words but not how they belong together fails here."
    )
    verb: ClassVar[str] = "Try it"

    def lay_out(self) -> list[Any]:
        """Benchmark, folder of its pictures."""
        sets = [(each.name, each.id) for each in self.services.built_in_benchmarks()]
        self.benchmark = gr.Dropdown(
            sets, value=None, label="Benchmark", allow_custom_value=True, elem_id="i-composition-benchmark",
            info="drawn scenes, or the path of a folder of SugarCrepe, SugarCrepe++ or Winoground",
        )  # fmt: skip
        self.images = gr.Textbox(
            "", label="Folder of its pictures", placeholder="images/ beside its files", lines=1,
            info="only where they are elsewhere, such as COCO's val2017", max_length=_LONGEST,
            elem_id="i-composition-images",
        )  # fmt: skip
        return [self.benchmark, self.images]

    def show(self, run: str | None, opened: str | None) -> tuple[Any, ...]:
        """As of every kind; of a run whose items are no images, that there is nothing to measure."""
        if run and modality_of(self.services, run) != "image":
            text = "These benchmarks are of images. Choose a run whose items are images."
            return "", "", cards.empty("Not for this run.", text)
        return super().show(run, opened)

    def request(self, run: str, *given: Any) -> Frozen:
        """Checked as far as can be told without reading the files."""
        benchmark, images = (str(each or "").strip() for each in given)
        if not benchmark:
            raise InvalidInput("Choose a benchmark first, or type the path of its folder.")
        seed = self.services.run(run).request.seed
        return CompositionalRequest(benchmark=benchmark, images=images, seed=seed)

    def begin(self, run: str, request: Frozen) -> str:
        """Reads the benchmark's files before anything waits in the queue."""
        assert isinstance(request, CompositionalRequest)
        return self.services.launch_compositional(run, request)

    def line(self, evaluation: EvaluationSummary) -> str:
        """What was asked for, in a line."""
        return composition_cards.line(evaluation)

    def card(self, evaluation: Evaluation) -> Html:
        """A finished evaluation's result."""
        report = CompositionalReport.model_validate(evaluation.result)
        return composition_cards.card(
            evaluation, report, self.services.example_pictures(evaluation)
        )
