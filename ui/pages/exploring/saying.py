"""What is searched for read out as words: an image, a text, a vector, or a point between several."""

from __future__ import annotations

import threading
from typing import Final
from weakref import WeakValueDictionary

import gradio as gr

from backend.errors import Cancelled, IsthmusError
from backend.services import Services
from ui import cards, search_cards
from ui.components import panel
from ui.context import QUIET, WORK, Context
from ui.markup import Html, tag
from ui.pages.exploring.answering import Answering
from ui.pages.exploring.asked import Asked

_NOTHING: Final = "Search for something first: an image, words, or several things mixed."
_READING: Final = "Being put into words …"
_TRAINING: Final = (
    "A decoder is being trained on this run's captions first: about a minute, once for each run. "
    "Search on meanwhile."
)
_STOPPED: Final = (
    "Stopped. Nothing of the decoder is kept; asked again, it is trained from the start."
)
_PROGRESS = gr.Progress()


class Saying:
    """A button, and what the run's decoder says."""

    def __init__(self, services: Services, answering: Answering) -> None:
        self.services = services
        self.answering = answering
        #: of the page views that are waiting for words, by session: set, the training ends
        self._stops: WeakValueDictionary[str, threading.Event] = WeakValueDictionary()

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
        point = [context.run, asked]
        self.button.click(self.begin, point, self.said, **QUIET).then(
            self.say, point, self.said, **WORK
        )
        self.said.act(self.stop, None, None, **QUIET)
        for changed in (context.asked.change, context.run.change):
            changed(lambda: "", None, self.said, **QUIET)

    def begin(self, run: str | None, asked: Asked) -> Html | str:
        """That it is being read, and how long that may take."""
        if not run or asked.query() is None:
            return cards.notice(_NOTHING)
        try:
            trained = self.services.has_decoder(run)
        except IsthmusError as error:
            return cards.notice(str(error), "bad")
        if trained:
            return cards.notice(_READING)
        stop = cards.button("Stop", "stop", kind="stop small")
        return cards.notice(_TRAINING) + tag("div.i-row.i-below", stop)

    def stop(self, request: gr.Request) -> None:
        """Somebody does not want to wait for the decoder any more."""
        stop = self._stops.get(str(request.session_hash))
        if stop is not None:
            stop.set()

    def say(
        self,
        run: str | None,
        asked: Asked,
        request: gr.Request,
        progress: gr.Progress = _PROGRESS,
    ) -> Html:
        """The point in words. The first time a run is asked, its decoder is trained."""
        query = asked.query()
        if not run or query is None:
            return cards.notice(_NOTHING)
        stop = self._stops.setdefault(str(request.session_hash), threading.Event())

        def report(done: int, total: int, unit: str) -> None:
            if stop.is_set():
                raise Cancelled(_STOPPED)
            progress((done, total) if total else None, desc="Learning to speak", unit=unit)

        try:
            read = self.services.read_out(run, query, report)
            return search_cards.said(read, self.answering.named(run, asked))
        except IsthmusError as error:
            return cards.notice(str(error), "bad")
