"""Zero-shot classification: a labelled set, prompts as they are edited, and one picture tried at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import gradio as gr

from backend.errors import Fault, InvalidInput, IsthmusError
from backend.schemas import (
    Evaluation,
    EvaluationKind,
    EvaluationSummary,
    Frozen,
    ZeroShotReport,
    ZeroShotRequest,
)
from ui import cards, zero_shot_cards
from ui.components import heat_map, panel
from ui.context import QUIET, RAW, WORK, Context, modality_of
from ui.markup import Html
from ui.pages.evaluating.job_part import JobPart
from ui.pages.evaluating.labelled_set import LabelledSet

_LONGEST = 20_000
_TRIED = "a dog\na cat\na person\na car\na flower"


class ZeroShotPart(JobPart):
    """The form, the results, and the box to try one picture."""

    kind: ClassVar[EvaluationKind] = "zero-shot"
    about: ClassVar[str] = (
        "Items of a labelled set are classified by the prompts they are nearest to. No label is learnt: "
        "the set is only looked at here."
    )
    verb: ClassVar[str] = "Classify"

    def __init__(self, context: Context) -> None:
        self.sets = {each.id: each for each in context.services.prompt_sets()}
        super().__init__(context)
        with gr.Accordion("Try a picture", open=False, elem_classes="i-fold", elem_id="i-try"):
            with gr.Row(equal_height=False):
                with gr.Column(scale=4, min_width=280):
                    self.picture = gr.File(
                        label="Picture or recording", file_count="single", height=120,
                        elem_id="i-try-file",
                    )  # fmt: skip
                    self.names = gr.Textbox(
                        _TRIED, label="Classes", info="one a line", lines=5, max_lines=12,
                        max_length=_LONGEST, elem_id="i-try-classes",
                    )  # fmt: skip
                    self.tried = gr.Textbox(
                        "a photo of {}.", label="Templates", info="one a line, with {}", lines=1,
                        max_lines=6, max_length=_LONGEST, elem_id="i-try-templates",
                    )  # fmt: skip
                    self.attempt = gr.Button("Try it", variant="primary", elem_id="i-try-go")
                with gr.Column(scale=6, min_width=300):
                    self.likely = panel(elem_id="i-try-result")

    def lay_out(self) -> list[Any]:
        """Data set, label, items, prompts, names."""
        self.labelled = LabelledSet(self.services, "i-zero-shot", "Classified by")
        self.split = gr.Radio(
            [("its test split", "test"), ("all its items", "all")], value="test",
            label="Items", elem_id="i-zero-shot-split",
        )  # fmt: skip
        self.prompts = gr.Dropdown(
            [(each.name, each.id) for each in self.sets.values()], value="clip-80",
            label="Prompts", filterable=True, elem_id="i-zero-shot-prompts",
        )  # fmt: skip
        with gr.Accordion(
            "Edit templates and names",
            open=False,
            elem_classes="i-fold",
            elem_id="i-zero-shot-edit",
        ):
            self.templates = gr.Textbox(
                "\n".join(self.sets["clip-80"].templates), label="Templates", lines=6, max_lines=14,
                info="one a line; {} becomes the class", max_length=_LONGEST,
                elem_id="i-zero-shot-templates",
            )  # fmt: skip
            self.spoken = gr.Textbox(
                "", label="Other names of classes", placeholder="tench = a fish called tench",
                info="one a line; others are called as the set has them", lines=2, max_lines=10,
                max_length=_LONGEST, elem_id="i-zero-shot-names",
            )  # fmt: skip
        return [
            self.labelled.dataset,
            self.labelled.attribute,
            self.split,
            self.prompts,
            self.templates,
            self.spoken,
        ]

    def lay_out_more(self) -> list[Any]:
        """The confusion matrix."""
        self.matrix = heat_map(elem_id="i-zero-shot-matrix")
        return [self.matrix]

    def connect(self, seen: gr.Textbox, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out."""
        super().connect(seen, tab)
        run = self.context.run
        dataset = self.labelled.dataset
        tab.select(self.offer, [run, dataset], dataset, **QUIET, **RAW)
        dataset.change(
            self.look, dataset, [self.labelled.attribute, self.prompts, self.fault], **WORK, **RAW
        )
        self.prompts.change(self.fill, self.prompts, self.templates, **QUIET, **RAW)
        self.attempt.click(
            self.try_it, [run, self.picture, self.names, self.tried], self.likely, **WORK
        )

    def offer(self, run: str | None, chosen: str | None) -> Any:
        """The data sets of the run's kind of items."""
        modality = modality_of(self.services, run)
        infos = [info for info in self.services.datasets() if info.modality == modality]
        return self.labelled.offer(infos, chosen)

    def look(self, dataset: str | None) -> tuple[Any, Any, Any]:
        """What the set's items can be classified by, and the prompts that were made for it."""
        attribute, fault = self.labelled.look(dataset)
        if not dataset:
            return attribute, gr.skip(), fault
        return attribute, self._guessed(str(dataset)), fault

    def _guessed(self, dataset: str) -> Any:
        """The prompts that were made for the set, or for its kind of items."""
        known = {info.id: info.modality for info in self.services.datasets()}
        return gr.update(value=self.services.guess_prompt_set(dataset, known.get(dataset, "image")))

    def fill(self, chosen: str | None) -> Any:
        """The templates of the chosen set, to be edited."""
        found = self.sets.get(str(chosen))
        return "\n".join(found.templates) if found else gr.skip()

    def request(self, run: str, *given: Any) -> Frozen:
        """Checked as far as can be told without reading the items."""
        dataset, attribute, split, prompts, templates, spoken = (str(each or "") for each in given)
        if not dataset.strip():
            raise InvalidInput("Choose a labelled set first.")
        lines = tuple(text for each in templates.splitlines() if (text := each.strip()))
        own = self.sets.get(prompts)
        if own is not None and lines == own.templates:
            lines = ()
        return ZeroShotRequest(
            dataset=dataset.strip(),
            attribute=attribute.strip(),
            split="all" if split == "all" else "test",
            template_set=own.id if own else "clip-80",
            templates=lines,
            spoken=_names(spoken),
        )

    def begin(self, run: str, request: Frozen) -> str:
        """Checks the set before anything waits in the queue."""
        assert isinstance(request, ZeroShotRequest)
        return self.services.launch_zero_shot(run, request)

    def line(self, evaluation: EvaluationSummary) -> str:
        """What was asked for, in a line."""
        return zero_shot_cards.line(evaluation)

    def card(self, evaluation: Evaluation) -> Html:
        """A finished evaluation's result."""
        return zero_shot_cards.card(evaluation, ZeroShotReport.model_validate(evaluation.result))

    def show_more(self, evaluation: Evaluation | None) -> list[Any]:
        """The confusion matrix of what is shown."""
        if evaluation is None:
            return [gr.update(value={"maps": []}, visible=False)]
        report = ZeroShotReport.model_validate(evaluation.result)
        drawn = zero_shot_cards.confusion(evaluation, report)
        return [gr.update(value=drawn, visible=bool(drawn["maps"]))]

    def try_it(self, run: str | None, file: str | None, names: str, templates: str) -> Html:
        """One picture's classes."""
        if not run:
            return cards.notice("There is no finished run to try it with yet.", "warn")
        if not file:
            return cards.notice("Upload a picture or a recording first.", "warn")
        try:
            lines = [each.strip() for each in templates.splitlines() if each.strip()]
            return zero_shot_cards.likely(
                self.services.classify(run, Path(file), names.splitlines(), lines)
            )
        except IsthmusError as error:
            return cards.notice(str(error), "bad")


def _names(text: str) -> dict[str, str]:
    """``tench = a fish called tench``, one a line."""
    found: dict[str, str] = {}
    faults = []
    for number, written in enumerate(text.splitlines(), start=1):
        name, equals, said = (part.strip() for part in written.partition("="))
        if name and equals and said:
            found[name] = said
        elif written.strip():
            faults.append(Fault(f"line {number}", "is not of the form: class = name"))
    if faults:
        raise InvalidInput("The names of classes cannot be read.", faults)
    return found
