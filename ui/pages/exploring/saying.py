"""What is searched for read out as words: an image, a text, a vector, or a point between several."""

from __future__ import annotations

from typing import Final

import gradio as gr

from backend.errors import IsthmusError
from backend.services import Services
from ui import cards, search_cards
from ui.components import panel
from ui.context import QUIET, WORK, Context
from ui.markup import Html
from ui.pages.exploring.asked import Asked

_NOTHING: Final = "Search for something first: an image, words, or several things mixed."
_PROGRESS = gr.Progress()


class Saying:
    """A button, and what the run's decoder says."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def lay_out_button(self) -> None:
        """Where the tools are."""
        self.button = gr.Button(
            "Say it in words", size="sm", scale=0, min_width=140, elem_id="i-say"
        )

    def lay_out(self) -> None:
        """Where the words come."""
        self.said = panel(elem_id="i-said")

    def connect(self, context: Context, asked: gr.State) -> None:
        """Wires the events, once all pages are laid out."""
        self.button.click(self.say, [context.run, asked], self.said, **WORK)
        for changed in (context.asked.change, context.run.change):
            changed(lambda: "", None, self.said, **QUIET)

    def say(self, run: str | None, asked: Asked, progress: gr.Progress = _PROGRESS) -> Html:
        """The point in words. The first time a run is asked, its decoder is trained."""
        query = asked.query()
        if not run or query is None:
            return cards.notice(_NOTHING)

        def report(done: int, total: int, unit: str) -> None:
            progress((done, total) if total else None, desc="Learning to speak", unit=unit)

        try:
            return search_cards.said(self.services.read_out(run, query, report), len(query.parts))
        except IsthmusError as error:
            return cards.notice(str(error), "bad")
