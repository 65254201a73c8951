"""What is searched for read out as words: an image, a text, a vector, or a point between several."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Final
from weakref import WeakValueDictionary

import gradio as gr

from backend.errors import Cancelled, IsthmusError
from backend.schemas import ReadOut
from backend.services import Services
from ui import cards, run_cards, search_cards
from ui.components import panel
from ui.context import QUIET, WORK, Context
from ui.markup import Html, tag
from ui.pages.exploring.answering import Answering
from ui.pages.exploring.asked import Asked
from ui.pages.exploring.asking import with_bar

_NOTHING: Final = "Search for something first: an image, words, or several things mixed."
_READING: Final = "Being put into words …"
_TRAINING: Final = (
    "A decoder is being trained on this run's captions first: about a minute, once for each run. "
    "Search on meanwhile."
)
_STOPPED: Final = (
    "Stopped. Nothing of the decoder is kept; asked again, it is trained from the start."
)
#: between two pictures of how far the training is
_EVERY_SECONDS: Final = 0.5


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

    def connect(self, context: Context, asked: gr.State, bar: gr.HTML) -> None:
        """Wires the events, once all pages are laid out."""
        point = [context.run, asked, bar]
        # how far the training is stands in the panel itself, beside the way to stop it
        quietly = {**WORK, "show_progress": "hidden"}
        self.button.click(self.begin, point, self.said, **QUIET).then(
            self.say, point, self.said, **quietly
        )
        self.said.act(self.stop, None, None, **QUIET)
        for changed in (context.asked.change, context.run.change):
            changed(lambda: "", None, self.said, **QUIET)

    def begin(self, run: str | None, asked: Asked, bar: Any) -> Html | str:
        """That it is being read, and how long that may take."""
        if not run or with_bar(asked, bar).query() is None:
            return cards.notice(_NOTHING)
        try:
            trained = self.services.has_decoder(run)
        except IsthmusError as error:
            return cards.notice(str(error), "bad")
        return cards.notice(_READING) if trained else _training(None)

    def stop(self, request: gr.Request) -> None:
        """Somebody does not want to wait for the decoder any more."""
        stop = self._stops.get(str(request.session_hash))
        if stop is not None:
            stop.set()

    def say(
        self, run: str | None, asked: Asked, bar: Any, request: gr.Request
    ) -> Iterator[Html | str]:
        """The point in words. The first time a run is asked, its decoder is trained."""
        asked = with_bar(asked, bar)
        query = asked.query()
        if not run or query is None:
            yield cards.notice(_NOTHING)
            return
        session = str(request.session_hash)
        stop = self._stops.get(session)
        if stop is None or stop.is_set():  # one that was stopped may be on its way out still
            stop = self._stops[session] = threading.Event()
        steps = (0, 0)

        def report(done: int, total: int, unit: str) -> None:
            nonlocal steps
            if stop.is_set():
                raise Cancelled(_STOPPED)
            steps = done, total

        with ThreadPoolExecutor(1) as aside:
            reading = aside.submit(self.services.read_out, run, query, report)
            try:
                while not wait([reading], _EVERY_SECONDS).done:
                    if steps[1]:
                        yield _training(steps[0] / steps[1])
            except GeneratorExit:
                stop.set()  # the page was closed: nobody waits for it any more
                raise
        yield self._answer(run, asked, reading)

    def _answer(self, run: str, asked: Asked, reading: Future[ReadOut]) -> Html:
        try:
            return search_cards.said(reading.result(), self.answering.named(run, asked))
        except Cancelled as stopped:
            return cards.notice(str(stopped))
        except IsthmusError as error:
            return cards.notice(str(error), "bad")


def _training(share: float | None) -> Html:
    """How far the decoder is, and the way to stop it."""
    return tag(
        "section.i-learning",
        cards.notice(_TRAINING),
        run_cards.bar(share, "training of the decoder"),
        cards.button("Stop", "stop", kind="stop small"),
    )
