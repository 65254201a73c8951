"""Maps: both runs' maps beside each other, or one that moves from A to B, and whose neighbours changed."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr
import numpy as np

from backend.errors import IsthmusError, NotFound
from backend.schemas import (
    USUAL_POINTS,
    Colouring,
    EvaluationSummary,
    Frames,
    Item,
    LayoutRequest,
    QueryPart,
    pack,
    unpack,
)
from backend.schemas import Query as Asked
from ui import beside_cards, cards, map_figures, queries
from ui.components import map_view, panel
from ui.context import QUIET, RAW, WORK, Context, modality_of
from ui.guard import told
from ui.markup import Html, tag
from ui.pages.mapping.hovering import HoverCards
from ui.turns import Turns

#: what points are coloured by that no single run has
KEPT: Final = "neighbours kept"
_GROUP: Final = "compare"
_METHODS: Final = (("UMAP", "umap"), ("PCA", "pca"))
#: in the browser: no run, and so no work, before the part is on the page
_ONCE_OPENED: Final = "(run, ...rest) => [document.querySelector('#i-changed') ? run : '', ...rest]"

#: components -> what they become; all others stay as they are
Updates = dict[Any, Any]


class MapsPart:
    """Lays the part out; its methods answer the events. Rows of the maps are those of the frames."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.services = context.services
        self.loaded = gr.State("")  # key of what the browser has, and how it is shown
        self.chosen = gr.State("")  # id of the item with rays
        look = HoverCards(context.services).card
        with gr.Row(elem_classes="i-toolbar i-compare-tools"):
            self.mode = gr.Radio(
                [("Two maps", "two"), ("From A to B", "morph")], value="two", label="Shown as",
                scale=0, min_width=260, elem_id="i-compare-mode",
            )  # fmt: skip
            self.method = gr.Radio(
                list(_METHODS), value="umap", label="Layout", scale=0, min_width=180,
                elem_id="i-compare-layout",
            )  # fmt: skip
            self.colour = gr.Dropdown(
                [("Modality", "modality"), ("Neighbours kept", KEPT)], value="modality",
                label="Colour by", scale=1, min_width=180, elem_id="i-compare-colour",
                filterable=False,
            )  # fmt: skip
        self.told = panel(elem_id="i-compare-maps-told")
        with gr.Row(elem_classes="i-two-maps") as self.two:
            with gr.Column(min_width=300):
                self.names = [panel(kind="i-map-name")]
                self.left = map_view(look, elem_id="i-compare-left")
            with gr.Column(min_width=300):
                self.names.append(panel(kind="i-map-name"))
                self.right = map_view(look, elem_id="i-compare-right")
        with gr.Column(visible=False) as self.one:
            self.morph = map_view(look, elem_id="i-compare-morph")
        self.words = panel(elem_id="i-compare-words")
        with gr.Row(elem_classes="i-compare-below"):
            with gr.Column(scale=4, min_width=320):
                self.changed = panel(elem_id="i-changed")
            with gr.Column(scale=5, min_width=320):
                self.pair = panel(script="twins", elem_id="i-compare-pair")
        self.clock = gr.Timer(2.0, active=False)
        self.turns = gr.State(Turns())

    # --- events ---------------------------------------------------------------------------------

    def connect(self, page: gr.Tab, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out."""
        context, maps = self.context, [self.left, self.right, self.morph]
        both = [context.run, context.other]
        now = [*both, self.method, self.mode, self.colour, self.loaded, self.turns]
        view = [*maps, *self.names, self.two, self.one, self.told, self.words, self.changed,
                self.colour, self.loaded, self.clock, self.pair, self.chosen]  # fmt: skip
        slow = {**WORK, "show_progress_on": maps}
        gr.on([page.select, tab.select], self.load, now, view, js=_ONCE_OPENED, **slow)
        gr.on([field.change for field in both], self.load, now, view, js=_ONCE_OPENED, **slow)
        gr.on([self.method.input, self.mode.input], self.load, now, view, **slow)
        # through the queue as well: beside it, an answer could reach the browser after a later one
        self.clock.tick(self.load, now, view, **{**WORK, "show_progress": "hidden"})
        tab.select(self.mark, [*both, self.method, context.asked], maps, js=_ONCE_OPENED, **QUIET)
        context.asked.change(
            self.mark, [*both, self.method, context.asked], maps, js=_ONCE_OPENED, **QUIET
        )
        self.colour.input(self.recolour, [*both, self.method, self.colour], maps, **WORK, **RAW)
        beside = [*maps, self.pair, self.changed, self.chosen]
        for each in maps:
            each.pick(self.pick, [*both, self.method], beside, **QUIET)
            each.clear(self.unpick, both, beside, **QUIET)
            each.lasso(self.lasso, [*both, self.method], [context.selection, *maps], **QUIET)
        context.selection.change(
            self.follow_selection,
            [*both, self.method, context.selection],
            maps,
            js=_ONCE_OPENED,
            **QUIET,
        )
        self.changed.act(self.on_act, [*both, self.method], [*beside, context.asked], **QUIET)
        self.pair.act(self.on_act, [*both, self.method], [*beside, context.asked], **QUIET)

    # --- what is shown --------------------------------------------------------------------------

    @told
    def load(
        self,
        run: str | None,
        other: str | None,
        method: str,
        mode: str,
        colour: str,
        loaded: str,
        turns: Turns,
    ) -> Updates:
        """Both maps, unless the browser has them already."""
        if not run:
            return {self.clock: gr.Timer(active=False)}
        turn = turns.take()
        updates = self._loaded(run, other, method, mode, colour, loaded)
        return {} if turns.is_over(turn) else updates

    def _loaded(
        self, run: str, other: str | None, method: str, mode: str, colour: str, loaded: str
    ) -> Updates:
        try:
            frames = self._frames(run, other, method)
        except IsthmusError as error:
            return self._nothing(str(error))
        moving = mode == "morph"
        value = map_figures.frames(frames, modality_of(self.services, run), slider=moving)
        state = f"{value['key']} {mode}"
        jobs = [] if frames.ready else self._jobs(run, str(other), method)
        updates: Updates = {
            self.told: "" if frames.ready else beside_cards.waiting(jobs),
            self.clock: gr.Timer(active=any(job.live for job in jobs)),
        }
        if state == loaded:
            return updates
        updates |= self._drawn(run, str(other), colour, frames, value)
        updates |= {
            self.two: gr.update(visible=not moving),
            self.one: gr.update(visible=moving),
            self.words: beside_cards.drawn(frames, value["things"]),
            self.changed: self._changed(run, str(other)),
            self.loaded: state,
        }
        if _runs_of(loaded) != _runs_of(state):
            updates |= {self.pair: beside_cards.hint(), self.chosen: ""}
        return updates

    def _drawn(
        self, run: str, other: str, colour: str, frames: Frames, value: dict[str, Any]
    ) -> Updates:
        """The points of the maps that are shown, their colours and their names."""
        column = self._column(run, other, colour, frames)
        shown = map_figures.colours(value["key"], column, modality_of(self.services, run))
        shared: dict[str, Any] = {"value": value, "colouring": shown, "rays": map_figures.NO_RAYS}
        maps: Updates = {self.morph: gr.update(**shared, frame=0)}
        if not value["slider"]:
            maps = {
                self.left: gr.update(**shared, frame=0, group=_GROUP),
                self.right: gr.update(**shared, frame=1, group=_GROUP),
            }
        names: Updates = {
            self.names[at]: tag("h3", beside_cards.mark(at), tag("span", name))
            for at, name in enumerate(frames.names)
        }
        colours = gr.update(choices=self._colourings(run), value=column.name)
        return maps | names | {self.colour: colours}

    def _frames(self, run: str, other: str | None, method: str) -> Frames:
        if not other:
            raise NotFound("Choose a second run above to see both maps.")
        layout = LayoutRequest(method="pca" if method == "pca" else "umap")
        return self.services.run_frames(run, other, layout, USUAL_POINTS)

    def _nothing(self, why: str) -> Updates:
        """Why two maps cannot be laid beside each other."""
        empty: Updates = {
            each: gr.update(value=None) for each in (self.left, self.right, self.morph)
        }
        return empty | {
            self.told: cards.notice(why, "warn"),
            self.two: gr.update(visible=False),
            self.one: gr.update(visible=False),
            self.words: "",
            self.changed: "",
            self.loaded: "",
            self.clock: gr.Timer(active=False),
            self.pair: "",
            self.chosen: "",
        }

    def _jobs(self, run: str, other: str, method: str) -> list[EvaluationSummary]:
        """What makes the two final layouts, or has failed to."""
        layout = LayoutRequest(method="pca" if method == "pca" else "umap")
        found = [
            self.services.map_progress(run, layout),
            self.services.map_progress(other, layout.model_copy(update={"like": run})),
        ]
        return [job for job in found if job is not None]

    def _colourings(self, run: str) -> list[tuple[str, str]]:
        names = self.services.map_colourings(run)
        return [("Neighbours kept", KEPT), *((name.capitalize(), name) for name in names)]

    def _column(self, run: str, other: str, colour: str, frames: Frames) -> Colouring:
        if colour == KEPT:
            return self.services.changed_colouring(run, other, frames.points)
        known = self.services.map_colourings(run)
        name = colour if colour in known else "modality"
        return self.services.map_colouring(run, name, frames.points)

    def _changed(self, run: str, other: str, chosen: str = "") -> Html:
        found = self.services.changed_points(run, other)
        return beside_cards.changed(found, modality_of(self.services, run), chosen)

    # --- changes of what is shown ---------------------------------------------------------------

    @told
    def recolour(self, run: str | None, other: str | None, method: str, colour: str) -> Updates:
        """Other colours on the same points."""
        if not run or not other:
            return {}
        frames = self._frames(run, other, method)
        modality = modality_of(self.services, run)
        key = map_figures.frames(frames, modality)["key"]
        column = self._column(run, other, str(colour), frames)
        return self._all(colouring=map_figures.colours(key, column, modality))

    @told
    def mark(
        self, run: str | None, other: str | None, method: str, asked: str, request: gr.Request
    ) -> Updates:
        """What is asked, where it lands on both maps."""
        if not run or not other:
            return {}
        try:
            query = queries.read(asked, self.context.uploads, request.session_hash)
            frames = self._frames(run, other, method)
        except IsthmusError:
            return {}  # the other parts say so
        if query is None:
            return self._all(markers=[])
        label = self.services.in_words(run, query)
        pins = [
            map_figures.marks(query, self.services.frames_place(frames, each, query, stop), label)
            for stop, each in enumerate((run, other))
        ]
        return {
            self.left: gr.update(markers=pins[0]),
            self.right: gr.update(markers=pins[1]),
            self.morph: gr.update(markers=[]),
        }

    @told
    def pick(self, run: str | None, other: str | None, method: str, event: gr.EventData) -> Updates:
        """A clicked point: both runs' neighbours, and lines to them on both maps."""
        if not run or not other:
            return {}
        point = event.point if isinstance(event.point, int) else -1
        (item,) = self.services.map_points(run, [point])
        return self._choose(run, other, method, item)

    def _choose(self, run: str, other: str, method: str, item: Item) -> Updates:
        frames = self._frames(run, other, method)
        key = map_figures.frames(frames)["key"]
        found = [self.services.neighbours(each, item.id) for each in (run, other)]
        rays = [map_figures.rays(key, frames.points, near, self._point_of(run)) for near in found]
        names = frames.names
        across = [near.texts if item.side == "image" else near.images for near in found]
        return {
            self.left: gr.update(rays=rays[0]),
            self.right: gr.update(rays=rays[1]),
            self.morph: gr.update(rays=rays[0]),
            self.pair: beside_cards.both_near(item, (across[0], across[1]), names),
            self.changed: self._changed(run, other, item.id),
            self.chosen: item.id,
        }

    def _point_of(self, run: str) -> Any:
        """The first run's point of an item; none where it has no such item."""

        def point_of(item: str) -> int:
            try:
                return self.services.point_of(run, item)
            except NotFound:
                return -1

        return point_of

    def unpick(self, run: str | None, other: str | None) -> Updates:
        """Nothing is chosen any more."""
        updates = self._all(rays=map_figures.NO_RAYS) | {
            self.pair: beside_cards.hint(),
            self.chosen: "",
        }
        if run and other:
            updates[self.changed] = self._changed(run, other)
        return updates

    @told
    def on_act(
        self, run: str | None, other: str | None, method: str, event: gr.EventData
    ) -> Updates:
        """A click in the list of changed points, or in the neighbours of the chosen one."""
        act, arg = str(event.act), str(event.arg)
        if not run or not other:
            return {}
        if act == "changed":
            return self._choose(run, other, method, self.services.item(run, arg))
        if act == "search":
            part = QueryPart(kind="item", value=arg)
            return {self.context.asked: queries.write(Asked(parts=(part,)))}
        return self.unpick(run, other)

    # --- the selection, which is the Map page's, too ---------------------------------------------

    @told
    def lasso(
        self, run: str | None, other: str | None, method: str, event: gr.EventData
    ) -> Updates:
        """Chosen rows become the selection of all pages."""
        if not run or not other:
            return {}
        frames = self._frames(run, other, method)
        rows = map_figures.read_bits(str(event.rows), len(frames.points))
        packed = pack(run, frames.total, frames.points[rows].tolist())
        return self._all(selected=map_figures.bits(rows)) | {self.context.selection: packed}

    def follow_selection(
        self, run: str | None, other: str | None, method: str, selection: str
    ) -> Updates:
        """The selection of another page, as far as its points are shown here."""
        if not run or not other:
            return {}
        try:
            found = unpack(selection)
            frames = self._frames(run, other, method)
        except IsthmusError:
            return {}
        rows = np.zeros(len(frames.points), bool)
        if found is not None and found.run == run and found.total == frames.total:
            rows = np.isin(frames.points, found.points)
        return self._all(selected=map_figures.bits(rows))

    def _all(self, **changes: Any) -> Updates:
        return {each: gr.update(**changes) for each in (self.left, self.right, self.morph)}


def _runs_of(state: str) -> str:
    """What of a loaded state stays the same over layouts and ways to show them."""
    return state.split(" ")[0].rsplit("/", 1)[0]
