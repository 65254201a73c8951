"""Before and after: what the frozen encoders gave, each by itself, beside what the heads made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import gradio as gr
import numpy as np

from backend.errors import IsthmusError
from backend.schemas import (
    LayoutMethod,
    LayoutRequest,
    MapView,
    Modality,
    Space,
    pack,
    unpack,
)
from ui import cards, map_figures, words
from ui.components import map_view, panel
from ui.context import QUIET, RAW, WORK, Context, modality_of, offered
from ui.guard import told
from ui.markup import Html, tag
from ui.pages.mapping.hovering import HoverCards
from ui.pages.mapping.mode import Mode
from ui.run_cards import bar
from ui.turns import Turns

#: components -> what they become; all others stay as they are
Updates = dict[Any, Any]

#: the spaces in the order they are shown: before on either side, after in the middle
SPACES: Final[tuple[Space, ...]] = ("image encoder", "shared", "text encoder")
#: in the browser: no run, and so no work, before the mode is on the page
_ONCE_OPENED: Final = (
    "(run, ...rest) => [document.querySelector('#i-before-told') ? run : '', ...rest]"
)


class BeforeAfterMode(Mode):
    """Three maps. What is chosen on one is chosen on all, an item with its captions."""

    name: ClassVar[str] = "before"
    label: ClassVar[str] = "Before and after"

    def __init__(self, context: Context, open_mode: gr.Radio) -> None:
        self.context = context
        self.services = context.services
        self.open_mode = open_mode
        self.loaded = gr.State(())  # keys of what the browser has, a map each
        self.turns = gr.State(Turns())
        look = HoverCards(self.services).card
        with gr.Row(elem_classes="i-toolbar"):
            self.method = gr.Radio(
                [("UMAP", "umap"), ("PCA", "pca")], value="umap", label="Layout", scale=0,
                min_width=180, elem_id="i-before-layout",
            )  # fmt: skip
            self.colour = gr.Dropdown(
                [("Modality", "modality")], value="modality", label="Colour by", scale=1,
                min_width=180, filterable=False, elem_id="i-before-colour",
            )  # fmt: skip
        self.told = panel(elem_id="i-before-told")
        self.maps, self.names = [], []
        with gr.Row(elem_classes="i-three-maps"):
            for space in SPACES:
                with gr.Column(min_width=260):
                    self.names.append(panel(kind="i-map-name"))
                    self.maps.append(map_view(look, elem_id=f"i-before-{space.split()[0]}"))
        self.words = panel(elem_id="i-before-words")
        self.clock = gr.Timer(2.0, active=False)

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        now = [context.run, self.open_mode, self.method, self.colour, self.loaded]
        asked = [*now, self.turns]
        out = [*self.maps, *self.names, self.told, self.words, self.colour, self.loaded, self.clock]
        # the field's change is what brings the mode into the document; the run's may come while it is not
        slow = {**WORK, "show_progress_on": self.maps}
        gr.on([self.open_mode.change, self.method.input], self.load, asked, out, **slow)
        context.run.change(self.load, asked, out, js=_ONCE_OPENED, **slow)
        # through the queue as well: beside it, an answer could reach the browser after a later one
        self.clock.tick(
            self.load, asked, out, js=_ONCE_OPENED, **{**WORK, "show_progress": "hidden"}
        )
        self.colour.input(self.recolour, now, self.maps, **QUIET, **RAW)
        chosen = [*self.maps, context.selection]
        choosing = [context.run, self.method]
        for at, each in enumerate(self.maps):
            each.pick(self.pick, choosing, chosen, **QUIET)
            each.lasso(_of(self.lasso, at), choosing, chosen, **QUIET)
        context.selection.change(
            self.follow_selection, [*choosing, context.selection, self.loaded], self.maps,
            js=_ONCE_OPENED, **QUIET,
        )  # fmt: skip

    # --- what is shown --------------------------------------------------------------------------

    @told
    def load(
        self,
        run: str | None,
        mode: str,
        method: str,
        colour: str,
        loaded: Sequence[str],
        turns: Turns,
    ) -> Updates:
        """All three maps; one whose layout is not there yet is empty until it is."""
        if not run or mode != self.name:
            return {self.clock: gr.Timer(active=False)}
        turn = turns.take()
        updates = self._loaded(run, method, colour, loaded)
        return {} if turns.is_over(turn) else updates

    def _loaded(self, run: str, method: str, colour: str, loaded: Sequence[str]) -> Updates:
        modality = modality_of(self.services, run)
        try:
            views = self._views(run, method)
        except IsthmusError as error:
            nothing: Updates = {each: gr.update(value=None) for each in self.maps}
            told = cards.empty(self.label, str(error))
            return nothing | {self.told: told, self.loaded: (), self.clock: gr.Timer(active=False)}
        waiting = [space for space, view in zip(SPACES, views, strict=True) if not view.ready]
        live, how_far = self._progress(run, method, waiting)
        keys = tuple(_key(view) for view in views)
        updates: Updates = {
            self.told: how_far,
            self.clock: gr.Timer(active=live),
            self.loaded: keys,
        }
        names = self.services.map_colourings(run)
        chosen = colour if colour in names else "modality"
        for at, (each, view) in enumerate(zip(self.maps, views, strict=True)):
            if at < len(loaded) and loaded[at] == keys[at] and keys[at]:
                continue
            value = map_figures.geometry(view, modality) if view.ready else None
            column = self._colours(view, chosen, modality) if view.ready else {}
            updates[each] = gr.update(value=value, colouring=column, group="")
            updates[self.names[at]] = _title(SPACES[at], view, modality)
        return updates | {
            self.words: self._words(views, modality),
            self.colour: offered([(name.capitalize(), name) for name in names], chosen, colour),
        }

    def _views(self, run: str, method: str) -> list[MapView]:
        return [self.services.map_view(run, _layout(space, method)) for space in SPACES]

    def _progress(self, run: str, method: str, waiting: Sequence[Space]) -> tuple[bool, Html | str]:
        """Whether a layout is being made, and how far they are; why one will not come."""
        jobs = [self.services.map_progress(run, _layout(space, method)) for space in waiting]
        known = [job for job in jobs if job is not None]
        failed = next((job.error for job in known if job.error), None)
        if failed:
            return False, cards.notice(failed, "bad")
        live = [job for job in known if job.live]
        if not waiting:
            return False, ""
        if not live:
            return False, cards.notice(
                f"Not drawn here: {words.listed(list(waiting))}. A place that is not read-only makes it."
            )
        going = next((job.progress for job in live if job.progress), None)
        line = words.progress_line(going) if going else "starts when the worker is free"
        return True, tag(
            "div.i-map-progress",
            tag("span", f"Being laid out: {words.listed(list(waiting))}."),
            tag("span.i-soft", line),
            bar(words.progress_share(going) if going else None, "being laid out"),
            role="status",
        )  # fmt: skip

    def _words(self, views: Sequence[MapView], modality: Modality) -> Html:
        thing = words.ITEM_WORDS[modality]
        return tag(
            "p.i-soft",
            "Left and right what the frozen encoders gave, before any head, each laid out by itself: "
            f"{thing}s and captions. In the middle what the heads made of them. What is chosen on one map is "
            f"chosen on all, with its item and that item's captions. {views[1].graph}",
        )

    def _colours(self, view: MapView, colour: str, modality: Modality) -> dict[str, Any]:
        column = self.services.map_colouring(view.run, colour, view.points, view.layout)
        return map_figures.colours(map_figures.key_of(view), column, modality)

    @told
    def recolour(
        self, run: str | None, mode: str, method: str, colour: str, loaded: Sequence[str]
    ) -> Updates:
        """Other colours on the same points."""
        if not run:
            return {}
        modality = modality_of(self.services, run)
        return {
            each: gr.update(colouring=self._colours(view, str(colour), modality))
            for each, view in zip(self.maps, self._views(run, method), strict=True)
            if view.ready
        }

    # --- what is chosen, which is the other pages', too -------------------------------------------

    @told
    def pick(self, run: str | None, method: str, event: gr.EventData) -> Updates:
        """A clicked point: its item is chosen on all three maps."""
        if not run:
            return {}
        point = event.point if isinstance(event.point, int) else -1
        return self._choose(run, method, np.array([point]))

    @told
    def lasso(self, at: int, run: str | None, method: str, event: gr.EventData) -> Updates:
        """Chosen rows of one map: their items are chosen on all."""
        if not run:
            return {}
        view = self._views(run, method)[at]
        rows = map_figures.read_bits(str(event.rows), len(view.points))
        return self._choose(run, method, view.points[rows])

    def _choose(self, run: str, method: str, points: Any) -> Updates:
        whole = self.services.whole_items(run, points)
        views = self._views(run, method)
        packed = pack(run, views[1].total, whole.tolist())
        return self._selected(views, whole) | {self.context.selection: packed}

    def follow_selection(
        self, run: str | None, method: str, selection: str, loaded: Sequence[str]
    ) -> Updates:
        """The selection of another page."""
        if not run or not loaded:
            return {}
        try:
            found, views = unpack(str(selection)), self._views(run, method)
        except IsthmusError:
            return {}
        here = found is not None and found.run == run and found.total == views[1].total
        return self._selected(views, found.points if found is not None and here else [])

    def _selected(self, views: Sequence[MapView], points: Any) -> Updates:
        return {
            each: gr.update(selected=map_figures.bits(np.isin(view.points, points)))
            for each, view in zip(self.maps, views, strict=True)
        }


def _layout(space: Space, method: str) -> LayoutRequest:
    chosen: LayoutMethod = "pca" if method == "pca" else "umap"
    return LayoutRequest(method=chosen, space=space)


def _key(view: MapView) -> str:
    return map_figures.key_of(view) if view.ready else ""


def _title(space: Space, view: MapView, modality: Modality) -> Html:
    named = {
        "image encoder": f"Before: {words.encoder_label('image', modality).lower()}",
        "shared": "After: the shared space",
        "text encoder": f"Before: {words.encoder_label('text', modality).lower()}",
    }[space]
    return tag(
        "h3", named, tag("small.i-soft", f" {len(view.points):,} points" if view.ready else "")
    )


def _of(handler: Any, at: int) -> Any:
    """A handler of one of several maps."""

    def of_one(run: str | None, method: str, event: gr.EventData) -> Updates:
        updates: Updates = handler(at, run, method, event)
        return updates

    return of_one
