"""Likely wrong captions: a fold of the part Diagnostics."""

from __future__ import annotations

from typing import Any

import gradio as gr

from backend.errors import NotFound
from ui import caption_cards
from ui.context import QUIET, RAW, modality_of
from ui.markup import Html
from ui.pages.evaluating.fold import RunFold, rows_asked_for

_SHOWN, _MOST = 12, 1000
_THRESHOLDS = (0.02, 0.05, 0.1, 0.25)


class CaptionFold(RunFold):
    """Which runs judge, how strict they are, and whom they suspect."""

    name = "captions"
    title = "Captions that are likely wrong"

    def lay_out(self) -> list[Any]:
        """Judges and threshold."""
        with gr.Row(elem_classes="i-toolbar"):
            self.judges = gr.Dropdown(
                [], value=[], multiselect=True, label="Judged by", scale=3, min_width=260,
                elem_id="i-captions-judges",
                info="runs that were tested on the same items; none chosen: this one and the best",
            )  # fmt: skip
            self.threshold = gr.Radio(
                [(f"{100 * each:.0f} %", each) for each in _THRESHOLDS], value=0.1, scale=2,
                label="Suspected where more fit better", min_width=240,
                info="of the other items, in every run", elem_id="i-captions-threshold",
            )  # fmt: skip
        return [self.judges, self.threshold]

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        super().connect()
        context = self.context
        outputs = [self.rows, context.query, context.tabs]
        self.rows.act(self.on_act, [context.run, *self.fields], outputs, **QUIET, **RAW)
        # runs may have finished since
        now = [context.run, self.judges]
        self.fold.expand(self.offer_judges, now, self.judges, **QUIET, **RAW)
        self.of.change(self.offer_if_open, [self.is_open, *now], self.judges, **QUIET, **RAW)

    def offer(self, run: str) -> list[Any]:
        """Judges are looked for when the fold is opened; those of another run are let go."""
        return [gr.update(choices=[], value=[]), gr.skip()]

    def offer_judges(self, run: str | None, chosen: list[str] | None) -> Any:
        """The runs that may judge this one's captions."""
        if not run:
            return gr.skip()
        try:
            alike = self.services.runs_alike(run)
        except NotFound:  # told below
            return gr.skip()
        known = {each.id for each in alike}
        return gr.update(
            choices=[(each.name, each.id) for each in alike],
            value=[each for each in chosen or [] if each in known],
        )

    def offer_if_open(self, is_open: bool, run: str | None, chosen: list[str] | None) -> Any:
        """The run was changed while the fold is open."""
        return self.offer_judges(run, chosen) if is_open else gr.skip()

    def card(self, run: str, *given: Any) -> Html:
        """The worst suspicions, and all of them as a file."""
        return self._card(run, *given)

    def _card(
        self, run: str, judges: list[str] | None, threshold: float, shown: int = _SHOWN
    ) -> Html:
        named, above = [str(each) for each in judges or []], float(threshold)
        found = self.services.suspicions(run, named, above, min(_MOST, max(1, shown)))
        table = self.services.suspicions_table(run, named, above)
        return caption_cards.suspicions(found, modality_of(self.services, run), table)

    def on_act(
        self, run: str, judges: list[str] | None, threshold: float, event: gr.EventData
    ) -> tuple[Any, Any, Any]:
        """A click shows more, or searches from an item."""
        if str(event.act) == "more":
            rows = self.show(run, judges, threshold, rows_asked_for(event))
            return rows, gr.skip(), gr.skip()
        return gr.skip(), str(event.arg), gr.Tabs(selected="explore")
