"""Modality gap: the map as the offset between its sides is taken away, with what retrieval does."""

from __future__ import annotations

from typing import Any, ClassVar

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import Frames, GapReport, GapRequest
from ui import cards, gap_cards, map_figures
from ui.components import gap_slider, panel
from ui.context import QUIET, Context, modality_of, seen, version_of
from ui.guard import may_change, require_changes
from ui.markup import tag
from ui.pages.mapping.moving_mode import MovingMode, Updates


class GapMode(MovingMode):
    """The map at eleven shares of the offset; the slider's figures are those of the run's evaluation."""

    name: ClassVar[str] = "gap"
    label: ClassVar[str] = "Modality gap"
    about: ClassVar[str] = (
        "The slider takes the constant offset between the two sides away bit by bit."
    )

    def __init__(self, context: Context, open_mode: gr.Radio) -> None:
        super().__init__(context, open_mode)
        self.seen = seen(context, "map")

    def lay_out_beside(self) -> list[Any]:
        """The slider with its figures; until there are some, the way to them."""
        self.slider = gap_slider(elem_id="i-gap-mode", visible=False, group=self.name)
        self.measure = panel(elem_id="i-gap-mode-measure")
        return [self.slider, self.measure]

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        super().connect()
        context = self.context
        self.measure.act(self.launch, context.run, [self.measure, context.version], **QUIET)
        # figures that were measured meanwhile appear by themselves
        self.seen.change(
            self.refresh, [context.run, self.open_mode, self.loaded],
            [self.map, *self.beside], **QUIET,
        )  # fmt: skip

    def frames(self, run: str) -> Frames:
        """The gallery at each share."""
        return self.services.gap_frames(run)

    def value(self, run: str, frames: Frames) -> dict[str, Any]:
        """The slider beside the map moves it; without figures, one of its own does."""
        modality = modality_of(self.services, run)
        return map_figures.frames(frames, modality, slider=not frames.figures)

    def show_beside(self, run: str, frames: Frames) -> Updates:
        """The slider of what was measured, or the way to measure it."""
        kept = self.services.newest_evaluation(run, "gap")
        if kept is None or not frames.figures:
            return {
                self.slider: gr.update(value=None, visible=False),
                self.measure: self._invite(run),
            }
        report = GapReport.model_validate(kept.result)
        drawn = gap_cards.slider(kept.id, report, modality_of(self.services, run))
        # what was hidden comes into the browser with what an update names, and nothing else
        shown = gr.update(value=drawn, visible=True, group=self.name)
        return {self.slider: shown, self.measure: ""}

    def hide_beside(self) -> Updates:
        """No slider."""
        return {self.slider: gr.update(value=None, visible=False), self.measure: ""}

    def _invite(self, run: str) -> str:
        if any(each.live for each in self.services.evaluations(run, "gap")):
            return cards.notice("Retrieval at each share is being measured.")
        if not may_change(self.services.settings):
            return cards.notice("What retrieval does at each share was not measured for this run.")
        return tag(
            "section.i-card",
            tag(
                "p",
                "What retrieval does at each share was not measured for this run. It takes seconds.",
            ),
            tag("div.i-row.i-below", cards.button("Measure the gap", "measure", kind="primary")),
        )

    def launch(self, run: str | None) -> tuple[Any, Any]:
        """Measures retrieval at each share."""
        require_changes(self.services.settings)
        if not run:
            return gr.skip(), gr.skip()
        try:
            self.services.launch_evaluation("gap", GapRequest(), run)
        except IsthmusError as error:
            return cards.notice(str(error), "bad"), gr.skip()
        return self._invite(run), version_of(self.services)

    def refresh(self, run: str | None, mode: str, loaded: str) -> Updates:
        """Something about some evaluation has changed."""
        if not run or mode != self.name or not loaded:
            return {}
        try:
            frames = self.frames(run)
        except IsthmusError:
            return {}
        return self.show_beside(run, frames)
