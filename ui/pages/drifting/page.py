"""The page Drift: the runs are chosen once for chains, games, attractors and stress."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui import run_cards, words
from ui.components import panel
from ui.context import QUIET, RAW, Context, finished, seen
from ui.pages.drifting.attractors import AttractorsPart
from ui.pages.drifting.chains import MOST_RUNS, ChainsPart, Runs
from ui.pages.drifting.games import GamesPart
from ui.pages.drifting.stress import StressPart


class DriftPage:
    """Lays the parts out behind tabs of their own."""

    part_ids = ("chains", "games", "attractors", "stress")

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.services = context.services
        self.tab = tab
        self.seen = seen(context, "drift")
        self.waiting = panel(elem_id="i-drift-waiting")
        with gr.Row(elem_classes="i-toolbar"):
            self.runs = gr.Dropdown(
                [], label="Runs, beside each other from the same seeds", multiselect=True, value=[],
                max_choices=MOST_RUNS, elem_id="i-drift-runs",
            )  # fmt: skip
        with gr.Tabs(
            selected=self.part_ids[0], elem_id="i-drift-tabs", elem_classes="i-parts"
        ) as self.parts:
            with gr.Tab("Chains", id="chains") as self.chains_tab:
                self.chains = ChainsPart(context, self.runs)
            with gr.Tab("Games", id="games") as self.games_tab:
                self.games = GamesPart(context, self.runs, self.chains.seeds)
            with gr.Tab("Attractors", id="attractors") as self.attractors_tab:
                self.attractors = AttractorsPart(context, self.runs)
            with gr.Tab("Stress", id="stress") as self.stress_tab:
                self.stress = StressPart(context, self.runs, self.chains.seeds)

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        now = [self.runs, context.run]
        context.listing.change(self.refresh, now, [self.runs, self.waiting], **QUIET, **RAW)
        self.waiting.act(lambda: gr.Tabs(selected="new"), None, context.tabs, **QUIET)
        self.chains.connect(self.tab, self.chains_tab, self.parts)
        self.games.connect(self.seen, self.games_tab)
        self.attractors.connect(self.attractors_tab)
        self.stress.connect(self.seen, self.stress_tab)

    def refresh(self, chosen: Runs, current: str | None) -> tuple[Any, Any]:
        """The list of runs; at first the one that all pages show and another. While there is none, how far
        the first one is."""
        services = self.services
        ready = finished(services)
        known = [run.id for run in ready]
        choices = [(words.run_label(run), run.id) for run in ready]
        shown = [run for run in chosen or () if run in known]
        if not shown:
            first = current if current in known else known[0] if known else None
            shown = [first, *(run for run in known if run != first)][:2] if first else []
        waiting = "" if ready else run_cards.first_start(
            services.runs(), services.worker(), services.settings.demo
        )  # fmt: skip
        return gr.update(choices=choices, value=shown, interactive=bool(ready)), waiting
