"""What is done with points: picked, chosen, listed, taken to other pages, written to a file."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import gradio as gr

from backend.errors import InvalidInput, IsthmusError
from backend.schemas import MOST_PARTS, Neighbours, Query, QueryPart
from ui import map_cards, queries
from ui import map_figures as figures
from ui.context import QUIET, WORK, Context
from ui.guard import told
from ui.pages.mapping.drawing import Drawing
from ui.pages.mapping.now import FIRST, Now, Side
from ui.pages.mapping.side import SidePanel

#: rows of the table of chosen points
_MOST_ROWS: Final = 200
#: in the browser: what was just written is fetched
_FETCH: Final = "() => setTimeout(() => document.querySelector('#i-map-file')?.click(), 80)"

#: components -> what they become; all others stay as they are
Updates = dict[Any, Any]
#: Gradio takes an empty dictionary for a mistake
NOTHING: Final[Updates] = gr.skip()


@dataclass(frozen=True)
class Parts:
    """The components that points are shown in, and the buttons that write them to a file."""

    map: gr.HTML
    side: gr.HTML
    beside: gr.State
    table: gr.Dataframe
    table_fold: gr.Accordion
    csv: gr.Button
    parquet: gr.Button
    file: gr.DownloadButton


class Points:
    """Answers the events of single points and of those that are chosen."""

    def __init__(self, context: Context, drawing: Drawing, panel: SidePanel, parts: Parts) -> None:
        self.context = context
        self.services = context.services
        self.drawing = drawing
        self.panel = panel
        self.parts = parts

    def connect(self, now: list[Any]) -> None:
        """Wires the events; ``now`` are the components of a :class:`Now`."""
        context, parts = self.context, self.parts
        out = [parts.map, parts.side, parts.beside]
        parts.map.pick(self.pick, now, out, **QUIET)
        parts.map.clear(self.unpick, now, out, **QUIET)
        parts.map.lasso(self.choose, now, [parts.map, context.selection], **QUIET)
        parts.table.select(self.pick_row, now, out, **QUIET)
        parts.table_fold.expand(self.tabulate, now, parts.table, **QUIET)
        leads = [context.query, context.seed, context.asked, context.selection, context.tabs]
        parts.side.act(self.on_act, now, [*out, *leads], **QUIET)
        for button, write in ((parts.csv, self.export_csv), (parts.parquet, self.export_parquet)):
            button.click(write, now, parts.file, **WORK).success(
                None, None, None, js=_FETCH, **QUIET
            )

    # --- one point -------------------------------------------------------------------------------

    @told
    def pick(self, event: gr.EventData, *given: Any) -> Updates:
        """A clicked point: its neighbours beside the map and lines to them on it."""
        now = Now(*given)
        if not now.run or not isinstance(event.point, int):
            return NOTHING
        return self.at(now, self.services.map_points(now.run, [event.point])[0].id)

    @told
    def pick_row(self, event: gr.SelectData, *given: Any) -> Updates:
        """A row of the table: its point on the map."""
        row = event.row_value
        return self.at(Now(*given), str(row[0])) if isinstance(row, list) and row else NOTHING

    def at(self, now: Now, item: str) -> Updates:
        """An item's neighbours beside the map and lines to them on it."""
        if not now.run:
            return NOTHING
        near: Neighbours = self.services.neighbours(now.run, item)
        view = self.drawing.seen(now.loaded, now.shown)
        rays = self.drawing.rays(view, near) if view else figures.NO_RAYS
        beside = replace(now.beside, picked=near.item.id, chosen=False)
        return {self.parts.map: gr.update(rays=rays)} | self._show(now, beside, near)

    @told
    def unpick(self, *given: Any) -> Updates:
        """Nothing is picked any more; what is chosen stays."""
        now = Now(*given)
        some = self.drawing.chosen(now.run, now.selection) is not None
        beside = replace(now.beside, picked="", chosen=some)
        return {self.parts.map: gr.update(rays=figures.NO_RAYS)} | self._show(now, beside)

    def _show(self, now: Now, beside: Side, near: Neighbours | None = None) -> Updates:
        chosen = self.drawing.chosen(now.run, now.selection)
        return {
            self.parts.side: self.panel.shown(now.run, beside, chosen, near),
            self.parts.beside: beside,
        }

    # --- those that are chosen -------------------------------------------------------------------

    @told
    def choose(self, event: gr.EventData, *given: Any) -> Updates:
        """Points were chosen on the map: all pages are told; this one shows them when it hears of it."""
        now = Now(*given)
        view = self.drawing.seen(now.loaded, now.shown)
        if view is None or view.run != now.run:
            return NOTHING
        rows = str(event.rows)
        packed = self.drawing.packed(view, rows, str(event.how), now.selection)
        return {self.parts.map: gr.update(selected=rows), self.context.selection: packed}

    @told
    def tabulate(self, *given: Any) -> Any:
        """The first of the chosen points as a table."""
        now = Now(*given)
        chosen = self.drawing.chosen(now.run, now.selection)
        if not now.run or chosen is None:
            return NOTHING
        items = self.services.map_points(now.run, chosen.points[:_MOST_ROWS].tolist())
        value = map_cards.rows(items)
        # by itself Gradio measures widths by what is in the rows, and breaks longer headers letter by letter
        widths = map_cards.widths(value["headers"])
        return gr.update(value=value, column_widths=widths)

    @told
    def export_csv(self, *given: Any) -> Any:
        """The chosen points as a file, or all of them; the browser fetches it."""
        return self._written(Now(*given), "csv")

    @told
    def export_parquet(self, *given: Any) -> Any:
        """The same for whoever reads it with numpy or pandas."""
        return self._written(Now(*given), "parquet")

    def _written(self, now: Now, form: Literal["csv", "parquet"]) -> Any:
        if not now.run:
            return NOTHING
        view = self.drawing.seen(now.loaded, now.shown)
        layout = view.layout if view else now.shown.layout
        chosen = now.selection if self.drawing.chosen(now.run, now.selection) else ""
        return gr.update(value=str(self.services.export_points(now.run, layout, chosen, form)))

    # --- clicks beside the map -------------------------------------------------------------------

    @told
    def on_act(self, event: gr.EventData, request: gr.Request, *given: Any) -> Updates:
        """A click beside the map."""
        now, context = Now(*given), self.context
        act, arg = str(event.act), str(event.arg)
        leads = {"search": (context.query, "explore"), "seed": (context.seed, "drift")}
        if act == "new":
            return {context.tabs: gr.Tabs(selected="new")}
        if not now.run:
            return NOTHING
        if act == "pick":
            return self.at(now, arg)
        if act == "random":
            some = self.services.random_items(now.run, "image", 1, seed=secrets.randbelow(2**31))
            return self.at(now, some[0].id)
        if act == "clear":
            return self.unpick(*given)
        if act in leads:
            field, tab = leads[act]
            return {field: arg, context.tabs: gr.Tabs(selected=tab)}
        if act == "plus":
            return {context.asked: self._with(now.asked, arg, request.session_hash)}
        if act == "within":
            within = self._within(now.asked, now.selection, request.session_hash)
            return {context.asked: within, context.tabs: gr.Tabs(selected="explore")}
        if act == "unchoose":
            return {context.selection: ""}
        return self._turn(act, arg, now)

    def _turn(self, act: str, arg: str, now: Now) -> Updates:
        """What is shown beside the map: the point, the chosen ones, or more of them."""
        beside = now.beside
        if act == "tab":
            beside = replace(beside, chosen=arg == "chosen")
        elif act == "more":
            beside = replace(beside, count=beside.count + FIRST)
        return self._show(now, beside)

    def _with(self, asked: str, item: str, session: str | None) -> str:
        """What is searched for, and an item more."""
        query = queries.read(asked, self.context.uploads, session)
        part = QueryPart(kind="item", value=item)
        if query is None:
            return queries.write(Query(parts=(part,)))
        parts = (*(each for each in query.parts if each.value != item), part)
        if len(parts) > MOST_PARTS:
            raise InvalidInput(
                f"A query has at most {MOST_PARTS} parts; remove one on Explore first."
            )
        return queries.write(query.model_copy(update={"parts": parts}))

    def _within(self, asked: str, selection: str, session: str | None) -> str:
        """What is searched for, among the chosen points alone."""
        try:
            query = queries.read(asked, self.context.uploads, session)
        except IsthmusError:
            query = None
        if query is None:
            return asked  # Explore offers the selection for the next search
        return queries.write(query.model_copy(update={"within": selection}))
