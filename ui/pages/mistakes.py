"""What the opened run gets most wrong: a fold of the Runs page, filled when it is opened."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.errors import NotFound
from backend.schemas import Modality, Side
from ui import words
from ui.components import panel
from ui.context import QUIET, WORK, Context, modality_of
from ui.markup import tag
from ui.mistake_cards import mistakes

_SHOWN = 12
_SIDES: tuple[Side, ...] = ("text", "image")


class MistakesFold:
    """Lays the fold out; its methods answer the events."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.services = context.services
        with gr.Accordion(
            "What it gets most wrong", open=False, elem_classes="i-fold", elem_id="i-wrong"
        ) as self.fold:
            self.side = gr.Radio(
                _choices("image"), value="text",
                label="Direction", show_label=False, elem_id="i-wrong-side",
            )  # fmt: skip
            self.rows = panel(elem_id="i-wrong-rows")

    def connect(self, seen: gr.Textbox, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out.

        Args:
            seen: changes whenever a run does while the page is shown.
            tab: the page.
        """
        context = self.context
        now = [context.opened, self.side]
        gr.on([self.fold.expand, self.side.input], self.show, now, self.rows, **WORK)
        context.opened.change(self.close, context.opened, [self.fold, self.side, self.rows],
                              **QUIET)  # fmt: skip
        # also where the run finished while another page was shown
        gr.on([seen.change, tab.select], self.offer, context.opened, self.fold, **QUIET)
        self.rows.act(
            self.search_from, context.opened, [context.run, context.query, context.tabs], **QUIET
        )

    def show(self, opened: str | None, side: Side) -> str:
        """The worst queries of a direction."""
        try:
            return mistakes(self.services.mistakes(str(opened or ""), side, _SHOWN))
        except NotFound as error:  # it has not finished, or was deleted a moment ago
            return tag("p.i-soft", str(error))

    def offer(self, opened: str | None) -> Any:
        """The fold is there as soon as the run has finished."""
        try:
            run = self.services.run(str(opened or "")).summary
        except NotFound:
            return gr.update(visible=False)
        return gr.update(visible=run.status == "finished")

    def close(self, opened: str | None) -> tuple[Any, Any, str]:
        """Another run: the fold is put away, and speaks of its items."""
        modality = modality_of(self.services, opened)
        fold = {**self.offer(opened), "open": False}
        return fold, gr.update(choices=_choices(modality)), ""

    def search_from(self, opened: str, event: gr.EventData) -> tuple[str, str, Any]:
        """A click on an item searches from it."""
        return opened, str(event.arg), gr.Tabs(selected="explore")


def _choices(modality: Modality) -> list[tuple[str, Side]]:
    """Which side asks, in words of the run's items."""
    return [
        (words.direction("text_to_image" if side == "text" else "image_to_text", modality), side)
        for side in _SIDES
    ]
