"""Drift: retrieval cycles of two runs side by side, from one seed item."""

from __future__ import annotations

import secrets
from typing import Any

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import Cycle, Item, Query, QueryPart, Side
from ui import cards, figures, run_cards, words
from ui.components import curves, panel
from ui.context import QUIET, RAW, WORK, Context, finished, modality_of
from ui.guard import told
from ui.markup import Html, tag

_CHOICES = 12
_LONGEST_QUERY = 500
_LEAST, _MOST = 2, 40
#: in the browser: no run, and so no work, before the page was opened
_ONCE_OPENED = """(offered, run, ...rest) =>
    [offered, document.querySelector("#i-seeds") ? run : "", ...rest]"""


class DriftPage:
    """Lays the page out; its methods answer the events."""

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.services = context.services
        self.tab = tab
        self.seed = gr.State(None)
        self.offered = gr.State([])
        self.waiting = panel(elem_id="i-drift-waiting")
        with gr.Row(elem_classes="i-toolbar"):
            self.one = gr.Dropdown([], label="Run", scale=2, elem_id="i-drift-one")
            self.two = gr.Dropdown([], label="Compared with", scale=2, elem_id="i-drift-two")
            self.generations = gr.Slider(
                _LEAST, _MOST, value=10, step=1, label="Generations", scale=2,
                elem_id="i-drift-generations",
            )  # fmt: skip
        with gr.Row(elem_classes="i-searchbar", equal_height=True):
            self.text = gr.Textbox(
                placeholder="Find a seed, for example: a red circle", show_label=False,
                label="Find a seed", container=False, max_lines=1, scale=8,
                elem_classes="i-search", elem_id="i-seed-query", max_length=_LONGEST_QUERY,
            )  # fmt: skip
            self.side = gr.Radio(
                [("Image", "image"), ("Caption", "text")], value="image", show_label=False,
                label="Kind of seed", container=False, scale=0, min_width=210,
            )  # fmt: skip
            self.random = gr.Button("Random seeds", scale=0, min_width=140, elem_id="i-random")
        self.choices = panel(elem_id="i-seeds")
        with gr.Row(elem_classes="i-actions"):
            self.go = gr.Button("Run the cycles", variant="primary", elem_id="i-drift-go", scale=0)
            self.fresh = gr.Checkbox(
                False, label="never the same item twice", container=False, elem_id="i-fresh"
            )
        self.curves = curves(elem_id="i-drift-curves")
        self.strips = panel(elem_id="i-strips")

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        runs = [self.one, self.two]
        offers = [self.offered, self.choices]
        now = [self.one, self.side, self.text, self.seed]
        context.listing.change(
            self.refresh, [*runs, context.run], [*runs, self.waiting], **QUIET, **RAW
        ).then(self.first_offer, [self.offered, *now], offers, js=_ONCE_OPENED, **QUIET, **RAW)
        for changed in (self.one.change, self.tab.select):
            changed(self.name_things, self.one, self.side, **QUIET, **RAW)
        self.tab.select(self.first_offer, [self.offered, *now], offers, **QUIET, **RAW)
        for event in (self.text.submit, self.side.input, self.one.input):
            event(self.offer, now, offers, **QUIET, **RAW)
        self.random.click(self.offer_random, [self.one, self.side, self.seed],
                          [self.text, *offers], **QUIET, **RAW)  # fmt: skip
        result = [self.curves, self.strips]
        self.choices.act(self.choose, self.offered, [self.seed, self.choices], **QUIET).then(
            self.cycles, [*runs, self.seed, self.generations, self.fresh], result, **WORK, **RAW
        )
        for event in (self.go.click, self.fresh.input):
            event(
                self.cycles, [*runs, self.seed, self.generations, self.fresh], result, **WORK, **RAW
            )
        self.waiting.act(lambda: gr.Tabs(selected="new"), None, context.tabs, **QUIET)
        context.seed.change(
            self.take,
            [context.seed, context.run],
            [context.seed, self.one, self.seed, *offers],
            **QUIET,
        ).then(self.cycles, [*runs, self.seed, self.generations, self.fresh], result, **WORK, **RAW)

    def refresh(self, one: str | None, two: str | None, current: str | None) -> tuple[Any, ...]:
        """The two lists of runs; while there is no run, how far the first one is."""
        services = self.services
        ready = finished(services)
        known = [run.id for run in ready]
        choices = [(words.run_label(run), run.id) for run in ready]
        first = next((run for run in (one, current, *known) if run in known), None)
        others = [run for run in known if run != first]
        second = two if two in known or (two == "" and one) else (others or [""])[0]
        waiting = "" if ready else run_cards.first_start(
            services.runs(), services.worker(), services.settings.demo
        )  # fmt: skip
        return (
            gr.update(choices=choices, value=first, interactive=bool(ready)),
            gr.update(choices=[("no second run", ""), *choices], value=second,
                      interactive=bool(ready)),
            waiting,
        )  # fmt: skip

    def name_things(self, run: str | None) -> Any:
        """The kinds of seeds in words of the run's items."""
        thing = words.ITEM_WORDS[modality_of(self.services, run)]
        return gr.update(choices=[(thing.capitalize(), "image"), ("Caption", "text")])

    def first_offer(
        self, offered: list[str], run: str | None, side: Side, text: str, seed: str | None
    ) -> tuple[Any, Any]:
        """Something to choose from when the page is opened."""
        if offered or not run:
            return gr.skip(), gr.skip()
        return self.offer(run, side, text, seed)

    @told
    def offer(self, run: str | None, side: Side, text: str, seed: str | None) -> tuple[Any, Any]:
        """Seeds that fit the words; without words, some of the gallery."""
        if not run:
            return [], ""
        kind: Side = "text" if side == "text" else "image"
        text = str(text or "").strip()[:_LONGEST_QUERY]
        if text:
            asked = Query(parts=(QueryPart(kind="text", value=text),), target=kind, k=_CHOICES)
            (found,) = self.services.search(run, asked).answers
            items = [hit.item for hit in found.hits]
        else:
            items = self.services.random_items(run, kind, _CHOICES, seed=0)
        return self._offered(items, seed)

    @told
    def offer_random(self, run: str | None, side: Side, seed: str | None) -> tuple[Any, Any, Any]:
        """Other seeds at every click."""
        if not run:
            return "", [], ""
        kind: Side = "text" if side == "text" else "image"
        items = self.services.random_items(run, kind, _CHOICES, seed=secrets.randbelow(2**31))
        return "", *self._offered(items, seed)

    def _offered(self, items: list[Item], seed: str | None) -> tuple[list[Item], Html]:
        return items, cards.choices(items, seed)

    def choose(self, offered: list[Item], event: gr.EventData) -> tuple[str, Html]:
        """A clicked seed."""
        seed = str(event.arg)
        return seed, cards.choices(offered, seed)

    @told
    def take(self, seed: str | None, run: str | None) -> tuple[Any, ...]:
        """A seed sent from the map, with the run it was seen in."""
        if not seed or not run:
            return (gr.skip(),) * 5
        item = self.services.item(run, seed)
        return "", run, seed, *self._offered([item], seed)

    @told
    def cycles(
        self, one: str | None, two: str | None, seed: str | None, generations: float, fresh: bool
    ) -> tuple[Any, Any]:
        """The cycles of one or two runs from the seed; each run tells its own fault."""
        runs = list(dict.fromkeys(run for run in (one, two) if run))
        if not runs:
            return gr.skip(), cards.notice("Choose a finished run first.", "warn")
        if not seed:
            return gr.skip(), cards.notice("Choose a seed above first; the cycles start from it.")
        count = min(_MOST, max(_LEAST, int(generations)))
        done: list[Cycle] = []
        parts: list[Html] = []
        for run in runs:
            try:
                cycle = self._cycle(run, seed, count, bool(fresh))
            except IsthmusError as error:
                name = self.services.run(run).summary.name
                parts.append(
                    tag("section.i-cycle", tag("h3", name), cards.notice(str(error), "bad"))
                )
                continue
            done.append(cycle)
            parts.append(cards.film_strip(cycle))
        strips = tag("div.i-cycles", parts)
        return figures.drift_curves(done), strips

    def _cycle(self, run: str, seed: str, generations: int, fresh: bool) -> Cycle:
        """The stored cycle where there is one; one that closes cannot have been a fresh one."""
        for cycle in () if fresh else self.services.cycles(run):
            same = cycle.seed.id == seed and len(cycle.steps) == generations + 1
            if same and cycle.closes_at is not None:
                return cycle
        return self.services.drift(run, seed, generations, revisit=not fresh)
