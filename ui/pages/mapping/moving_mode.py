"""A map that moves between stops: what the modes Through training and Modality gap share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import gradio as gr
import numpy as np

from backend.errors import IsthmusError
from backend.schemas import Frames, pack, unpack
from ui import cards, map_figures
from ui.components import map_view, panel
from ui.context import QUIET, RAW, WORK, Context, modality_of
from ui.guard import told
from ui.markup import Html, tag
from ui.pages.mapping.hovering import HoverCards
from ui.pages.mapping.mode import Mode

#: components -> what they become; all others stay as they are
Updates = dict[Any, Any]


class MovingMode(Mode):
    """Lays out the map with what moves it beside it; a kind says what the stops are.

    Attributes:
        about: what is to be seen, in a sentence or two.
    """

    about: ClassVar[str]

    def __init__(self, context: Context, open_mode: gr.Radio) -> None:
        self.context = context
        self.services = context.services
        self.open_mode = open_mode
        self.loaded = gr.State("")  # key of what the browser has
        self.told = panel(elem_id=f"i-{self.name}-told")
        with gr.Row(elem_classes="i-map-row"):
            with gr.Column(scale=7, min_width=320, elem_classes="i-stays"):
                self.map = map_view(HoverCards(self.services).card, elem_id=f"i-{self.name}-map")
            with gr.Column(scale=5, min_width=320):
                self.colour = gr.Dropdown(
                    [("Modality", "modality")], value="modality", label="Colour by",
                    filterable=False, elem_id=f"i-{self.name}-colour",
                )  # fmt: skip
                self.beside = self.lay_out_beside()
        self.words = panel(elem_id=f"i-{self.name}-words")

    # --- what a kind says -----------------------------------------------------------------------

    @abstractmethod
    def lay_out_beside(self) -> list[Any]:
        """What stands beside the map and moves with it."""

    @abstractmethod
    def frames(self, run: str) -> Frames:
        """The map at its stops.

        Raises:
            IsthmusError: there are none; the sentence is shown instead.
        """

    @abstractmethod
    def show_beside(self, run: str, frames: Frames) -> Updates:
        """What stands beside the map, of a run."""

    @abstractmethod
    def hide_beside(self) -> Updates:
        """The same where there is no map."""

    def start(self, frames: Frames) -> float:
        """The stop that the map begins at."""
        return 0

    def value(self, run: str, frames: Frames) -> dict[str, Any]:
        """The map's value."""
        return map_figures.frames(frames, modality_of(self.services, run))

    # --- the same for all -----------------------------------------------------------------------

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        now = [context.run, self.open_mode, self.colour, self.loaded]
        out = [self.map, self.words, self.told, self.colour, self.loaded, *self.beside]
        # the field's change is what brings the mode into the document; the run's may come while it is not
        slow = {**WORK, "show_progress_on": self.map}
        self.open_mode.change(self.load, now, out, **slow)
        context.run.change(self.load, now, out, js=_once_opened(self.name), **slow)
        self.colour.input(self.recolour, [context.run, self.colour], self.map, **QUIET, **RAW)
        self.map.pick(self.pick, context.run, self.map, **QUIET)
        self.map.clear(lambda: gr.update(rays=map_figures.NO_RAYS), None, self.map, **QUIET)
        self.map.lasso(self.lasso, context.run, [self.map, context.selection], **QUIET)
        selecting = [context.run, context.selection, self.loaded]
        context.selection.change(
            self.follow_selection, selecting, self.map, js=_once_opened(self.name), **QUIET
        )

    @told
    def load(self, run: str | None, mode: str, colour: str, loaded: str) -> Updates:
        """A run's moving map, unless the browser has it already."""
        if not run or mode != self.name:
            return {}
        try:
            frames = self.frames(run)
        except IsthmusError as error:
            return self._nothing(str(error))
        value = self.value(run, frames)
        beside = self.show_beside(run, frames)
        if value["key"] == loaded:
            return beside
        names = self.services.map_colourings(run)
        chosen = colour if colour in names else "modality"
        return beside | {
            self.map: gr.update(
                value=value, colouring=self._colours(run, chosen, frames), visible=True,
                frame=self.start(frames), rays=map_figures.NO_RAYS, group=self.name,
            ),
            self.words: self._words(frames),
            self.told: "",
            self.colour: gr.update(
                choices=[(name.capitalize(), name) for name in names], value=chosen, visible=True
            ),
            self.loaded: value["key"],
        }  # fmt: skip

    def _nothing(self, why: str) -> Updates:
        return self.hide_beside() | {
            self.told: cards.empty(self.label, why),
            self.map: gr.update(value=None, visible=False),
            self.words: "",
            self.colour: gr.update(visible=False),
            self.loaded: "",
        }

    def _words(self, frames: Frames) -> Html:
        drawn = f"{len(frames.points):,} points"
        if len(frames.points) < frames.total:
            drawn = f"{len(frames.points):,} of {frames.total:,} points, a stratified sample"
        return tag("div.i-map-told", tag("p.i-soft", f"{self.about} {drawn}. {frames.words}"))

    def _colours(self, run: str, colour: str, frames: Frames) -> dict[str, Any]:
        column = self.services.map_colouring(run, colour, frames.points)
        modality = modality_of(self.services, run)
        return map_figures.colours(self.value(run, frames)["key"], column, modality)

    @told
    def recolour(self, run: str | None, colour: str) -> Any:
        """Other colours on the same points."""
        if not run:
            return gr.skip()
        return gr.update(colouring=self._colours(run, str(colour), self.frames(run)))

    @told
    def pick(self, run: str | None, event: gr.EventData) -> Any:
        """A clicked point: lines to its partner and its neighbours, which move with the map."""
        if not run:
            return gr.skip()
        frames = self.frames(run)
        (item,) = self.services.map_points(run, [_whole(event.point)])
        rays = map_figures.rays(
            self.value(run, frames)["key"], frames.points,
            self.services.neighbours(run, item.id),
            lambda each: self.services.point_of(run, each),
        )  # fmt: skip
        return gr.update(rays=rays)

    @told
    def lasso(self, run: str | None, event: gr.EventData) -> tuple[Any, Any]:
        """Chosen rows become the selection of all pages."""
        if not run:
            return gr.skip(), gr.skip()
        frames = self.frames(run)
        rows = map_figures.read_bits(str(event.rows), len(frames.points))
        packed = pack(run, frames.total, frames.points[rows].tolist())
        return gr.update(selected=map_figures.bits(rows)), packed

    def follow_selection(self, run: str | None, selection: str, loaded: str) -> Any:
        """The selection of another page, as far as its points are drawn here."""
        if not run or not loaded:
            return gr.skip()
        try:
            found, frames = unpack(str(selection)), self.frames(run)
        except IsthmusError:
            return gr.skip()
        rows = np.zeros(len(frames.points), bool)
        if found is not None and found.run == run and found.total == frames.total:
            rows = np.isin(frames.points, found.points)
        return gr.update(selected=map_figures.bits(rows))


def _once_opened(name: str) -> str:
    """In the browser: no run, and so no work, before the mode is on the page."""
    return f"(run, ...rest) => [document.querySelector('#i-{name}-told') ? run : '', ...rest]"


def _whole(point: Any) -> int:
    """A browser can send anything."""
    return point if isinstance(point, int) else -1
