"""A part of Evaluate whose evaluations are jobs: what to ask for, what was measured, one result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import gradio as gr

from backend.errors import IsthmusError, NotFound
from backend.schemas import Evaluation, EvaluationKind, EvaluationSummary, Frozen
from ui import cards, evaluation_cards
from ui.components import panel
from ui.context import QUIET, RAW, WORK, Context, version_of
from ui.guard import may_change, require_changes, told
from ui.markup import Html


class JobPart(ABC):
    """Lays the part out; its methods answer the events.

    A kind says what is asked for and how a result looks; the queue, progress, Stop, Resume, Delete and
    which result is open are the same for all.

    Attributes:
        kind: of its evaluations.
        about: what is measured and why, in two sentences.
        verb: on the button.
        of_run: whether a run is evaluated; else encoders by themselves are.
    """

    kind: ClassVar[EvaluationKind]
    about: ClassVar[str]
    verb: ClassVar[str] = "Measure"
    of_run: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self.context = context
        self.services = context.services
        self.changeable = may_change(context.services.settings)
        name = f"i-{self.kind}"
        with gr.Column(elem_classes="i-shared"):
            self.opened = gr.Textbox("", visible="hidden", label="opened")
            # the run and the version that are shown here
            self.of = gr.Textbox("", visible="hidden", label="of")
            self.seen = gr.Textbox("", visible="hidden", label="seen")
        with gr.Row(elem_classes="i-form-row", equal_height=False):
            with gr.Column(scale=4, min_width=300, elem_classes="i-evaluate-form"):
                panel(cards.notice(self.about))
                with gr.Column(visible=self.changeable, elem_classes="i-evaluate-fields"):
                    self.fields = self.lay_out()
                    self.fault = panel(elem_id=f"{name}-fault")
                    self.go = gr.Button(self.verb, variant="primary", elem_id=f"{name}-go")
                self.list = panel(elem_id=f"{name}-list")
            with gr.Column(scale=7, min_width=320):
                self.result = panel(elem_id=f"{name}-result")
                self.more = self.lay_out_more()

    # --- what a kind says -----------------------------------------------------------------------

    @abstractmethod
    def lay_out(self) -> list[Any]:
        """The fields; their values are handed to :meth:`request` in this order."""

    def lay_out_more(self) -> list[Any]:
        """Components below the result's markup (charts); filled by :meth:`show_more`."""
        return []

    @abstractmethod
    def request(self, run: str, *given: Any) -> Frozen:
        """What is asked for, checked.

        Raises:
            IsthmusError: it cannot be done; the sentence is shown above the button.
        """

    def begin(self, run: str, request: Frozen) -> str:
        """Puts what was asked for into the queue; a kind may check more before.

        Returns:
            The evaluation's id.
        """
        return self.services.launch_evaluation(self.kind, request, run if self.of_run else None)

    @abstractmethod
    def line(self, evaluation: EvaluationSummary) -> str:
        """What was asked for, in a line."""

    @abstractmethod
    def card(self, evaluation: Evaluation) -> Html:
        """A finished evaluation's result."""

    def show_more(self, evaluation: Evaluation | None) -> list[Any]:
        """Values of the components of :meth:`lay_out_more`; of None where nothing is shown."""
        return []

    # --- the same for all -----------------------------------------------------------------------

    def connect(self, seen: gr.Textbox, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out.

        Args:
            seen: changes whenever an evaluation or a run does while the page is shown.
            tab: the part's.
        """
        run = self.context.run
        view = [self.opened, self.list, self.result, *self.more]
        now = [run, self.opened]
        # a part that is not shown is not in the document; what is written into its components there
        # makes the browser raise the run's change again, without end
        shown = f"(now, old) => document.querySelector('#i-{self.kind}-result') ? now : old"
        for source, copy in ((run, self.of), (seen, self.seen)):
            source.change(None, [source, copy], copy, js=shown, **QUIET)
        changes = [self.seen.change, tab.select, self.of.change, self.opened.change]
        gr.on(changes, self.show, now, view, **QUIET)
        self.go.click(
            self.launch, [run, *self.fields], [self.fault, self.opened, self.context.version],
            **WORK, **RAW,
        )  # fmt: skip
        self.list.act(self.on_act, now, [*view, self.context.version], **QUIET)

    def show(self, run: str | None, opened: str | None) -> tuple[Any, ...]:
        """What was measured, and the opened result; the newest where none is open."""
        if self.of_run and not run:
            text = "Evaluate a run as soon as one has finished."
            return "", "", cards.empty("No finished run yet.", text), *self.show_more(None)
        made = self.services.evaluations(run if self.of_run else None, self.kind)
        now, opened = opened, opened or ""
        if opened not in {each.id for each in made}:
            best = next((each for each in made if each.status == "finished"), None)
            opened = best.id if best else made[0].id if made else ""
        listing = evaluation_cards.listing(
            made, (opened,), self.services.worker(), self.line, self.changeable
        )
        write = gr.skip() if now == opened else opened  # another may be opened by now
        return write, listing, *self._result(opened)

    def _result(self, opened: str) -> tuple[Any, ...]:
        try:
            found = self.services.evaluation(opened) if opened else None
        except NotFound:  # deleted a moment ago
            found = None
        if found is None or found.result is None:
            nothing = "" if found else cards.empty("Nothing measured yet.", self.invitation())
            return nothing, *self.show_more(None)
        return self.card(found), *self.show_more(found)

    def invitation(self) -> str:
        """What to do where nothing was measured."""
        if not self.changeable:
            return "This place is read-only: what its runs were measured by would appear here."
        return f"Choose what to measure and press {self.verb}."

    def launch(self, run: str | None, *given: Any) -> tuple[Any, Any, Any]:
        """Puts one into the queue; what cannot be done is said above the button."""
        require_changes(self.services.settings)
        try:
            if self.of_run and not run:
                raise NotFound("There is no finished run to evaluate yet.")
            made = self.begin(str(run or ""), self.request(str(run or ""), *given))
        except IsthmusError as error:
            return cards.notice(str(error), "bad"), gr.skip(), gr.skip()
        return "", made, version_of(self.services)

    @told
    def on_act(self, run: str | None, opened: str | None, event: gr.EventData) -> tuple[Any, ...]:
        """A click in the list."""
        act, arg = str(event.act), str(event.arg)
        if act == "open":
            return arg, *self.show(run, arg)[1:], gr.skip()
        require_changes(self.services.settings)
        if act == "stop":
            self.services.cancel_evaluation(arg)
        elif act == "resume":
            self.services.resume_evaluation(arg)
        elif act == "delete":
            self.services.delete_evaluation(arg)
        return *self.show(run, opened), version_of(self.services)
