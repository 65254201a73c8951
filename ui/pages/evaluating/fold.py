"""A fold of the part Diagnostics: computed from the run's index when it is opened."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import gradio as gr

from backend.errors import IsthmusError
from ui import cards
from ui.components import panel
from ui.context import QUIET, RAW, WORK, Context
from ui.markup import Html


class RunFold(ABC):
    """Lays the fold out; its methods answer the events.

    A kind says what can be chosen and what is shown. Where another run is chosen, a closed fold forgets
    the last one's, and an open one shows the new one's in its place.

    Attributes:
        name: in its elements' ids.
        title: on the fold.
    """

    name: ClassVar[str]
    title: ClassVar[str]

    def __init__(self, context: Context) -> None:
        self.context = context
        self.services = context.services
        self.is_open = gr.State(False)
        with gr.Column(elem_classes="i-shared"):
            self.of = gr.Textbox("", visible="hidden", label="of")  # the run that it speaks of
        with gr.Accordion(
            self.title, open=False, elem_classes="i-fold", elem_id=f"i-{self.name}"
        ) as self.fold:
            self.fields = self.lay_out()
            self.rows = panel(elem_id=f"i-{self.name}-rows")
            self.more = self.lay_out_more()

    # --- what a kind says -----------------------------------------------------------------------

    @abstractmethod
    def lay_out(self) -> list[Any]:
        """The fields; their values are handed to :meth:`card` in this order."""

    @abstractmethod
    def offer(self, run: str) -> list[Any]:
        """Updates of the fields: what can be chosen for a run."""

    @abstractmethod
    def card(self, run: str, *given: Any) -> Html:
        """What is shown.

        Raises:
            IsthmusError: it cannot be; the sentence is shown instead.
        """

    def lay_out_more(self) -> list[Any]:
        """What stands below the rows and is filled by :meth:`renewed`."""
        return []

    def renewed(self, run: str) -> list[Any]:
        """Values of the components of :meth:`lay_out_more` for another run."""
        return []

    # --- the same for all -----------------------------------------------------------------------

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        run = self.context.run
        now = [run, *self.fields]
        # one after the other, so that what was asked last is what is shown
        in_order = {**WORK, "concurrency_id": f"fold-{self.name}", "concurrency_limit": 1}
        changes = [self.fold.expand, *(field.input for field in self.fields)]
        gr.on(changes, self.show, now, self.rows, **in_order, **RAW)
        self.fold.expand(lambda: True, None, self.is_open, **QUIET)
        self.fold.collapse(lambda: False, None, self.is_open, **QUIET)
        # the run's field tells of a change more often than there is one
        run.change(
            self.renew, [run, self.of, self.is_open], [self.of, *self.fields, *self.more, self.rows],
            **QUIET,
        )  # fmt: skip
        self.of.change(self.show_if_open, [self.is_open, *now], self.rows, **in_order, **RAW)

    def renew(self, run: str | None, of: str, is_open: bool) -> tuple[Any, ...]:
        """Another run: what can be chosen for it."""
        if not run or run == of:
            return (gr.skip(),) * (2 + len(self.fields) + len(self.more))
        kept = gr.skip() if is_open else ""  # what is open is replaced, which is no jump
        return run, *self.offer(run), *self.renewed(run), kept

    def show(self, run: str | None, *given: Any) -> Html | str:
        """The fold was opened, or something else was chosen."""
        if not run:
            return ""
        try:
            return self.card(run, *given)
        except IsthmusError as error:
            return cards.notice(str(error), "bad")

    def show_if_open(self, is_open: bool, run: str | None, *given: Any) -> Any:
        """The run was changed while the fold is open."""
        return self.show(run, *given) if is_open else gr.skip()


def rows_asked_for(event: gr.EventData) -> int:
    """How many rows a click on "more" asks for; a browser can send anything."""
    said = str(event.arg)
    return int(said) if said.isdecimal() and len(said) < 10 else 0
