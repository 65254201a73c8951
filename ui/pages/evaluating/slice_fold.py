"""Error slices: a fold of the part Diagnostics."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.schemas import Modality, Side
from ui import slice_cards, words
from ui.context import QUIET, RAW, modality_of
from ui.markup import Html
from ui.pages.evaluating.fold import RunFold, rows_asked_for

_SHOWN, _MOST = 8, 200
_KS = (1, 5, 10)
_SIDES: tuple[Side, ...] = ("text", "image")


class SliceFold(RunFold):
    """Which direction, what counts as failing, and where it fails more often."""

    name = "slices"
    title = "Where it fails more often"

    def lay_out(self) -> list[Any]:
        """Direction and k."""
        with gr.Row(elem_classes="i-toolbar"):
            self.side = gr.Radio(
                _choices("image"), value="text", label="Direction", elem_id="i-slices-side",
                scale=2, min_width=240,
            )  # fmt: skip
            self.k = gr.Radio(
                list(_KS), value=5, label="Fails where its own is not among the first",
                elem_id="i-slices-k", scale=2, min_width=240,
            )  # fmt: skip
        return [self.side, self.k]

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        super().connect()
        context = self.context
        outputs = [self.rows, context.query, context.tabs]
        self.rows.act(self.on_act, [context.run, *self.fields], outputs, **QUIET, **RAW)

    def offer(self, run: str) -> list[Any]:
        """The directions in words of the run's items."""
        return [gr.update(choices=_choices(modality_of(self.services, run))), gr.skip()]

    def card(self, run: str, *given: Any) -> Html:
        """The slices that stand out most."""
        return self._card(run, *given)

    def _card(self, run: str, side: Side, k: int, shown: int = _SHOWN) -> Html:
        asked_by: Side = "image" if side == "image" else "text"
        found = self.services.slices(run, asked_by, int(k), min(_MOST, max(1, shown)))
        return slice_cards.slices(found, modality_of(self.services, run))

    def on_act(self, run: str, side: Side, k: int, event: gr.EventData) -> tuple[Any, Any, Any]:
        """A click shows more, or searches from an item."""
        if str(event.act) == "more":
            return self.show(run, side, k, rows_asked_for(event)), gr.skip(), gr.skip()
        return gr.skip(), str(event.arg), gr.Tabs(selected="explore")


def _choices(modality: Modality) -> list[tuple[str, Side]]:
    """Which side asks, in words of the run's items."""
    return [
        (words.direction("text_to_image" if side == "text" else "image_to_text", modality), side)
        for side in _SIDES
    ]
