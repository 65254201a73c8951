"""Map: both modalities of a run in the plane; a click shows neighbours in both."""

from __future__ import annotations

import secrets
from typing import Any

import gradio as gr

from backend import schemas
from backend.errors import IsthmusError
from ui import cards, faces, figures, run_cards, words
from ui.components import map_view, panel
from ui.context import QUIET, RAW, WORK, Context, finished, modality_of, picker
from ui.guard import told
from ui.markup import Html, tag

_LAYOUT_WORDS = {"pca": "PCA", "umap": "UMAP"}
_LONGEST_QUERY = 500
#: in the browser: no run, and so no work, before the map is on the page
_ONCE_OPENED = "(run, ...rest) => [document.querySelector('.i-map') ? run : '', ...rest]"


class MapPage:
    """Lays the page out; its methods answer the events."""

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.services = context.services
        self.tab = tab
        self.loaded = gr.State(None)  # (run, layout) that the browser has
        with gr.Row(elem_classes="i-toolbar"):
            self.run = gr.Dropdown([], label="Run", scale=3, elem_id="i-map-run")
            self.colour = gr.Dropdown(
                [("Modality", "modality")], value="modality", label="Colour by", scale=1,
                elem_id="i-map-colour", filterable=False,
            )  # fmt: skip
            self.prompt = gr.Textbox(
                label="or by similarity to", placeholder="a red circle ⏎", scale=2, max_lines=1,
                elem_classes="i-search", elem_id="i-map-prompt", max_length=_LONGEST_QUERY,
            )  # fmt: skip
        with gr.Row(elem_classes="i-map-row"):
            with gr.Column(scale=7, min_width=320, elem_classes="i-map-main"):
                self.map = map_view(self.card, elem_id="i-map")
                self.words = panel(elem_id="i-map-words")
            with gr.Column(scale=3, min_width=300):
                self.side = panel(elem_id="i-map-side")
        self.clock = gr.Timer(3.0, active=False)

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        view = [self.map, self.words, self.side, self.colour, self.loaded, self.clock]
        now = [context.run, self.loaded, self.colour, self.prompt]
        self.tab.select(self.load, now, view, **WORK)
        context.run.change(self.load_if_seen, now, view, js=_ONCE_OPENED, **QUIET)
        context.run.change(lambda run: picker(finished(self.services), run), context.run, self.run,
                           **QUIET)  # fmt: skip
        context.listing.change(self.refresh, context.run, [self.run, self.side], **QUIET)
        self.run.input(lambda run: run, self.run, context.run, **QUIET, **RAW)
        self.clock.tick(self.follow, now, view, **QUIET)
        self.colour.input(
            self.recolour, [context.run, self.colour], [self.map, self.prompt], **QUIET
        )
        self.prompt.submit(
            self.colour_by_prompt, [context.run, self.prompt], [self.map, self.colour], **WORK
        )
        beside = [self.map, self.side]
        self.map.pick(self.pick, context.run, beside, **QUIET)
        self.map.clear(self.unpick, context.run, beside, **QUIET)
        self.side.act(
            self.on_act, context.run, [*beside, context.query, context.seed, context.tabs], **QUIET
        )

    def refresh(self, run: str | None) -> tuple[Any, Any]:
        """The list of runs; while there is none, how far the first one is."""
        ready = finished(self.services)
        return picker(ready, run), gr.skip() if ready else self._waiting()

    def _waiting(self) -> Html:
        services = self.services
        return run_cards.first_start(services.runs(), services.worker(), services.settings.demo)

    def card(self, run: str, item: str) -> dict[str, str]:
        """What is shown beside a point under the pointer; empty where there is no such item."""
        try:
            found = self.services.item(str(run), str(item))
        except IsthmusError:
            return {}
        caption = faces.described(found)
        own = found.text or found.image_id
        return {
            "src": words.file_url(found.thumbnail) if found.thumbnail else "",
            "alt": caption,
            "caption": own[:240] if found.side == "image" and not found.thumbnail else caption,
            "side": "i-side " + found.side,
            "kind": words.thing(found.side, found.modality),
        }

    @told
    def load(
        self, run: str | None, loaded: list[str] | None, colour: str, prompt: str
    ) -> tuple[Any, ...]:
        """Sends a run's map, unless the browser has it already."""
        if not run:
            return gr.skip(), "", self._waiting(), gr.skip(), None, gr.Timer(active=False)
        view = self.services.map_view(run)
        if loaded == [run, view.layout]:
            return (gr.skip(),) * 6
        names = self.services.map_colourings(run)
        modality = modality_of(self.services, run)
        colour = colour if colour in names else "modality"
        same_run = loaded is not None and loaded[0] == run
        if same_run and prompt:
            column = self.services.map_similarity(run, prompt)
        else:
            column = self.services.map_colouring(run, colour)
        value: dict[str, Any] = {
            "value": figures.geometry(view),
            "colouring": figures.colours(run, column),
        }
        if not same_run:
            value["rays"] = None
        choices = [(name.capitalize(), name) for name in names]
        return (
            gr.update(**value),
            self._words(view, modality),
            gr.skip() if same_run else self._hint(modality),
            gr.update(choices=choices, value=colour),
            [run, view.layout],
            gr.Timer(active=view.layout == "pca"),
        )

    def load_if_seen(
        self, run: str, loaded: list[str] | None, colour: str, prompt: str
    ) -> tuple[Any, ...]:
        """Loads another run's map where the page was opened before; else opening it does."""
        return self.load(run, loaded, colour, prompt) if run else (gr.skip(),) * 6

    def follow(
        self, run: str | None, loaded: list[str] | None, colour: str, prompt: str
    ) -> tuple[Any, ...]:
        """Takes over the UMAP as soon as it is ready. A fault waits for the next time."""
        try:
            return self.load(run, loaded, colour, prompt)
        except gr.Error:
            return (*(gr.skip(),) * 5, gr.Timer(active=False))

    def _words(self, view: schemas.MapView, modality: schemas.Modality) -> Html:
        drawn = words.count(len(view.ids), "point")
        if view.total > len(view.ids):
            drawn = f"{len(view.ids):,} of {view.total:,} points, a sample"
        later = (
            " UMAP is being prepared and takes its place by itself." if view.layout == "pca" else ""
        )
        return tag(
            "p.i-soft", tag("b.i-tag", _LAYOUT_WORDS[view.layout], data_layout=view.layout),
            f" {drawn}. {view.graph.rstrip('.')}.{later} "
            f"Circles are {words.ITEM_WORDS[modality]}s, diamonds captions. "
            "Scroll to zoom, drag to move, double-click for all.",
        )  # fmt: skip

    def _hint(self, modality: schemas.Modality) -> Html:
        thing = words.ITEM_WORDS[modality]
        return cards.empty(
            "Choose a point.",
            f"Its nearest {thing}s and captions appear here, with lines to them on the map.",
            tag("div.i-row.centre", cards.button(f"A random {thing}", "random")),
        )

    @told
    def recolour(self, run: str | None, colour: str) -> tuple[Any, Any]:
        """Colours by modality or by an attribute."""
        if not run:
            return gr.skip(), gr.skip()
        column = self.services.map_colouring(run, str(colour))
        return gr.update(colouring=figures.colours(run, column)), ""

    @told
    def colour_by_prompt(self, run: str | None, prompt: str) -> tuple[Any, Any]:
        """Colours by similarity to a prompt."""
        prompt = str(prompt or "").strip()[:_LONGEST_QUERY]
        if not run:
            return gr.skip(), gr.skip()
        if not prompt:
            return self.recolour(run, "modality")[0], "modality"
        column = self.services.map_similarity(run, prompt)
        return gr.update(colouring=figures.colours(run, column)), None

    @told
    def pick(self, run: str | None, event: gr.EventData) -> tuple[Any, Any]:
        """A clicked point: its neighbours beside the map and lines to them on it."""
        return self._beside(run, str(event.id))

    def _beside(self, run: str | None, item: str) -> tuple[Any, Any]:
        if not run:
            return gr.skip(), gr.skip()
        near = self.services.neighbours(run, item)
        return gr.update(rays=figures.rays(run, near)), cards.neighbours(near)

    def unpick(self, run: str | None) -> tuple[Any, Any]:
        """Nothing is chosen any more."""
        return gr.update(rays=None), self._hint(modality_of(self.services, run))

    @told
    def on_act(self, run: str | None, event: gr.EventData) -> tuple[Any, ...]:
        """A click in the list of neighbours."""
        act, arg = str(event.act), str(event.arg)
        stay = gr.skip(), gr.skip(), gr.skip()
        if act == "pick":
            return *self._beside(run, arg), *stay
        if act == "random" and run:
            chosen = self.services.random_items(run, "image", 1, seed=_next_seed())[0]
            return *self._beside(run, chosen.id), *stay
        if act == "search":
            return gr.skip(), gr.skip(), arg, gr.skip(), gr.Tabs(selected="explore")
        if act == "seed":
            return gr.skip(), gr.skip(), gr.skip(), arg, gr.Tabs(selected="drift")
        if act == "new":
            return gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.Tabs(selected="new")
        return *self.unpick(run), *stay


def _next_seed() -> int:
    """Another one at every call; a click on "random" is meant to surprise."""
    return secrets.randbelow(2**31)
