"""What the map is sent: of a view its points, colours, names, lines, queries and the chosen ones."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput, IsthmusError
from backend.schemas import MapView, Modality, Neighbours, Query, QueryPart, Selection, pack, unpack
from backend.services import Services
from ui import map_figures as figures
from ui import queries
from ui.context import Context, modality_of
from ui.pages.mapping.now import Loaded
from ui.pages.mapping.shown import Shown

#: views whose points are remembered, so that a click need not ask for them
_VIEWS: Final = 8
_LABEL: Final = 60


class Drawing:
    """Makes the map's values; remembers the last views."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.services: Services = context.services
        self._views: OrderedDict[tuple[str, str], MapView] = OrderedDict()
        self._lock = threading.Lock()

    def view(self, run: str, shown: Shown) -> MapView:
        """A run's map as it is to be shown, or PCA until that is ready.

        Raises:
            NotFound: no such run, or it has no map.
        """
        view = self.services.map_view(run, shown.layout, shown.most)
        with self._lock:
            self._views[run, figures.key_of(view)] = view
            self._views.move_to_end((run, figures.key_of(view)))
            while len(self._views) > _VIEWS:
                self._views.popitem(last=False)
        return view

    def seen(self, loaded: Loaded | None, shown: Shown) -> MapView | None:
        """The view that the browser has; None where it has none, or a newer one takes its place."""
        if loaded is None:
            return None
        with self._lock:
            known = self._views.get((loaded.run, loaded.key))
        if known is not None:
            return known
        view = self.view(loaded.run, shown)
        return view if figures.key_of(view) == loaded.key else None

    def modality(self, run: str) -> Modality:
        """Of the run's items."""
        return modality_of(self.services, run)

    def colours(self, view: MapView, shown: Shown) -> dict[str, Any]:
        """The colouring that is shown: by similarity to the prompt, else by the chosen column."""
        key, modality = figures.key_of(view), self.modality(view.run)
        if shown.prompt:
            query = said(shown.prompt)
            found = self.services.map_similarity(view.run, query, view.points)
            column = found.model_copy(update={"name": f"similarity to “{shown.prompt}”"})
        else:
            column = self.services.map_colouring(view.run, shown.colour, view.points, view.layout)
        return figures.colours(key, column, modality)

    def labels(self, view: MapView) -> list[dict[str, Any]]:
        """Names of the layout's clusters; none in space, where they would lie over each other."""
        if view.layout.dimensions != 2:
            return []
        return figures.names(self.services.map_labels(view.run, view.layout, view.points))

    def markers(
        self, view: MapView, shown: Shown, asked: str, session: str | None
    ) -> list[dict[str, Any]]:
        """What is searched for on Explore, and the prompt, each where it lands.

        What cannot be placed (a file of another page view, a layout of one encoder's own space) is left
        out: that is told where it is searched for.
        """
        found = []
        try:
            query = queries.read(asked, self.context.uploads, session)
        except InvalidInput:
            query = None
        prompt = said(shown.prompt) if shown.prompt else None
        for each in (query, prompt):
            if each is None or (each is prompt and query and query.parts == each.parts):
                continue
            try:
                where = self.services.map_place(view.run, each, view.layout)
            except IsthmusError:
                continue
            found += figures.marks(each, where, self._label(view.run, each))
        return found

    def _label(self, run: str, query: Query) -> str:
        words: list[str] = []
        for part in query.parts:
            sign = "− " if part.weight < 0 else "+ " if words else ""
            words.append(sign + self._said(run, part))
        return " ".join(words)[:_LABEL]

    def _said(self, run: str, part: QueryPart) -> str:
        if part.kind == "item":
            item = self.services.item(run, part.value)
            return item.captions[0] if item.captions else item.image_id
        return {"file": "a file", "vector": "a vector"}.get(part.kind, part.value)

    def rays(self, view: MapView, near: Neighbours) -> dict[str, Any]:
        """Lines from an item to its neighbours."""
        return figures.rays(
            figures.key_of(view), view.points, near,
            lambda item: self.services.point_of(view.run, item),
        )  # fmt: skip

    def points(self, run: str, items: Iterable[str]) -> dict[str, int]:
        """The gallery's points of some items."""
        return {item: self.services.point_of(run, item) for item in items}

    # --- what is chosen --------------------------------------------------------------------------

    def chosen(self, run: str | None, packed: str) -> Selection | None:
        """The selection that is shared, where it is of this run."""
        try:
            selection = unpack(str(packed or ""))
        except InvalidInput:
            return None
        return selection if selection and selection.run == run else None

    def selected(self, view: MapView, packed: str) -> str:
        """The chosen rows of a view."""
        selection = self.chosen(view.run, packed)
        if selection is None:
            return ""
        return figures.bits(np.isin(view.points, selection.points))

    def packed(self, view: MapView, rows: str, how: str, before: str) -> str:
        """The selection after a lasso. Chosen points that a sample does not show stay, unless all is new."""
        points = view.points[figures.read_bits(rows, len(view.points))]
        old = self.chosen(view.run, before)
        if how != "new" and old is not None:
            points = np.union1d(points, _elsewhere(old.points, view.points))
        return pack(view.run, view.total, points.tolist())


def _elsewhere(points: NDArray[np.int32], shown: NDArray[np.int32]) -> NDArray[np.int32]:
    return points[~np.isin(points, shown)]


def said(prompt: str) -> Query:
    """Words as a query."""
    return Query(parts=(QueryPart(kind="text", value=prompt),))
