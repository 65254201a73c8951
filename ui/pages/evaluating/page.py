"""Evaluate: one run's space measured beyond retrieval, encoders by themselves, and all runs ranked."""

from __future__ import annotations

from typing import Any, Protocol

import gradio as gr

from ui import cards
from ui.components import panel
from ui.context import QUIET, RAW, Context, finished, picker, seen
from ui.guard import READONLY, may_change
from ui.pages.evaluating.composition import CompositionPart
from ui.pages.evaluating.diagnostics import DiagnosticsPart
from ui.pages.evaluating.encoders import EncodersPart
from ui.pages.evaluating.gap import GapPart
from ui.pages.evaluating.leaderboard import LeaderboardPart
from ui.pages.evaluating.similarity import SimilarityPart
from ui.pages.evaluating.swapped_words import WordsPart
from ui.pages.evaluating.zero_shot import ZeroShotPart


class Part(Protocol):
    """What stands behind one of the page's own tabs."""

    def __init__(self, context: Context) -> None: ...

    def connect(self, seen: gr.Textbox, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out."""
        ...


#: id in the address (?part=), the name on the tab, what stands there; in the order shown
PARTS: dict[str, tuple[str, type[Part]]] = {
    "zero-shot": ("Zero-shot", ZeroShotPart),
    "composition": ("Composition", CompositionPart),
    "similarity": ("Similarity", SimilarityPart),
    "gap": ("Modality gap", GapPart),
    "words": ("Words", WordsPart),
    "diagnostics": ("Diagnostics", DiagnosticsPart),
    "encoders-before": ("Encoders", EncodersPart),
    "leaderboard": ("Leaderboard", LeaderboardPart),
}


class EvaluatePage:
    """Lays the parts out behind tabs of their own; the run is chosen once for all of them."""

    part_ids = tuple(PARTS)

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.services = context.services
        self.tab = tab
        self.seen = seen(context, "evaluate")
        if not may_change(context.services.settings):
            panel(cards.notice(READONLY))
        with gr.Row(elem_classes="i-toolbar"):
            self.run = gr.Dropdown([], label="Run", elem_id="i-evaluate-run")
        self.laid: list[tuple[Part, gr.Tab]] = []
        with gr.Tabs(
            selected=self.part_ids[0], elem_id="i-evaluate-tabs", elem_classes="i-parts"
        ) as self.parts:
            for name, (label, kind) in PARTS.items():
                with gr.Tab(label, id=name) as part:
                    self.laid.append((kind(context), part))

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        self.run.input(lambda run: run, self.run, context.run, **QUIET, **RAW)
        changes = [context.run.change, context.listing.change, self.tab.select]
        gr.on(changes, self.pick, context.run, self.run, **QUIET)
        for part, tab in self.laid:
            part.connect(self.seen, tab)

    def pick(self, run: str | None) -> Any:
        """The list of runs, with the one that is shown."""
        return picker(finished(self.services), run)
