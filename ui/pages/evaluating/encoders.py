"""Encoders by themselves: assessed before any alignment, and whether that foretells how they align."""

from __future__ import annotations

from typing import Any, ClassVar

import gradio as gr

from backend.errors import Fault, InvalidInput, IsthmusError
from backend.schemas import (
    AssessmentReport,
    AssessmentRequest,
    Evaluation,
    EvaluationKind,
    EvaluationSummary,
    Frozen,
    Modality,
)
from ui import assessment_cards, encoder_cards
from ui.components import panel, scatter_plot
from ui.context import QUIET, RAW, WORK
from ui.markup import Html, tag
from ui.pages.evaluating.job_part import JobPart
from ui.pages.evaluating.labelled_set import LabelledSet
from ui.scatter import NOTHING, scatter

_LARGEST_SEED = 2**31 - 1


class EncodersPart(JobPart):
    """The form, the encoders side by side, and the plot of all that were assessed alike."""

    kind: ClassVar[EvaluationKind] = "assessment"
    about: ClassVar[str] = (
        "No run is needed here: frozen encoders are tried on a labelled set, each by itself. With pairs "
        "and a text encoder it is measured, too, how well each can be aligned by linear heads, and "
        "whether the former foretells the latter."
    )
    verb: ClassVar[str] = "Assess"
    of_run: ClassVar[bool] = False

    def lay_out(self) -> list[Any]:
        """The labelled set, the encoders, the alignment probe, the seed."""
        prefix = "i-assessment"
        self.labelled = LabelledSet(self.services, prefix, "Labelled by")
        self.encoders = gr.Dropdown(
            [], value=[], multiselect=True, allow_custom_value=True, label="Encoders",
            info="those on this disk; or a folder, a file of features, an id on the Hub",
            elem_id=f"{prefix}-encoders",
        )  # fmt: skip
        self.pairs = gr.Dropdown(
            [], label="Alignment probe: pairs", allow_custom_value=True, elem_id=f"{prefix}-pairs",
            info="a data set with captions; leave it empty to go without the probe",
        )  # fmt: skip
        self.text = gr.Dropdown(
            [], label="Alignment probe: text encoder", allow_custom_value=True,
            elem_id=f"{prefix}-text-encoder", info="the same for all encoders",
        )  # fmt: skip
        self.seed = gr.Number(
            0, label="Seed", precision=0, minimum=0, maximum=_LARGEST_SEED, elem_id=f"{prefix}-seed",
            info="of draws and heads; encoders are held against each other with the same one",
        )  # fmt: skip
        return [
            self.labelled.dataset,
            self.labelled.attribute,
            self.encoders,
            self.pairs,
            self.text,
            self.seed,
        ]

    def lay_out_more(self) -> list[Any]:
        """The plot, and its numbers where it shows more than the result above."""
        self.plot = scatter_plot(elem_id="i-assessment-plot", visible=False)
        self.numbers = panel(elem_id="i-assessment-all")
        return [self.plot, self.numbers]

    def connect(self, seen: gr.Textbox, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out."""
        super().connect(seen, tab)
        dataset, chosen = self.labelled.dataset, [self.labelled.dataset, self.pairs, self.text]
        tab.select(self.offer, chosen, chosen, **QUIET, **RAW)
        dataset.change(
            self.look, [dataset, self.encoders],
            [self.labelled.attribute, self.encoders, self.fault], **WORK, **RAW,
        )  # fmt: skip

    def offer(
        self, labelled: str | None, pairs: str | None, text: str | None
    ) -> tuple[Any, Any, Any]:
        """The data sets and the text encoders that are here."""
        infos = self.services.datasets()
        return (
            self.labelled.offer(infos, labelled),
            self.labelled.offer(infos, pairs),
            gr.update(choices=self._here("text"), value=text or None),
        )

    def look(self, dataset: str | None, encoders: list[str] | None) -> tuple[Any, Any, Any]:
        """What the set's items can be labelled by, and the encoders that can read them."""
        attribute, fault = self.labelled.look(dataset)
        modality: Modality = "image"
        if dataset and not fault:
            try:
                modality = self.services.modality_of_set(str(dataset))
            except IsthmusError:  # it has gone in between; the button says so
                return attribute, gr.skip(), fault
        return attribute, gr.update(choices=self._here(modality), value=encoders or []), fault

    def _here(self, modality: Modality) -> list[tuple[str, str]]:
        """The encoders of a modality that need not be fetched."""
        infos = {
            info.id: info
            for kind in encoder_cards.takes(modality)
            for info in self.services.encoders(kind)
            if info.available
        }
        return [encoder_cards.choice(info) for info in infos.values()]

    def request(self, run: str, *given: Any) -> Frozen:
        """Checked as far as can be told without reading anything."""
        labelled, attribute, encoders, pairs, text, seed = given
        names = [name for each in encoders or [] if (name := str(each).strip())]
        faults = []
        if not str(labelled or "").strip():
            faults.append(Fault("labelled set", "choose one"))
        if not names:
            faults.append(Fault("encoders", "choose at least one"))
        if not isinstance(seed, int | float) or not 0 <= seed <= _LARGEST_SEED or seed != int(seed):
            faults.append(Fault("seed", f"give a whole number from 0 to {_LARGEST_SEED:,}"))
        if faults:
            raise InvalidInput("The assessment cannot start yet.", faults)
        return AssessmentRequest(
            encoders=tuple(names),
            labelled=str(labelled).strip(),
            attribute=str(attribute or "").strip() or None,
            pairs=str(pairs or "").strip() or None,
            text_encoder=str(text or "").strip() or None,
            seed=int(seed),
        )

    def begin(self, run: str, request: Frozen) -> str:
        """Checks sets and encoders before anything waits in the queue."""
        assert isinstance(request, AssessmentRequest)
        return self.services.launch_assessment(request)

    def line(self, evaluation: EvaluationSummary) -> str:
        """What was asked for, in a line."""
        return assessment_cards.line(evaluation)

    def card(self, evaluation: Evaluation) -> Html:
        """The encoders side by side."""
        report = AssessmentReport.model_validate(evaluation.result)
        return assessment_cards.card(evaluation, report)

    def show_more(self, evaluation: Evaluation | None) -> list[Any]:
        """All encoders that were assessed like those of what is shown."""
        hidden = [gr.update(value=NOTHING, visible=False), ""]
        if evaluation is None:
            return hidden
        try:
            found = self.services.assessed_together(evaluation.id)
        except IsthmusError:  # deleted a moment ago
            return hidden
        asked = AssessmentRequest.model_validate(evaluation.request)
        key = f"{asked.labelled}/{asked.attribute}/{asked.pairs}/{asked.text_encoder}/{asked.seed}"
        drawn = scatter(key, found)
        numbers: Html | str = ""
        if found.assessments > 1:
            numbers = tag(
                "details.i-numbers-fold",
                tag("summary", f"All {len(found.encoders)} encoders in numbers"),
                assessment_cards.table(found.encoders, found.modality),
                assessment_cards.foretells(found.encoders, found.correlations, found.modality),
            )
        return [gr.update(value=drawn, visible=bool(drawn["points"])), numbers]
