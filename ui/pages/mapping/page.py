"""The page Map: what is laid out where, and what is sent when the run, the layout or the colours change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import gradio as gr

from backend.schemas import MapView
from ui import map_cards
from ui import map_figures as figures
from ui.components import map_view, panel
from ui.context import QUIET, RAW, WORK, Context, finished, picker
from ui.guard import may_change, require_changes, told
from ui.pages.mapping import shown as showing
from ui.pages.mapping.drawing import Drawing
from ui.pages.mapping.hovering import HoverCards
from ui.pages.mapping.layout_fold import METHOD_WORDS, LayoutFold
from ui.pages.mapping.modes import MODES
from ui.pages.mapping.now import FIRST, Loaded, Now, Side
from ui.pages.mapping.points import NOTHING, Parts, Points, Updates
from ui.pages.mapping.shown import Shown
from ui.pages.mapping.side import SidePanel
from ui.pages.mapping.told import progress, words_of

#: in the browser: no run, and so no work, before the map is on the page
_ONCE_OPENED: Final = (
    "(run, ...rest) => [document.querySelector('#i-map .i-map') ? run : '', ...rest]"
)
_CAMERA: Final = ("x", "y", "yaw", "pitch", "zoom", "right", "up")


class MapPage:
    """Lays the page out; its methods answer the events."""

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.services = context.services
        self.tab = tab
        self.drawing = Drawing(context)
        self.panel = SidePanel(self.drawing)
        self.loaded = gr.State(None)
        self.shown = gr.State(Shown())
        self.beside = gr.State(Side())
        with gr.Row(elem_classes="i-toolbar"):
            self.run = gr.Dropdown([], label="Run", scale=3, elem_id="i-map-run")
            self.mode = gr.Radio(
                [("The map", "map"), *((mode.label, mode.name) for mode in MODES)], value="map",
                label="Look at", scale=2, visible=bool(MODES), elem_id="i-map-mode",
            )  # fmt: skip
        self.columns: dict[str, gr.Column] = {}
        with gr.Column(elem_classes="i-map-mode") as self.columns["map"]:
            self._lay_out()
        self.modes = []
        for mode in MODES:
            with gr.Column(visible=False, elem_classes="i-map-mode") as self.columns[mode.name]:
                self.modes.append(mode(context, self.mode))
        self.clock = gr.Timer(1.5, active=False)

    def _lay_out(self) -> None:
        with gr.Row(elem_classes="i-toolbar"):
            self.colour = gr.Dropdown(
                [("Modality", "modality")], value="modality", label="Colour by", scale=2,
                min_width=180, elem_id="i-map-colour", filterable=False,
            )  # fmt: skip
            self.prompt = gr.Textbox(
                label="or by similarity to", placeholder="a red circle ⏎", scale=3, max_lines=1,
                min_width=200, elem_classes="i-search", elem_id="i-map-prompt",
                max_length=showing.LONGEST_PROMPT,
            )  # fmt: skip
            self.most = gr.Dropdown(
                [(f"{count:,}", count) for count in showing.COUNTS], value=showing.COUNTS[0],
                label="Points", scale=1, min_width=110, visible=False, filterable=False,
                elem_id="i-map-most",
            )  # fmt: skip
        self.fold = LayoutFold(self.services)
        with gr.Row(elem_classes="i-map-row"):
            with gr.Column(scale=7, min_width=320, elem_classes="i-map-main"):
                self.map = map_view(HoverCards(self.services).card, elem_id="i-map")
                self.progress = panel(elem_id="i-map-progress")
                self.words = panel(elem_id="i-map-words")
                with gr.Row(elem_classes="i-actions"):
                    csv = gr.Button("All points as CSV", size="sm", elem_id="i-map-csv")
                    parquet = gr.Button("as Parquet", size="sm", elem_id="i-map-parquet")
                    file = gr.DownloadButton(visible="hidden", elem_id="i-map-file")
            with gr.Column(scale=3, min_width=300):
                self.side = panel(elem_id="i-map-side")
        with gr.Accordion(
            "Table of the chosen points", open=False, visible=False, elem_id="i-map-table-fold"
        ) as fold:
            table = gr.Dataframe(
                headers=list(map_cards.COLUMNS), interactive=False, max_height=420, wrap=True,
                show_label=False, elem_id="i-map-table", buttons=["copy", "fullscreen"],
            )  # fmt: skip
        parts = Parts(self.map, self.side, self.beside, table, fold, csv, parquet, file)
        self.points = Points(self.context, self.drawing, self.panel, parts)

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context, parts = self.context, self.points.parts
        shared = [context.asked, context.selection, context.view]
        now = [context.run, self.shown, self.loaded, self.beside, *shared]
        out = [
            self.map, self.words, self.progress, self.side, self.colour, self.prompt, self.most,
            self.clock, self.loaded, self.shown, self.beside, context.view, parts.csv,
            parts.table_fold, self.mode, *self.columns.values(), *self.fold.fields, self.fold.about,
        ]  # fmt: skip
        slow = {**WORK, "show_progress_on": self.words}
        self.tab.select(self.load, now, out, **slow)
        for field in (context.run, *shared):
            field.change(self.follow, now, out, js=_ONCE_OPENED, **QUIET)
        self.clock.tick(self.tick, now, out, js=_ONCE_OPENED, **QUIET)
        self.colour.input(self.recolour, [*now, self.colour], out, **QUIET)
        self.prompt.submit(self.ask, [*now, self.prompt], out, **slow)
        self.most.input(self.draw_more, [*now, self.most], out, **slow, **RAW)
        self.fold.connect(QUIET)
        self.fold.go.click(self.draw, [*now, *self.fold.fields], out, **slow, **RAW)
        self.progress.act(self.on_progress, now, out, **QUIET)
        self.mode.input(self.open_mode, [*now, self.mode], out, **QUIET)
        self.map.camera(self.look, now, [self.shown, context.view], **QUIET)
        self.points.connect(now)
        context.run.change(lambda run: picker(finished(self.services), run), context.run, self.run,
                           **QUIET)  # fmt: skip
        context.listing.change(self.refresh, context.run, [self.run, self.side], **QUIET)
        self.run.input(lambda run: run, self.run, context.run, **QUIET, **RAW)
        for mode in self.modes:
            mode.connect()

    # --- runs, and what other pages change -------------------------------------------------------

    def refresh(self, run: str | None) -> tuple[Any, Any]:
        """The list of runs; while there is none, how far the first one is."""
        ready = finished(self.services)
        return picker(ready, run), gr.skip() if ready else self.panel.waiting()

    @told
    def load(self, request: gr.Request, *given: Any) -> Updates:
        """Sends what the browser does not have yet of a run's map and of what other pages changed."""
        now = Now(*given)
        if not now.run:
            return {self.side: self.panel.waiting(), self.clock: gr.Timer(active=False)}
        shown, foreign = now.shown.heard(str(now.view or ""))
        updates = self._show(now._replace(shown=shown), request.session_hash)
        if foreign:
            updates = self._set(updates[self.shown]) | updates
        if updates[self.shown] == now.shown:
            # somebody may have changed it while this was made: nothing is to be written over that
            del updates[self.shown]
        return updates

    def follow(self, request: gr.Request, *given: Any) -> Updates:
        """The run, or what is searched for, chosen or linked to, has changed; told where it is seen."""
        return self.load(request, *given) if given[0] else NOTHING

    def tick(self, request: gr.Request, *given: Any) -> Updates:
        """Takes over the layout as soon as it is ready. A fault waits for the next time."""
        if given[0]:
            try:
                return self.load(request, *given)
            except gr.Error:
                pass
        return {self.clock: gr.Timer(active=False)}

    def _show(self, now: Now, session: str | None) -> Updates:
        """The map as it is to be shown; only what is not there already is sent."""
        run, shown, had, beside = now.run or "", now.shown, now.loaded, now.beside
        view = self.drawing.view(run, shown)
        key = figures.key_of(view)
        updates: Updates = {}
        if had is None or had.run != run:
            shown, updates = self._another(shown, view, first=had is None)
            had, beside = None, Side()
        props = self._new(view, shown, beside) if had is None or had.key != key else {}
        if props or had is None or had.asked != now.asked:
            props["markers"] = self.drawing.markers(view, shown, now.asked, session)
        if props or had is None or had.selection != now.selection:
            props["selected"] = self.drawing.selected(view, now.selection)
        if had is None or had.selection != now.selection:
            beside, more = self._chosen(run, beside, now.selection)
            updates |= more
        if props:
            updates[self.map] = gr.update(**props)
            updates[self.words] = words_of(view, self.drawing.modality(run))
        updates |= self._waiting(view, shown)
        loaded = Loaded(run, key, view.ready, now.asked, now.selection)
        return updates | {self.loaded: loaded, self.shown: shown, self.beside: beside}

    def _new(self, view: MapView, shown: Shown, beside: Side) -> dict[str, Any]:
        """What is sent once for each view."""
        rays = figures.NO_RAYS
        if beside.picked:
            rays = self.drawing.rays(view, self.services.neighbours(view.run, beside.picked))
        return {
            "value": figures.geometry(view, self.drawing.modality(view.run)),
            "colouring": self.drawing.colours(view, shown),
            "labels": self.drawing.labels(view),
            "camera": dict(shown.camera) if view.ready else {},
            "rays": rays,
        }

    def _another(self, shown: Shown, view: MapView, first: bool) -> tuple[Shown, Updates]:
        """What was of the run before goes; what can be said of this one, too, stays."""
        names = self.services.map_colourings(view.run)
        if shown.colour not in names:
            shown = replace(shown, colour="modality")
        if not first:
            shown = replace(shown, camera={})
        choices = [(name[:1].upper() + name[1:], name) for name in names]
        value = None if shown.prompt else shown.colour
        return shown, {
            self.colour: gr.update(choices=choices, value=value),
            self.most: gr.update(visible=view.total > showing.COUNTS[0], value=shown.most),
        }

    def _chosen(self, run: str, beside: Side, selection: str) -> tuple[Side, Updates]:
        """What is chosen, beside the map and below it."""
        chosen, parts = self.drawing.chosen(run, selection), self.points.parts
        count = len(chosen.points) if chosen else 0
        beside = replace(beside, chosen=count > 0, count=FIRST)
        which = f"{count:,} chosen" if count else "All"
        return beside, {
            self.side: self.panel.shown(run, beside, chosen),
            parts.csv: f"{which} points as CSV",
            parts.table_fold: gr.update(visible=count > 0, open=False),
        }

    def _waiting(self, view: MapView, shown: Shown) -> Updates:
        """How far the layout is that was asked for; the clock goes on while it is made."""
        job = None if view.ready else self.services.map_progress(view.run, shown.layout)
        name, worker = METHOD_WORDS[shown.layout.method], self.services.worker()
        changeable = may_change(self.services.settings)
        return {
            self.progress: progress(view, name, job, worker, changeable),
            self.clock: gr.Timer(active=job is not None and job.live),
        }

    def _set(self, shown: Shown) -> Updates:
        """The page's fields as a link has them."""
        return {
            **self.fold.set(shown.layout),
            self.prompt: shown.prompt,
            self.colour: None if shown.prompt else shown.colour,
            **self._opened(shown.mode),
        }

    def _opened(self, mode: str) -> Updates:
        name = mode if mode in self.columns else "map"
        columns = {column: gr.update(visible=each == name) for each, column in self.columns.items()}
        return {self.mode: name, **columns}

    # --- how it is shown -------------------------------------------------------------------------

    def _tell(self, shown: Shown) -> Updates:
        shown, text = shown.tell()
        return {self.shown: shown, self.context.view: text}

    def open_mode(self, *given: Any) -> Updates:
        """Another way to look at the run."""
        *now, mode = given
        name = str(mode) if str(mode) in self.columns else "map"
        return self._opened(name) | self._tell(replace(Now(*now).shown, mode=name))

    @told
    def recolour(self, request: gr.Request, *given: Any) -> Updates:
        """Colours by modality, cluster, rank error or an attribute."""
        *now, colour = given
        shown = replace(Now(*now).shown, colour=str(colour), prompt="")
        return {self.prompt: ""} | self._coloured(Now(*now), shown, request)

    @told
    def ask(self, request: gr.Request, *given: Any) -> Updates:
        """Colours by similarity to a prompt, which lands on the map, too; with none, as before."""
        *now, prompt = given
        said = " ".join(str(prompt or "").split())[: showing.LONGEST_PROMPT]
        shown = replace(Now(*now).shown, prompt=said)
        colour = None if said else shown.colour
        return {self.colour: colour} | self._coloured(Now(*now), shown, request)

    def _coloured(self, now: Now, shown: Shown, request: gr.Request) -> Updates:
        view = self.drawing.seen(now.loaded, shown)
        if view is None:  # nothing is drawn yet
            return {}
        column = self.drawing.colours(view, shown)
        markers = self.drawing.markers(view, shown, now.asked, request.session_hash)
        return {self.map: gr.update(colouring=column, markers=markers)} | self._tell(shown)

    @told
    def draw_more(self, request: gr.Request, *given: Any) -> Updates:
        """Draws more of the points, or fewer."""
        *before, most = given
        now = Now(*before)
        return self._redrawn(now, replace(now.shown, most=showing.most_of(most)), request)

    @told
    def draw(self, request: gr.Request, *given: Any) -> Updates:
        """Draws the map as the fold says: as a job, with PCA until it is done."""
        now, fields = Now(*given[: len(Now._fields)]), given[len(Now._fields) :]
        layout = self.fold.request(*fields)
        return self._redrawn(now, replace(now.shown, layout=layout, camera={}), request)

    def _redrawn(self, now: Now, shown: Shown, request: gr.Request) -> Updates:
        if not now.run:
            return NOTHING
        updates = self._show(now._replace(shown=shown), request.session_hash)
        return updates | self._tell(updates[self.shown])

    @told
    def on_progress(self, event: gr.EventData, request: gr.Request, *given: Any) -> Updates:
        """Stops the layout that is being made, or asks for it again."""
        require_changes(self.services.settings)
        now = Now(*given)
        if not now.run:
            return NOTHING
        job = self.services.map_progress(now.run, now.shown.layout)
        if str(event.act) == "stop" and job is not None and job.live:
            self.services.cancel_evaluation(job.id)
        if str(event.act) == "again" and job is not None and job.resumable:
            self.services.resume_evaluation(job.id)
        return self._show(now, request.session_hash)

    def look(self, event: gr.EventData, *given: Any) -> Updates:
        """Somebody has moved the map: links lead to where it was left."""
        now = Now(*given)
        if now.loaded is None or not now.loaded.ready:
            return NOTHING
        seen = {name: getattr(event, name, None) for name in _CAMERA}
        return self._tell(replace(now.shown, camera=showing.camera_of(seen)))
