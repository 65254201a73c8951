"""Explore's answers to its events: what is asked changes, is searched, shown, and told to other pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import gradio as gr

from backend.errors import InvalidInput, IsthmusError
from backend.schemas import PartKind, QueryPart, pack
from backend.services import Services
from ui import cards, queries, search_cards
from ui.context import Context, finished, modality_of
from ui.markup import Html
from ui.pages.exploring import acts
from ui.pages.exploring.answering import Answering
from ui.pages.exploring.asked import Asked
from ui.pages.exploring.filters import Filters
from ui.pages.exploring.more_ways import LONGEST_VECTOR, MoreWays

LONGEST_QUERY: Final = 500

#: components -> what they become; all others stay as they are
Updates = dict[Any, Any]


class Asking:
    """Answers events. Each is given the search bar's value, the run and what is asked so far."""

    context: Context
    services: Services
    answering: Answering
    asked: gr.State
    bar: gr.HTML
    target: gr.Radio
    filters: Filters
    more: MoreWays
    results: gr.HTML

    def typed(self, bar: Any, run: str | None, asked: Asked, reader: str) -> Updates:
        """Other words stand in the search bar."""
        kind = self._kind(run, reader)
        return self._change(bar, run, asked, lambda now: now.said(_text(bar), kind), bar_too=False)

    def on_act(
        self,
        bar: Any,
        run: str | None,
        asked: Asked,
        reader: str,
        selection: str,
        attribute: str | None,
        event: gr.EventData,
    ) -> Updates:
        """A click on an answer, a chip, an example or a button of the results."""
        act, arg = str(event.act), str(event.arg)
        if act == "new":
            return {self.context.tabs: gr.Tabs(selected="new")}
        if act == "map":
            return self._show_on_map(run, asked)
        kind = self._kind(run, reader)
        updates = self._change(
            bar, run, asked, lambda now: acts.changed(now, act, arg, kind), fresh=act != "deeper"
        )
        if act in ("clear", "unfilter"):
            updates |= self.filters.set(run, asked, updates[self.asked], attribute)
        return updates

    def by_file(
        self, path: str | None, bar: Any, run: str | None, asked: Asked, request: gr.Request
    ) -> Updates:
        """Searches with an uploaded picture or recording alone."""
        part = self._uploaded(path, request)
        return self._change(bar, run, asked, lambda now: now.only(part)) if part else {}

    def with_file(
        self, path: str | None, bar: Any, run: str | None, asked: Asked, request: gr.Request
    ) -> Updates:
        """Adds an uploaded picture or recording to the query."""
        part = self._uploaded(path, request)
        return self._change(bar, run, asked, lambda now: now.plus(part)) if part else {}

    def away_from(self, text: str, bar: Any, run: str | None, asked: Asked) -> Updates:
        """Subtracts words from the query."""
        said = " ".join(str(text or "").split())[:LONGEST_QUERY]
        if not said:
            return {}
        part = QueryPart(kind="text", value=said, weight=-1.0)
        return {self.more.less: ""} | self._change(bar, run, asked, lambda now: now.plus(part))

    def with_vector(self, text: str, bar: Any, run: str | None, asked: Asked) -> Updates:
        """Adds a pasted vector; one that cannot be used stays where it was pasted."""
        numbers = str(text or "").strip().strip("[]")[:LONGEST_VECTOR]
        part = QueryPart(kind="vector", value=numbers)
        try:
            if run:
                self.services.embed(run, part)
        except IsthmusError as error:
            return self._answer(run, asked, told=str(error))
        return {self.more.vector: ""} | self._change(bar, run, asked, lambda now: now.plus(part))

    def among(self, target: str, bar: Any, run: str | None, asked: Asked) -> Updates:
        """Searches another modality, or both."""
        return self._change(bar, run, asked, lambda now: now.among(target), bar_too=False)

    def hide(self, hidden: bool, bar: Any, run: str | None, asked: Asked) -> Updates:
        """Leaves near-duplicates out, or not."""
        return self._change(
            bar, run, asked, lambda now: replace(now, hide=bool(hidden)), bar_too=False
        )

    def filter(
        self, attribute: Any, values: Any, bar: Any, run: str | None, asked: Asked
    ) -> Updates:
        """Keeps to some values of an attribute."""
        return self._change(
            bar, run, asked, lambda now: self.filters.filtered(run, now, attribute, values),
            bar_too=False,
        )  # fmt: skip

    def pick_attribute(self, run: str | None, asked: Asked, attribute: Any) -> Any:
        """The values of an attribute to choose from."""
        return self.filters.choices(self.filters.known(run), asked, str(attribute or ""))

    def within(self, bar: Any, run: str | None, asked: Asked, selection: str) -> Updates:
        """Searches within the map's selection."""
        if not self.answering.selected(run, selection):
            return {}
        return self._change(bar, run, asked, lambda now: replace(now, within=selection))

    # --- what other pages and links change -------------------------------------------------------

    def open_run(
        self,
        text: str,
        bar: Any,
        run: str | None,
        asked: Asked,
        attribute: str | None,
        request: gr.Request,
    ) -> Updates:
        """Another run is searched with the same, or with what a link asks of it."""
        told: list[str] = []
        before = asked = _typed_by_now(asked, bar)
        if not asked.is_late(text):
            asked, foreign = asked.heard(text)
            asked = self._from_elsewhere(text, asked, request, told) if foreign else asked
        return self._opened(run, before, asked, attribute, told)

    def follow(
        self,
        text: str,
        bar: Any,
        run: str | None,
        asked: Asked,
        attribute: str | None,
        request: gr.Request,
    ) -> Updates:
        """A link or another page asks something else."""
        before = _typed_by_now(asked, bar)
        asked, foreign = before.heard(text)
        if not foreign:
            return {self.asked: asked}
        told: list[str] = []
        asked = self._from_elsewhere(text, asked, request, told)
        return self._opened(run, before, asked, attribute, told)

    def _opened(
        self, run: str | None, before: Asked, asked: Asked, attribute: str | None, told: list[str]
    ) -> Updates:
        if not run:
            return self._answer(run, asked)
        try:
            asked, lost = self.answering.fitting(run, asked)
        except IsthmusError as error:
            return {self.asked: asked, self.results: shown(cards.notice(str(error), "bad"))}
        updates = self._answer(run, asked, told=" ".join([*told, lost]).strip())
        # what stays is not written again: somebody may have chosen another meanwhile
        if asked.target != before.target:
            updates[self.target] = asked.target
        return updates | self.filters.set(run, before, asked, attribute)

    def _from_elsewhere(
        self, text: str, asked: Asked, request: gr.Request, told: list[str]
    ) -> Asked:
        try:
            query = queries.parse(text)
        except InvalidInput as error:
            told.append(str(error))
            return asked
        if query is None:
            return asked.only(None)
        parts = queries.own_parts(query, self.context.uploads, request.session_hash)
        if len(parts) < len(query.parts):
            told.append(queries.NOT_UPLOADED)
        return asked.of(query, parts)

    def search_sent(self, item: str, bar: Any, run: str | None, asked: Asked) -> Updates:
        """Searches from an item that another page sent, and lets it be sent again."""
        if not item:
            return {}
        part = QueryPart(kind="item", value=str(item)[:LONGEST_QUERY])
        return {self.context.query: ""} | self._change(bar, run, asked, lambda now: now.only(part))

    def follow_selection(self, selection: str, bar: Any, run: str | None, asked: Asked) -> Updates:
        """What is searched within follows the map; all of the gallery where nothing is chosen."""
        chosen = selection if self.answering.selected(run, selection) else ""
        if not asked.within or chosen == asked.within:
            return {}
        return self._change(bar, run, asked, lambda now: replace(now, within=chosen))

    def offered(self, selection: str, run: str | None) -> Html | str:
        """The map's selection, where it is of this run."""
        chosen = self.answering.selected(run, selection)
        return search_cards.offer(len(chosen.points)) if chosen else ""

    # --- answering -------------------------------------------------------------------------------

    def _change(
        self,
        bar: Any,
        run: str | None,
        asked: Asked,
        change: Callable[[Asked], Asked],
        bar_too: bool = True,
        fresh: bool = True,
    ) -> Updates:
        asked = _typed_by_now(asked, bar)
        try:
            return self._answer(run, change(asked), bar_too=bar_too, fresh=fresh)
        except InvalidInput as error:
            return self._answer(run, asked, told=str(error), bar_too=bar_too)

    def _answer(
        self,
        run: str | None,
        asked: Asked,
        *,
        told: str = "",
        bar_too: bool = True,
        fresh: bool = True,
    ) -> Updates:
        """What is shown for what is asked, and what the other pages are told of it."""
        run = self._known(run)
        if not run:
            return {self.asked: asked, self.results: shown(self.answering.waiting())}
        page, asked = self.answering.answer(run, asked, told)
        asked, text = asked.tell()
        updates: Updates = {self.asked: asked, self.results: shown(page, asked.ticket, fresh)}
        if text is not None:
            updates[self.context.asked] = text
        if bar_too:
            updates[self.bar] = gr.update(said={"text": asked.words, "ticket": asked.ticket})
        return updates

    def _known(self, run: str | None) -> str | None:
        """The run; of what is asked before the page knows it, the one that it is going to be."""
        return run or next((each.id for each in finished(self.services)), None)

    def _show_on_map(self, run: str | None, asked: Asked) -> Updates:
        run = self._known(run)
        if not run or not asked.found:
            return {}
        points = [self.services.point_of(run, item) for item in asked.found]
        packed = pack(run, sum(self.services.gallery_sizes(run).values()), points)
        return {self.context.selection: packed, self.context.tabs: gr.Tabs(selected="map")}

    def _kind(self, run: str | None, reader: str) -> PartKind:
        own = reader == "image" and modality_of(self.services, run) in ("text", "code")
        return "said" if own else "text"

    def _uploaded(self, path: str | None, request: gr.Request) -> QueryPart | None:
        if not path:
            return None
        self.context.uploads.keep(request.session_hash, str(path))
        return QueryPart(kind="file", value=str(path))


def shown(page: Html, ticket: int | None = None, fresh: bool = True) -> Any:
    """An answer on its way to the page, which shows it unless newer words have been typed.

    Args:
        ticket: of the words that it answers; None: it is shown whatever has been typed.
        fresh: whether it answers another query than the one before.
    """
    return gr.update(answer={"html": page, "ticket": ticket, "fresh": fresh})


def _text(bar: Any) -> str:
    return str(bar.get("text", ""))[:LONGEST_QUERY] if isinstance(bar, dict) else ""


def with_bar(asked: Asked, bar: Any) -> Asked:
    """What is asked; before the first answer to it, what stands in the search bar."""
    return asked if asked.parts else asked.said(_text(bar))


def _typed_by_now(asked: Asked, bar: Any) -> Asked:
    ticket = bar.get("ticket") if isinstance(bar, dict) else 0
    return replace(asked, ticket=max(asked.ticket, ticket if isinstance(ticket, int) else 0))
