"""Stress: how small a change of a seed sends its chain to another attractor, of runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import gradio as gr
from pydantic import ValidationError

from backend.errors import InvalidInput, IsthmusError, NotFound
from backend.schemas import EvaluationSummary, StressComparison, StressRequest
from ui import cards, drift_figures, evaluation_cards, stress_cards
from ui.components import curves, panel
from ui.context import QUIET, RAW, WORK, Context, version_of
from ui.guard import may_change, require_changes, told
from ui.pages.drifting import jobs
from ui.pages.drifting.given import whole
from ui.pages.drifting.jobs import Opened
from ui.pages.drifting.seeds import Kept, Seeds
from ui.stress_cards import Stressed

#: in the browser: only while the part is in the document
_SHOWN: Final = "(now, old) => document.querySelector('#i-stress-table') ? now : old"

#: components -> what they become; all others stay as they are
Updates = dict[Any, Any]


class StressPart:
    """Lays the part out; its methods answer the events."""

    def __init__(self, context: Context, runs: gr.Dropdown, seeds: Seeds) -> None:
        self.context = context
        self.services = context.services
        self.runs = runs
        self.seeds = seeds
        self.changeable = may_change(context.services.settings)
        self.opened = gr.State(())
        with gr.Column(elem_classes="i-shared"):
            self.seen = gr.Textbox("", visible="hidden", label="seen")
        with gr.Row(elem_classes="i-form-row", equal_height=False):
            with gr.Column(scale=4, min_width=300, elem_classes="i-evaluate-form"):
                with gr.Column(visible=self.changeable, elem_classes="i-evaluate-fields"):
                    self._lay_out_fields()
                    self.fault = panel(elem_id="i-stress-fault")
                    self.go = gr.Button("Test", variant="primary", elem_id="i-stress-go")
                self.list = panel(elem_id="i-stress-list")
            with gr.Column(scale=7, min_width=320, elem_classes="i-game-result"):
                self.table = panel(elem_id="i-stress-table")
                self.curves = curves(elem_id="i-stress-curves")
                self.words = panel(elem_id="i-stress-words")

    def _lay_out_fields(self) -> None:
        self.source = gr.Dropdown(
            [("Pairs of the test split, drawn", "pairs"), ("The seeds that I picked under Chains", "kept")],
            value="pairs", label="Seeds", filterable=False, elem_id="i-stress-source",
        )  # fmt: skip
        with gr.Row(elem_classes="i-game-row"):
            self.pairs = gr.Number(
                50, label="Pairs", precision=0, minimum=1, maximum=500, min_width=90
            )
            self.directions = gr.Number(
                20, label="Random directions", precision=0, minimum=1, maximum=200, min_width=130
            )
            self.pixels = gr.Number(
                20, label="Images, by pixels", precision=0, minimum=0, maximum=200,
                min_width=150,
            )  # fmt: skip
        self.swaps = gr.Checkbox(True, label="swap words of the captions", container=False)
        self.fields = [self.source, self.pairs, self.directions, self.pixels, self.swaps]

    def connect(self, seen: gr.Textbox, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out.

        Args:
            seen: changes whenever a test or a run does while the page is shown.
            tab: the part's.
        """
        view = [self.opened, self.list, self.table, self.curves, self.words]
        seen.change(None, [seen, self.seen], self.seen, js=_SHOWN, **QUIET)
        gr.on([self.seen.change, tab.select], self.show, self.opened, view, **QUIET)
        self.go.click(
            self.start, [self.runs, self.seeds.kept, *self.fields],
            [self.fault, self.opened, self.context.version], **WORK, **RAW,
        ).success(self.show, self.opened, view, **QUIET)  # fmt: skip
        self.list.act(self.on_act, self.opened, [*view, self.context.version], **QUIET)

    def start(
        self, runs: list[str], kept: Kept, source: str, pairs: float, directions: float, pixels: float,
        swaps: bool,
    ) -> tuple[Any, Any, Any]:  # fmt: skip
        """Puts a test of each run into the queue; what cannot be is said above the button."""
        require_changes(self.services.settings)
        try:
            if not runs:
                raise NotFound("Choose at least one finished run above.")
            if source == "kept" and not kept:
                raise InvalidInput(
                    "No seed is picked. Pick some under Chains: the + in their corner."
                )
            request = StressRequest(
                seeds=tuple(kept) if source == "kept" else (), pairs=whole(pairs, 50),
                directions=whole(directions, 20), pixel_seeds=whole(pixels, 0), words=bool(swaps),
            )  # fmt: skip
            made = self.services.start_stress(runs, request)
        except ValidationError as error:
            said = "; ".join(f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
            return cards.notice(f"This cannot be tested. {said}.", "bad"), gr.skip(), gr.skip()
        except IsthmusError as error:
            return cards.notice(str(error), "bad"), gr.skip(), gr.skip()
        return "", tuple(each.id for each in made)[: jobs.MOST_OPEN], version_of(self.services)

    def show(self, opened: Opened) -> Updates:
        """The list of tests, and what those that are open came to; at first the newest is."""
        made = self.services.stress_tests()
        known = {each.id: each for each in made}
        kept = tuple(each for each in opened or () if each in known) or tuple(known)[:1]
        listing = evaluation_cards.listing(
            made, kept, self.services.worker(), self._line, self.changeable, "Tested"
        )
        shown = self._shown([known[each] for each in kept])
        updates: Updates = {self.opened: kept, self.list: listing}
        if not shown:
            text = (
                "Every chain of nearest items ends in an attractor. Here seeds are changed as little as can "
                "be until theirs ends in another one."
            )
            nothing = "" if kept else cards.empty("Nothing tested yet.", text)
            return updates | {self.table: nothing, self.curves: {"plots": []}, self.words: ""}
        return updates | {
            self.table: stress_cards.table(shown, self._compared(shown)),
            self.curves: stress_cards.curves(shown),
            self.words: stress_cards.swapped(shown),
        }

    def _line(self, test: EvaluationSummary) -> str:
        return stress_cards.line(StressRequest.model_validate(test.request), test.run_name)

    def _shown(self, tests: Sequence[EvaluationSummary]) -> list[Stressed]:
        """Those that have finished."""
        names = jobs.names_of(
            [test.run_name for test in tests], ["" for _ in tests], [test.id for test in tests]
        )
        found = []
        for place, (test, name) in enumerate(zip(tests, names, strict=True)):
            try:
                report = self.services.stress_report(test.id)
            except IsthmusError:
                continue
            if report is not None:
                found.append(Stressed(test.id, name, drift_figures.colour_of(place), report))
        return found

    def _compared(self, shown: Sequence[Stressed]) -> StressComparison | None:
        """Two tests against each other, where they can be."""
        if len(shown) != 2:
            return None
        try:
            return self.services.compare_stress(shown[0].id, shown[1].id)
        except IsthmusError:
            return None

    @told
    def on_act(self, opened: Opened, event: gr.EventData) -> Updates:
        """A click in the list: a test is opened beside the others or closed, stopped, resumed, deleted."""
        act, arg = str(event.act), str(event.arg)
        if act == "open":
            return self.show(jobs.toggled(opened, arg))
        jobs.change(self.services, act, arg)
        return self.show(opened) | {self.context.version: version_of(self.services)}
