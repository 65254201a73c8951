"""Explore: search a run's gallery by words, pictures, items, regions, vectors, and mixtures of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import gradio as gr

from backend.errors import InvalidInput, IsthmusError
from backend.schemas import PartKind, QueryPart, pack
from ui import cards, queries, search_cards, words
from ui.components import panel, search_bar, search_results
from ui.context import QUIET, RAW, WORK, Context, finished, modality_of, picker
from ui.markup import Html
from ui.pages.exploring import acts
from ui.pages.exploring.answering import Answering
from ui.pages.exploring.asked import Asked
from ui.pages.exploring.filters import Filters
from ui.pages.exploring.more_ways import LONGEST_VECTOR, MoreWays

#: one after the other, so that what was asked last is what is shown
_IN_ORDER: Final[dict[str, Any]] = {
    **WORK,
    "concurrency_id": "explore",
    "concurrency_limit": 1,
}
_LONGEST_QUERY: Final = 500

#: components -> what they become; all others stay as they are
Updates = dict[Any, Any]


class ExplorePage:
    """Lays the page out; its methods answer the events."""

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.services = context.services
        self.answering = Answering(context.services)
        self.asked = gr.State(Asked())
        self.filters = Filters(context.services)
        with gr.Row(elem_classes="i-toolbar"):
            self.run = gr.Dropdown([], label="Run", elem_id="i-explore-run", scale=3)
            self.target = gr.Radio(
                [("Images", "image"), ("Captions", "text"), ("Both", "both")], value="image",
                label="Search among", scale=0, min_width=330, elem_id="i-explore-target",
            )  # fmt: skip
            self.filters.lay_out()
        with gr.Row(elem_classes="i-searchbar", equal_height=True):
            self.bar = search_bar(_LONGEST_QUERY, elem_id="i-query", scale=8)
            self.upload = gr.UploadButton(
                "By picture…", file_types=["image"], scale=0, min_width=130, size="lg",
                elem_id="i-upload",
            )  # fmt: skip
        self.reader = gr.Radio(
            [("a caption", "text"), ("a text", "image")], value="text", visible=False,
            label="Read the words as", elem_id="i-explore-reader", elem_classes="i-inline",
        )  # fmt: skip
        with gr.Row(elem_classes="i-tools"):
            self.filters.lay_out_hiding()
            self.more = MoreWays()
        self.offer = panel(elem_id="i-offer")
        self.results = search_results(elem_id="i-results")

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        order = {**_IN_ORDER, "show_progress_on": self.results}
        context, filters, more = self.context, self.filters, self.more
        now = [self.bar, context.run, self.asked]
        out = [self.asked, self.results, self.bar, context.asked]
        fields = [self.target, *filters.fields]

        self.bar.typed(self.typed, [*now, self.reader], out, **order, trigger_mode="always_last")
        self.reader.input(self.typed, [*now, self.reader], out, **order)
        self.results.act(
            self.on_act,
            [*now, self.reader, context.selection, filters.attribute],
            [*out, *fields, context.selection, context.tabs],
            **order,
            trigger_mode="multiple",
        )
        self.offer.act(self.within, [*now, context.selection], out, **order)
        self.upload.upload(self.by_file, [self.upload, *now], out, **order)
        more.upload.upload(self.with_file, [more.upload, *now], out, **order)
        for event in (more.less.submit, more.subtract.click):
            event(self.away_from, [more.less, *now], [more.less, *out], **order)
        more.add_vector.click(self.with_vector, [more.vector, *now], [more.vector, *out], **order)
        self.target.input(self.among, [self.target, *now], out, **order)
        filters.hide.input(self.hide, [filters.hide, *now], out, **order)
        filters.values.input(
            self.filter, [filters.attribute, filters.values, *now], out, **order, **RAW
        )
        filters.attribute.input(
            self.pick_attribute,
            [context.run, self.asked, filters.attribute],
            filters.values,
            **QUIET,
            **RAW,
        )
        self._connect_elsewhere(now, out, fields, order)

    def _connect_elsewhere(
        self, now: list[Any], out: list[Any], fields: list[Any], order: dict[str, Any]
    ) -> None:
        """What other pages, the lists of runs and links change."""
        context = self.context
        context.query.change(
            self.search_sent, [context.query, *now], [context.query, *out], **order
        )
        asking = [context.asked, *now, self.filters.attribute]
        context.run.change(self.open_run, asking, [*out, *fields], **order)
        context.asked.change(self.follow, asking, [*out, *fields], **order)
        context.selection.change(self.follow_selection, [context.selection, *now], out, **order)
        for changed in (context.run.change, context.selection.change):
            changed(self.offered, [context.selection, context.run], self.offer, **QUIET)
        self.run.input(lambda run: run, self.run, context.run, **QUIET, **RAW)
        context.listing.change(self.refresh, [context.run], [self.run, self.results], **QUIET)
        context.run.change(self.pick, context.run, self.run, **QUIET)
        context.run.change(
            self.name_things,
            context.run,
            [self.target, self.upload, self.more.upload, self.reader],
            **QUIET,
        )

    # --- the lists of runs -----------------------------------------------------------------------

    def pick(self, run: str | None) -> Any:
        """The list of runs, with the one that is shown."""
        return picker(finished(self.services), run)

    def name_things(self, run: str | None) -> tuple[Any, Any, Any, Any]:
        """The fields in words of the run's items; what cannot be searched by is hidden."""
        modality = modality_of(self.services, run)
        thing = words.ITEM_WORDS[modality]
        by_file = {"image": ("picture", ["image"]), "audio": ("recording", ["audio"])}
        label, kinds = by_file.get(modality, ("", None))

        def upload(text: str) -> Any:
            if kinds is None:
                return gr.update(visible=False)
            return gr.update(visible=True, label=text, file_types=kinds)

        among = [(f"{thing.capitalize()}s", "image"), ("Captions", "text"), ("Both", "both")]
        return (
            gr.update(choices=among),
            upload(f"By {label}…"),
            upload(f"Add a {label}…"),
            gr.update(
                visible=modality in ("text", "code"), value="text",
                choices=[("a caption", "text"), (f"a {thing}", "image")],
            ),
        )  # fmt: skip

    def refresh(self, run: str | None) -> tuple[Any, Any]:
        """The list of runs; while there is none, how far the first one is."""
        ready = finished(self.services)
        waiting = gr.skip() if ready else _shown(self.answering.waiting(), 0)
        return picker(ready, run), waiting

    # --- asking ----------------------------------------------------------------------------------

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
            updates |= self.filters.set(run, updates[self.asked], attribute)
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
        said = " ".join(str(text or "").split())[:_LONGEST_QUERY]
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
        if text not in asked.echoes:
            asked, foreign = asked.heard(text)
            asked = self._from_elsewhere(text, asked, request, told) if foreign else asked
        return self._opened(run, asked, attribute, told)

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
        asked, foreign = asked.heard(text)
        if not foreign:
            return {self.asked: asked}
        told: list[str] = []
        asked = self._from_elsewhere(text, asked, request, told)
        return self._opened(run, asked, attribute, told)

    def _opened(
        self, run: str | None, asked: Asked, attribute: str | None, told: list[str]
    ) -> Updates:
        if not run:
            return self._answer(run, asked)
        try:
            asked, lost = self.answering.fitting(run, asked)
        except IsthmusError as error:
            return {self.asked: asked, self.results: _shown(cards.notice(str(error), "bad"), 0)}
        updates = self._answer(run, asked, told=" ".join([*told, lost]).strip())
        return updates | {self.target: asked.target} | self.filters.set(run, asked, attribute)

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
        part = QueryPart(kind="item", value=str(item)[:_LONGEST_QUERY])
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
        asked = replace(asked, ticket=max(asked.ticket, _ticket(bar)))
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
        if not run:  # asked before the page knew its run
            run = next((each.id for each in finished(self.services)), None)
        if not run:
            return {self.asked: asked, self.results: _shown(self.answering.waiting(), 0)}
        page, asked = self.answering.answer(run, asked, told)
        asked, text = asked.tell()
        updates: Updates = {self.asked: asked, self.results: _shown(page, asked.ticket, fresh)}
        if text is not None:
            updates[self.context.asked] = text
        if bar_too:
            updates[self.bar] = gr.update(said={"text": asked.words, "ticket": asked.ticket})
        return updates

    def _show_on_map(self, run: str | None, asked: Asked) -> Updates:
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


def _shown(page: Html, ticket: int, fresh: bool = True) -> Any:
    """An answer on its way to the page, which shows it unless something newer has been typed."""
    return gr.update(answer={"html": page, "ticket": ticket, "fresh": fresh})


def _text(bar: Any) -> str:
    return str(bar.get("text", ""))[:_LONGEST_QUERY] if isinstance(bar, dict) else ""


def _ticket(bar: Any) -> int:
    ticket = bar.get("ticket") if isinstance(bar, dict) else 0
    return ticket if isinstance(ticket, int) else 0
