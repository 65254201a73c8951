"""Chains from one seed: each run's nearest items in turn, in step, as curves and on the map, at once."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import Cycle, Item, Side
from ui import cards, drift_cards, drift_figures
from ui.components import curves, panel
from ui.context import IN_TURN, QUIET, RAW, Context
from ui.drift_cards import Lane
from ui.guard import told
from ui.markup import Html
from ui.pages.drifting.given import whole
from ui.pages.drifting.on_map import DriftMap
from ui.pages.drifting.seeds import CHOICES, Kept, Seeds

#: runs beside each other
MOST_RUNS: Final = 4
_LEAST, _MOST = 2, 40
#: one after the other, so that the chains that are shown are those of the seed that was picked last
_IN_ORDER: Final[dict[str, Any]] = {
    **IN_TURN,
    "concurrency_id": "cycles",
    "show_progress": "minimal",
}
_PICKED: Final[dict[str, Any]] = {**IN_TURN, "concurrency_id": "seeds"}
#: in the browser: no run, and so no work, before the page was opened
_ONCE_OPENED: Final = """(offered, runs, ...rest) =>
    [offered, document.querySelector("#i-seeds") ? runs : [], ...rest]"""

#: ids of the chosen runs
Runs = list[str]


class ChainsPart:
    """Lays the part out; its methods answer the events.

    Attributes:
        seeds: what the games start from, too.
    """

    def __init__(self, context: Context, runs: gr.Dropdown) -> None:
        self.context = context
        self.services = context.services
        self.runs = runs
        self.seed = gr.State(None)
        self.lanes = gr.State([])
        self.seeds = Seeds(context.services)
        with gr.Row(elem_classes="i-actions i-drift-acts"):
            self.go = gr.Button("Run the cycles", variant="primary", elem_id="i-drift-go", scale=0)
            self.generations = gr.Slider(
                _LEAST, _MOST, value=10, step=1, label="Generations", scale=0,
                elem_id="i-drift-generations",
            )  # fmt: skip
            self.fresh = gr.Checkbox(
                False, label="never the same item twice", container=False, elem_id="i-fresh"
            )
        self.strips = panel(script="strips", elem_id="i-strips")
        with gr.Row(elem_classes="i-drift-below", visible=False) as self.below:
            with gr.Column(scale=4, min_width=300):
                self.curves = curves(elem_id="i-drift-curves")
            with gr.Column(scale=5, min_width=320):
                self.whose = gr.Radio(
                    [], label="On the map of", visible=False, elem_id="i-drift-whose",
                    elem_classes="i-inline",
                )  # fmt: skip
                self.on_map = DriftMap(context, "i-drift-map")

    def connect(self, page: gr.Tab, tab: gr.Tab, parts: gr.Tabs) -> None:
        """Wires the events, once all pages are laid out.

        Args:
            page: the page's tab.
            tab: the part's.
            parts: the page's parts, one of which plays games.
        """
        context, seeds, runs = self.context, self.seeds, self.runs
        now = [runs, seeds.side, seeds.text, self.seed, seeds.kept]
        offers = [seeds.offered, seeds.choices]
        for event in (page.select, tab.select, runs.change):
            event(self.first_offer, [seeds.offered, *now], offers, js=_ONCE_OPENED, **QUIET, **RAW)
        for event in (seeds.text.submit, seeds.side.input, runs.input):
            event(self.offer, now, offers, **QUIET, **RAW)
        seeds.random.click(self.offer_random, now, [seeds.text, *offers], **QUIET, **RAW)
        seeds.lassoed.click(
            self.offer_lassoed, [context.selection, *now],
            [seeds.kept, seeds.picked, *offers], **QUIET, **RAW,
        )  # fmt: skip
        self._connect_chains(now, offers, parts)
        for event in (runs.change, tab.select, page.select):
            event(seeds.name_things, runs, seeds.side, preprocess=False, **QUIET)
        for event in (runs.change, tab.select, page.select, context.selection.change):
            event(self.lasso_button, [runs, context.selection], seeds.lassoed, **QUIET, **RAW)

    def _connect_chains(self, now: list[Any], offers: list[Any], parts: gr.Tabs) -> None:
        context, seeds, on_map = self.context, self.seeds, self.on_map
        asked = [self.runs, self.seed, self.generations, self.fresh]
        drawn = [self.strips, self.curves, self.lanes, self.below, self.whose]
        mapped = [self.runs, self.lanes, self.whose, on_map.loaded]
        shown = [on_map.map, on_map.loaded]

        def follow(event: Any) -> None:
            event.then(self.cycles, asked, drawn, **_IN_ORDER, **RAW).then(
                self.draw, mapped, shown, **QUIET, **RAW, trigger_mode="multiple"
            )

        acted = [self.seed, seeds.kept, seeds.choices, seeds.picked, parts]
        picking = [seeds.offered, self.runs, self.seed, seeds.kept]
        follow(seeds.choices.act(self.on_seed, picking, acted, **_PICKED, **RAW))
        seeds.picked.act(self.on_seed, picking, acted, **_PICKED, **RAW)
        for event in (self.go.click, self.fresh.input, self.generations.release, self.runs.input):
            event(self.cycles, asked, drawn, **_IN_ORDER, **RAW).then(
                self.draw, mapped, shown, **QUIET, **RAW, trigger_mode="multiple"
            )
        self.whose.input(self.draw, mapped, shown, **QUIET, **RAW)
        follow(
            on_map.map.pick(
                self.pick, [self.whose, *now], [self.seed, *offers], **QUIET, **RAW
            )
        )  # fmt: skip
        on_map.map.lasso(
            self.lasso,
            [self.whose, context.selection],
            [on_map.map, context.selection],
            **QUIET,
            **RAW,
        )
        follow(
            context.seed.change(
                self.take, [context.seed, context.run, self.runs, seeds.kept],
                [context.seed, self.runs, self.seed, *offers], **QUIET, **RAW,
            )
        )  # fmt: skip

    # --- seeds -----------------------------------------------------------------------------------

    def first_offer(
        self, offered: list[Item], runs: Runs, side: Side, text: str, seed: str | None, kept: Kept
    ) -> tuple[Any, Any]:
        """Something to choose from when the page is opened."""
        if offered or not runs:
            return gr.skip(), gr.skip()
        return self.offer(runs, side, text, seed, kept)

    @told
    def offer(
        self, runs: Runs, side: Side, text: str, seed: str | None, kept: Kept
    ) -> tuple[Any, Any]:
        """Seeds that fit the words; without words, some of the gallery."""
        if not runs:
            return [], ""
        return self._offered(self.seeds.found(runs[0], side, text), seed, kept)

    @told
    def offer_random(
        self, runs: Runs, side: Side, text: str, seed: str | None, kept: Kept
    ) -> tuple[Any, Any, Any]:
        """Other seeds at every click."""
        if not runs:
            return "", [], ""
        return "", *self._offered(self.seeds.drawn(runs[0], side), seed, kept)

    @told
    def offer_lassoed(
        self, selection: str, runs: Runs, side: Side, text: str, seed: str | None, kept: Kept
    ) -> tuple[Any, ...]:
        """The points that are chosen on the map: all are kept, the first are offered."""
        run = runs[0] if runs else None
        items = self.seeds.on_map(run, selection)
        kept = self.seeds.joined(tuple(kept), tuple(item.id for item in items))
        return kept, self.seeds.tray(run, kept), *self._offered(items[:CHOICES], seed, kept)

    def _offered(self, items: list[Item], seed: str | None, kept: Kept) -> tuple[Any, Any]:
        return items, drift_cards.seeds(items, seed, kept)

    def lasso_button(self, runs: Runs, selection: str) -> Any:
        """The way to the map's selection."""
        return self.seeds.lasso_button(runs[0] if runs else None, selection)

    @told
    def on_seed(
        self, offered: list[Item], runs: Runs, seed: str | None, kept: Kept, event: gr.EventData
    ) -> tuple[Any, ...]:
        """A seed is clicked, kept, or let go of; or a game is to be played with those that are kept."""
        act, arg, run = str(event.act), str(event.arg), runs[0] if runs else None
        kept = tuple(kept)
        if act == "play":
            return gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.Tabs(selected="games")
        if act == "pick":
            seed = arg
        elif act == "keep" and run:
            kept = self.seeds.toggled(kept, self.services.item(run, arg).id)
        elif act == "drop":
            kept = ()
        tray = gr.skip() if act == "pick" else self.seeds.tray(run, kept)
        return seed, kept, drift_cards.seeds(offered, seed, kept), tray, gr.skip()

    @told
    def pick(
        self,
        whose: str | None,
        runs: Runs,
        side: Side,
        text: str,
        seed: str | None,
        kept: Kept,
        event: gr.EventData,
    ) -> tuple[Any, ...]:
        """A point of the map is the next seed."""
        item = self.on_map.picked(whose, event)
        if item is None:
            return (gr.skip(),) * 3
        return item.id, *self._offered([item], item.id, kept)

    @told
    def lasso(self, whose: str | None, selection: str, event: gr.EventData) -> tuple[Any, Any]:
        """Points are chosen on the map, for all pages."""
        return self.on_map.chosen(whose, event, selection)

    @told
    def take(self, seed: str | None, run: str | None, runs: Runs, kept: Kept) -> tuple[Any, ...]:
        """A seed sent from the map, with the run it was seen in."""
        if not seed or not run:
            return (gr.skip(),) * 5
        item = self.services.item(run, seed)
        ordered = [run, *(each for each in runs or () if each != run)]
        return "", ordered, seed, *self._offered([item], seed, kept)

    # --- chains ----------------------------------------------------------------------------------

    @told
    def cycles(
        self, runs: Runs, seed: str | None, generations: float, fresh: bool
    ) -> tuple[Any, ...]:
        """The chains of all runs from the seed; each run tells its own fault."""
        if not runs:
            return cards.notice("Choose a finished run first.", "warn"), *self._nothing()
        if not seed:
            text = "Choose a seed above first; the cycles start from it."
            return cards.notice(text), *self._nothing()
        count = min(_MOST, max(_LEAST, whole(generations, _LEAST)))
        lanes: list[Lane] = []
        faults: list[Html] = []
        for run in dict.fromkeys(runs[:MOST_RUNS]):
            try:
                cycle = self._cycle(run, seed, count, bool(fresh))
            except IsthmusError as error:
                faults.append(drift_cards.failed(self.services.run(run).summary.name, str(error)))
                continue
            colour = drift_figures.colour_of(len(lanes))
            lanes.append(Lane(cycle.run_name, colour, drift_cards.chain_of(cycle), run))
        key = "/".join(["chains", seed, str(count), str(fresh), *(lane.id for lane in lanes)])
        choices = [(lane.name, lane.id) for lane in lanes]
        return (
            drift_cards.strips(lanes, drift_figures.GROUP, key, faults),
            drift_figures.chain_curves(lanes),
            lanes,
            gr.update(visible=bool(lanes)),
            gr.update(
                choices=choices, value=choices[0][1] if choices else None, visible=len(choices) > 1
            ),
        )

    def _nothing(self) -> tuple[Any, ...]:
        return gr.skip(), [], gr.update(visible=False), gr.skip()

    def _cycle(self, run: str, seed: str, generations: int, fresh: bool) -> Cycle:
        """The stored cycle where there is one; one that closes cannot have been a fresh one."""
        for cycle in () if fresh else self.services.cycles(run):
            same = cycle.seed.id == seed and len(cycle.steps) == generations + 1
            if same and cycle.closes_at is not None:
                return cycle
        return self.services.drift(run, seed, generations, revisit=not fresh)

    def draw(
        self, runs: Runs, lanes: list[Lane], whose: str | None, loaded: str
    ) -> tuple[Any, Any]:
        """The chains on one of the runs' maps; a run without a map has none."""
        shown = [lane.id for lane in lanes]
        if not shown:
            return gr.skip(), gr.skip()
        try:
            view = self.on_map.view(whose if whose in shown else shown[0])
        except IsthmusError:
            return gr.update(value=None), ""
        points, key = self.on_map.points(view, loaded)
        return gr.update(**points, tracks=self.on_map.lines(view, lanes)), key
