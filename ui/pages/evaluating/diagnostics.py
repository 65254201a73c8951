"""Diagnostics: what a person can act on, computed from the run's index when a fold is opened."""

from __future__ import annotations

import threading
from typing import Any

import gradio as gr

from ui import cards
from ui.components import panel
from ui.context import QUIET, Context, finished
from ui.markup import Html
from ui.pages.evaluating.caption_fold import CaptionFold
from ui.pages.evaluating.conflict_fold import ConflictFold
from ui.pages.evaluating.slice_fold import SliceFold

_ABOUT = (
    "What is wrong in the data, where this run fails, and which side wins where the two disagree. Each "
    "is computed when it is opened, on the test split, with the heads of the run's first seed."
)


class DiagnosticsPart:
    """Lays the folds out; each fills itself."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._warmed = threading.Event()
        self.about = panel(cards.notice(_ABOUT), elem_id="i-diagnostics")
        with gr.Column(visible=False, elem_classes="i-evaluate-form") as self.all:
            self.folds = [kind(context) for kind in (CaptionFold, SliceFold, ConflictFold)]

    def connect(self, seen: gr.Textbox, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out.

        Args:
            seen: changes whenever a run does while the page is shown.
            tab: the part's.
        """
        run = self.context.run
        changes = [seen.change, tab.select, run.change]
        gr.on(changes, self.show, run, [self.about, self.all], **QUIET)
        tab.select(self.warm_up, None, None, **QUIET)
        for fold in self.folds:
            fold.connect()

    def show(self, run: str | None) -> tuple[Html, Any]:
        """The folds are there as soon as there is a finished run."""
        if run and run in {each.id for each in finished(self.context.services)}:
            return cards.notice(_ABOUT), gr.update(visible=True)
        text = "Look into a run as soon as one has finished."
        return cards.empty("No finished run yet.", text), gr.update(visible=False)

    def warm_up(self) -> None:
        """The part was opened: the libraries that its folds need are loaded behind it."""
        if not self._warmed.is_set():
            self._warmed.set()
            threading.Thread(
                target=self.context.services.warm_up_slices, name="warm-up-slices", daemon=True
            ).start()
