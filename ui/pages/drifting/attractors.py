"""Attractors: where all chains of a run end, as heat on its map, as basins, and as a board."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from backend.errors import IsthmusError
from backend.schemas import Item, MapView
from ui import attractor_cards, cards, drift_cards, drift_figures, map_figures
from ui.components import panel
from ui.context import QUIET, RAW, WORK, Context, offered
from ui.drift_cards import Lane
from ui.guard import told
from ui.markup import Html
from ui.pages.drifting.on_map import DriftMap

_COLOURS: Final = (("Steps to capture", "heat"), ("Basins", "basins"), ("Modality", "modality"))
#: generations after which every chain of nearest items has closed, or is cut off on the map
_LONGEST: Final = 40

#: components -> what they become; all others stay as they are
Updates = dict[Any, Any]
#: Gradio takes an empty dictionary for a mistake
NOTHING: Final[Updates] = gr.skip()


class AttractorsPart:
    """Lays the part out; its methods answer the events."""

    def __init__(self, context: Context, runs: gr.Dropdown) -> None:
        self.context = context
        self.services = context.services
        self.runs = runs
        self.chosen = gr.State("")  # an item of the attractor whose basin is shown
        self.told = panel(elem_id="i-attraction")
        with gr.Row(elem_classes="i-toolbar"):
            self.run = gr.Radio(
                [],
                label="Of the run",
                visible=False,
                elem_id="i-attractors-run",
                elem_classes="i-inline",
            )
            self.colour = gr.Radio(
                list(_COLOURS), value="heat", label="Colour by", elem_id="i-attractors-colour",
                elem_classes="i-inline",
            )  # fmt: skip
        with gr.Row(elem_classes="i-map-row"):
            with gr.Column(scale=6, min_width=320, elem_classes="i-map-main"):
                self.on_map = DriftMap(context, "i-attractors-map")
                self.strip = panel(script="strips", elem_id="i-attractors-strip")
            with gr.Column(scale=4, min_width=300):
                self.board = panel(elem_id="i-attractors-board")

    def connect(self, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out.

        Args:
            tab: the part's.
        """
        on_map = self.on_map
        now = [self.runs, self.run, self.colour, on_map.loaded]
        view = [
            self.told, self.run, on_map.map, on_map.loaded, self.board, self.chosen, self.strip,
        ]  # fmt: skip
        opened = "(runs, ...rest) => [document.querySelector('#i-attractors-board') ? runs : [], ...rest]"
        # one after the other, so that the run that was chosen last is what is shown
        slow = {**WORK, **RAW, "concurrency_id": "attractors", "concurrency_limit": 1,
                "show_progress_on": [self.told, on_map.map]}  # fmt: skip
        gr.on([tab.select, self.runs.change], self.show, now, view, js=opened, **slow)
        self.run.input(self.show, now, view, **slow)
        self.colour.input(
            self.recolour,
            [self.run, self.runs, self.colour, self.chosen],
            [on_map.map, self.board],
            **QUIET,
            **RAW,
        )
        one = [self.run, self.runs, self.colour]
        follow = [on_map.map, self.board, self.chosen, self.strip]
        self.board.act(self.open_basin, one, follow, **QUIET, **RAW)
        on_map.map.pick(self.pick, one, follow, **QUIET, **RAW)
        on_map.map.clear(self.clear, one, follow, **QUIET, **RAW)

    # --- the whole map ---------------------------------------------------------------------------

    @told
    def show(self, runs: list[str], run: str | None, colour: str, loaded: str) -> Updates:
        """All attractors of a run, and its map."""
        if not runs:  # or this part is not the one that is open
            return NOTHING
        of = run if run in runs else runs[0]
        names = [(self.services.run(each).summary.name, each) for each in runs]
        updates: Updates = {
            self.run: offered(names, of, run, visible=len(names) > 1),
            self.chosen: "",
            self.strip: "",
        }
        try:
            found, view = self.services.attraction(of), self.on_map.view(of)
        except IsthmusError as error:
            nothing = {
                self.on_map.map: gr.update(value=None),
                self.on_map.loaded: "",
                self.board: "",
            }
            return updates | nothing | {self.told: cards.notice(str(error), "warn")}
        points, key = self.on_map.points(view, loaded)
        column = {"colouring": self._colouring(view, colour)}
        props = points | column | {"tracks": {}, "selected": ""}
        return updates | {
            self.told: attractor_cards.summary(found),
            self.board: self._board(of, "", colour),
            self.on_map.map: gr.update(**props),
            self.on_map.loaded: key,
        }

    @told
    def recolour(self, run: str | None, runs: list[str], colour: str, chosen: str) -> Updates:
        """Other colours of the same points."""
        of = _run(run, runs)
        if not of:
            return NOTHING
        return {
            self.on_map.map: gr.update(colouring=self._colouring(self.on_map.view(of), colour)),
            self.board: self._board(of, chosen, colour),
        }

    def _colouring(self, view: MapView, colour: str) -> dict[str, Any]:
        key, modality = map_figures.key_of(view), self.on_map.drawing.modality(view.run)
        if colour not in ("heat", "basins"):
            column = self.services.map_colouring(view.run, "modality", view.points, view.layout)
            return map_figures.colours(key, column, modality)
        found = self.services.capture(view.run)
        if colour == "basins":
            return drift_figures.basins(key, found.basin[view.points], found.sizes)
        return drift_figures.heat(key, found.steps[view.points])

    def _board(self, run: str, chosen: str, colour: str) -> Html:
        """The attractors; where the map shows basins, each in its colour."""
        found, captured = self.services.attraction(run), self.services.capture(run)
        ranked = drift_figures.largest(captured.sizes) if colour == "basins" else ()
        colours = {
            captured.attractors[number][0]: drift_figures.colour_of(place)
            for place, number in enumerate(ranked)
        }
        items: dict[str, Item] = {
            each: self.services.item(run, each)
            for attractor in found.attractors
            for each in attractor.items
        }
        return attractor_cards.board(found.attractors, items, found.neighbours, chosen, colours)

    def _basin(self, run: str, item: str) -> tuple[str, NDArray[np.int64]]:
        """First item of the attractor that an item ends in, and the points of its basin."""
        captured = self.services.capture(run)
        number = captured.basin[self.services.point_of(run, item)]
        return captured.attractors[number][0], np.flatnonzero(captured.basin == number)

    # --- one basin, one chain --------------------------------------------------------------------

    @told
    def open_basin(
        self, run: str | None, runs: list[str], colour: str, event: gr.EventData
    ) -> Updates:
        """An attractor of the board: the points of its basin stand out."""
        of = _run(run, runs)
        if not of or str(event.act) != "basin":
            return NOTHING
        first, points = self._basin(of, str(event.arg)[:500])
        view = self.on_map.view(of)
        return {
            self.on_map.map: gr.update(tracks={}, selected=self.on_map.selected(view, points)),
            self.board: self._board(of, first, colour),
            self.chosen: first,
            self.strip: "",
        }

    @told
    def pick(self, run: str | None, runs: list[str], colour: str, event: gr.EventData) -> Updates:
        """A point: its chain as a line to its attractor, whose basin stands out."""
        of = _run(run, runs)
        item = self.on_map.picked(of, event)
        if not of or item is None:
            return NOTHING
        cycle = self.services.drift(of, item.id, _LONGEST)
        chain = drift_cards.chain_of(cycle)
        if chain.closes_at is not None:  # what follows repeats
            chain = chain.model_copy(update={"steps": chain.steps[: chain.closes_at + 1]})
        lane = Lane(cycle.run_name, "text", chain, of)
        first, points = self._basin(of, item.id)
        view = self.on_map.view(of)
        return {
            self.on_map.map: gr.update(
                tracks=self.on_map.lines(view, [lane], fade=False),
                selected=self.on_map.selected(view, points),
            ),
            self.board: self._board(of, first, colour),
            self.chosen: first,
            self.strip: drift_cards.strips(
                [lane], drift_figures.GROUP, f"attractors/{of}/{item.id}"
            ),
        }

    @told
    def clear(self, run: str | None, runs: list[str], colour: str) -> Updates:
        """Nothing is chosen any more."""
        of = _run(run, runs)
        if not of:
            return NOTHING
        return {
            self.on_map.map: gr.update(tracks={}, selected=""),
            self.board: self._board(of, "", colour),
            self.chosen: "",
            self.strip: "",
        }


def _run(run: str | None, runs: list[str] | None) -> str | None:
    """The run that is shown: the one chosen here, else the first of the page's."""
    return run if run and run in (runs or ()) else next(iter(runs or ()), None)
