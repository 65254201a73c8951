"""A run's map on the page Drift: points, and over them chains as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr
import numpy as np

from backend.errors import IsthmusError, NotFound
from backend.schemas import Item, MapView
from ui import drift_figures, map_figures
from ui.components import map_view
from ui.context import Context
from ui.drift_cards import Lane
from ui.pages.mapping.drawing import Drawing
from ui.pages.mapping.hovering import HoverCards
from ui.pages.mapping.shown import Shown


class DriftMap:
    """Lays a map out and says what it is sent.

    Attributes:
        map: the component.
        loaded: key of the points that the browser has.
    """

    def __init__(self, context: Context, elem_id: str) -> None:
        self.context = context
        self.services = context.services
        self.drawing = Drawing(context)
        self.map = map_view(
            HoverCards(context.services).card, elem_id=elem_id, group=drift_figures.GROUP
        )
        self.loaded = gr.State("")

    def view(self, run: str) -> MapView:
        """A run's usual map, or PCA until that is ready.

        Raises:
            NotFound: no such run, or it has no map.
        """
        return self.drawing.view(run, Shown())

    def points(self, view: MapView, loaded: str) -> tuple[dict[str, Any], str]:
        """The points, unless the browser has them, and the key of what it has then."""
        key = map_figures.key_of(view)
        if key == loaded:
            return {}, key
        modality = self.drawing.modality(view.run)
        value = map_figures.geometry(view, modality)
        column = self.services.map_colouring(view.run, "modality", view.points, view.layout)
        return {
            "value": value,
            "colouring": map_figures.colours(key, column, modality),
            "labels": self.drawing.labels(view),
            "camera": {},
        }, key

    def lines(
        self,
        view: MapView,
        lanes: Sequence[Lane],
        fade: bool = True,
        made: Sequence[Mapping[int, Sequence[float]]] = (),
    ) -> dict[str, Any]:
        """Chains as lines over these points.

        Args:
            made: of each chain, generation -> where what was made lands.
        """
        key = map_figures.key_of(view)
        return drift_figures.tracks(key, view.points, lanes, self._point_of(view.run), fade, made)

    def _point_of(self, run: str) -> Any:
        """The run's point of an item; -1 where it has no such item."""

        def point_of(item: str) -> int:
            try:
                return self.services.point_of(run, item)
            except NotFound:
                return -1

        return point_of

    def picked(self, run: str | None, event: gr.EventData) -> Item | None:
        """The item of a clicked point; none where a browser names what there is not."""
        if not run or not isinstance(event.point, int):
            return None
        try:
            return self.services.map_points(run, [event.point])[0]
        except IsthmusError:
            return None

    def chosen(self, run: str | None, event: gr.EventData, before: str) -> tuple[Any, Any]:
        """What the map and the selection of all pages become after a lasso."""
        if not run:
            return gr.skip(), gr.skip()
        rows = str(event.rows)
        packed = self.drawing.packed(self.view(run), rows, str(event.how), before)
        return gr.update(selected=rows), packed

    def selected(self, view: MapView, points: Any) -> str:
        """The rows of some points, as the map is sent them."""
        return map_figures.bits(np.isin(view.points, points))
