"""The store's part of Encoders & data: what is stored, what uses it, removing it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import RunSummary, StoredFeatures
from ui import cards, store_cards, words
from ui.components import panel
from ui.context import QUIET, WORK, Context
from ui.guard import may_change, require_changes, told
from ui.markup import Html


class StoredPart:
    """Lays the part out; its methods answer the events."""

    def __init__(self, context: Context) -> None:
        self.services = context.services
        self.changeable = may_change(context.services.settings)
        self.checked = gr.State([])
        self.list = panel(elem_id="i-stored")
        with gr.Row(elem_classes="i-actions"):
            self.remove = gr.Button(
                "Remove what is chosen…", size="sm", visible=False, elem_id="i-stored-remove"
            )
        with gr.Row(visible=False, elem_classes="i-actions") as self.asking:
            self.question = panel(elem_id="i-stored-question")
            self.sure = gr.Button("Remove them", variant="stop", size="sm", elem_id="i-stored-sure")
            self.keep = gr.Button("Keep them", size="sm")
        self.told = panel(elem_id="i-stored-told")

    def connect(self, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out."""
        view = [self.list, self.remove]
        tab.select(self.show, self.checked, view, **QUIET)
        self.list.act(self.check, self.checked, [self.checked, *view, self.asking, self.told],
                      **QUIET)  # fmt: skip
        self.remove.click(self.ask, self.checked, [self.asking, self.question], **QUIET)
        self.keep.click(lambda: gr.update(visible=False), None, self.asking, **QUIET)
        self.sure.click(
            self.do_remove, self.checked, [self.checked, self.asking, self.told, *view], **WORK
        )

    def _runs(self) -> dict[str, RunSummary]:
        return {run.id: run for run in self.services.runs()}

    def _chosen(self, checked: list[str]) -> list[StoredFeatures]:
        return [each for each in self.services.stored_features() if each.key in checked]

    @told
    def show(self, checked: list[str]) -> tuple[Html, Any]:
        """The table, and the button once something is chosen."""
        stored = self.services.stored_features()
        chosen = [each.key for each in stored if each.key in checked]
        table = store_cards.table(stored, self._runs(), chosen, self.changeable)
        return table, gr.update(visible=self.changeable and bool(chosen))

    def check(self, checked: list[str], event: gr.EventData) -> tuple[Any, ...]:
        """A box is ticked or cleared; a question asked before no longer fits."""
        key = str(event.arg)
        checked = [each for each in checked if each != key] + [key] * (key not in checked)
        return checked, *self.show(checked), gr.update(visible=False), ""

    @told
    def ask(self, checked: list[str]) -> tuple[Any, Html]:
        """Asks before anything is removed, and says what that costs."""
        return gr.update(visible=True), store_cards.question(self._chosen(checked), self._runs())

    def do_remove(self, checked: list[str]) -> tuple[Any, ...]:
        """Removes what was chosen, after the question; a refusal is told where it was asked."""
        require_changes(self.services.settings)
        try:
            keys = [each.key for each in self._chosen(checked)]
            freed = self.services.remove_features(keys)
        except IsthmusError as error:
            told_why = cards.notice(str(error), "bad")
            return checked, gr.update(visible=False), told_why, *self.show(checked)
        said = cards.notice(f"Removed; {words.size(freed)} are free again.")
        return [], gr.update(visible=False), said, *self.show([])
