"""What stands beside the map: the picked point with its neighbours, or the points that are chosen."""

from __future__ import annotations

from backend.schemas import Neighbours, Selection
from ui import cards, map_cards, run_cards, words
from ui.markup import Html, tag
from ui.pages.mapping.drawing import Drawing
from ui.pages.mapping.now import FIRST, Side


class SidePanel:
    """Makes the panel's markup."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.services = drawing.services

    def waiting(self) -> Html:
        """How far the first run is."""
        services = self.services
        return run_cards.first_start(services.runs(), services.worker(), services.settings.demo)

    def shown(
        self,
        run: str | None,
        side: Side,
        selection: Selection | None,
        near: Neighbours | None = None,
    ) -> Html:
        """The panel's markup.

        Args:
            near: the picked point's neighbours, where they are known already.

        Raises:
            NotFound: what was picked is not there.
        """
        if not run:
            return self.waiting()
        count = len(selection.points) if selection else 0
        if selection and side.chosen:
            inner = self._chosen(run, side, selection)
        elif side.picked:
            near = near or self.services.neighbours(run, side.picked)
            items = [near.item, *(hit.item for hit in (*near.images, *near.texts))]
            inner = map_cards.point(near, self.drawing.points(run, (item.id for item in items)))
        else:
            inner = self._hint(run)
        return tag("div", map_cards.tabs(count, side.chosen), inner, data_run=run)

    def _hint(self, run: str) -> Html:
        thing = words.ITEM_WORDS[self.drawing.modality(run)]
        return cards.empty(
            "Choose a point.",
            f"Its nearest {thing}s and captions appear here, with lines to its own partner and to what "
            "is retrieved first. A lasso chooses any number, so does dragging with Shift held.",
            tag("div.i-row.centre", cards.button(f"A random {thing}", "random")),
        )

    def _chosen(self, run: str, side: Side, selection: Selection) -> Html:
        points = selection.points[: side.count].tolist()
        items = self.services.map_points(run, points)
        return map_cards.chosen(items, points, len(selection.points), FIRST)
