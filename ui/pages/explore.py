"""Explore: search a run's gallery by text, by a picture or recording, or from its own items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from backend.errors import IsthmusError, NotFound
from backend.schemas import Item, SearchResult, Side
from ui import cards, faces, run_cards, words
from ui.cards import button
from ui.components import panel
from ui.context import QUIET, RAW, WORK, Context, finished, modality_of, picker
from ui.guard import told
from ui.markup import Html, tag

#: what was searched for: ("text", words), ("said", an item's own kind of words), ("file", path of a
#: picture or a recording) or ("item", id)
Asked = tuple[str, str]

#: one after the other, so that what was asked last is what is shown
_IN_ORDER = {**WORK, "concurrency_id": "explore", "concurrency_limit": 1}
_PAGE = 24
_MOST = 96
_LONGEST_QUERY = 500
_EXAMPLES = (
    "a red circle",
    "two blue squares",
    "a striped star",
    "a heart inside a ring",
    "a yellow flower on a wooden table",
)


class ExplorePage:
    """Lays the page out; its methods answer the events."""

    def __init__(self, context: Context, tab: gr.Tab) -> None:
        self.context = context
        self.services = context.services
        self.asked = gr.State(None)
        self.shown = gr.State(_PAGE)
        with gr.Row(elem_classes="i-toolbar"):
            self.run = gr.Dropdown([], label="Run", elem_id="i-explore-run", scale=3)
            self.target = gr.Radio(
                [("Images", "image"), ("Captions", "text")], value="image",
                label="Search among", scale=2, elem_id="i-explore-target",
            )  # fmt: skip
        with gr.Row(elem_classes="i-searchbar", equal_height=True):
            self.text = gr.Textbox(
                placeholder="Describe what you are looking for", show_label=False, max_lines=1,
                label="Query", scale=8, elem_classes="i-search", elem_id="i-query",
                container=False, max_length=_LONGEST_QUERY,
            )  # fmt: skip
            self.go = gr.Button("Search", variant="primary", scale=0, min_width=110)
            self.upload = gr.UploadButton(
                "By picture…", file_types=["image"], scale=0, min_width=130, size="lg",
                elem_id="i-upload",
            )  # fmt: skip
        self.reader = gr.Radio(
            [("a caption", "text"), ("a text", "image")], value="text", visible=False,
            label="Read the words as", elem_id="i-explore-reader", elem_classes="i-inline",
        )  # fmt: skip
        self.examples = panel(elem_id="i-examples")
        self.chip = panel(elem_id="i-chip")
        self.results = panel(elem_id="i-results")
        self.more = gr.Button("Show more", visible=False, elem_id="i-more")

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        view = [self.chip, self.results, self.more]
        state = [self.context.run, self.asked, self.target, self.shown]
        asked = [self.asked, self.shown, *view]
        for event in (self.text.submit, self.go.click):
            event(self.search_text, [self.text, *state, self.reader], asked, **_IN_ORDER)
        self.upload.upload(self.search_file, [self.upload, *state], asked, **_IN_ORDER)
        self.target.change(self.show, state, view, **_IN_ORDER)
        self.more.click(self.show_more, state, [self.shown, *view], **_IN_ORDER)
        outputs = [self.text, *asked]
        self.results.act(self.on_act, state, [*outputs, self.context.tabs], **_IN_ORDER)
        self.examples.act(self.on_act, state, [*outputs, self.context.tabs], **_IN_ORDER)
        self.chip.act(self.on_act, state, [*outputs, self.context.tabs], **_IN_ORDER)
        self.context.query.change(
            self.search_sent,
            [self.context.query, *state],
            [self.context.query, *outputs],
            **_IN_ORDER,
        )
        self.run.input(lambda run: run, self.run, self.context.run, **QUIET, **RAW)
        self.context.run.change(self.open_run, state, [self.examples, *asked], **_IN_ORDER)
        self.context.listing.change(
            self.refresh, [self.context.run], [self.run, self.results], **QUIET
        )
        self.context.run.change(self.pick, self.context.run, self.run, **QUIET)
        self.context.run.change(
            self.name_things, self.context.run, [self.target, self.upload, self.reader], **QUIET
        )

    def pick(self, run: str | None) -> Any:
        """The list of runs, with the one that is shown."""
        return picker(finished(self.services), run)

    def name_things(self, run: str | None) -> tuple[Any, Any, Any]:
        """The fields in words of the run's items; what cannot be searched by is hidden."""
        modality = modality_of(self.services, run)
        thing = words.ITEM_WORDS[modality]
        by_file = {"image": ("By picture…", ["image"]), "audio": ("By recording…", ["audio"])}
        label, kinds = by_file.get(modality, ("", None))
        upload = gr.update(visible=False) if kinds is None else gr.update(
            visible=True, label=label, file_types=kinds
        )  # fmt: skip
        return (
            gr.update(choices=[(f"{thing.capitalize()}s", "image"), ("Captions", "text")]),
            upload,
            gr.update(
                visible=modality in ("text", "code"), value="text",
                choices=[("a caption", "text"), (f"a {thing}", "image")],
            ),
        )  # fmt: skip

    def refresh(self, run: str | None) -> tuple[Any, Any]:
        """The list of runs; while there is none, how far the first one is."""
        ready = finished(self.services)
        waiting = gr.skip() if ready else self._waiting()
        return picker(ready, run), waiting

    def _waiting(self) -> Html:
        services = self.services
        return run_cards.first_start(services.runs(), services.worker(), services.settings.demo)

    @told
    def open_run(
        self, run: str | None, asked: Asked | None, target: Side, shown: int
    ) -> tuple[Any, ...]:
        """Another run: the same words are searched again; an item of another gallery is let go."""
        if not run:
            return "", None, _PAGE, "", self._waiting(), gr.update(visible=False)
        examples = self._examples(run)
        try:
            return examples, asked, shown, *self.show(run, asked, target, shown)
        except (NotFound, gr.Error):
            return examples, None, _PAGE, *self.show(run, None, target, _PAGE)

    def _examples(self, run: str) -> Html:
        summary = self.services.run(run).summary
        built_in = {info.id for info in self.services.datasets() if info.built_in}
        texts: list[str] = list(_EXAMPLES)
        if summary.dataset not in built_in:
            items = self.services.random_items(run, "text", 4, seed=0)
            texts = [item.captions[0] for item in items]
        chips = [button(text, "example", text, "chip") for text in texts]
        return tag("div.i-row", tag("span.i-soft", "Try"), chips)

    def search_text(
        self,
        text: str,
        run: str | None,
        asked: Asked | None,
        target: Side,
        shown: int,
        reader: Side = "text",
    ) -> tuple[Any, ...]:
        """Searches with words; with none, shows some of the gallery."""
        text = str(text or "").strip()[:_LONGEST_QUERY]
        own = reader == "image" and modality_of(self.services, run) in ("text", "code")
        new: Asked | None = ("said" if own else "text", text) if text else None
        return new, _PAGE, *self.show(run, new, target, _PAGE)

    def search_file(
        self, path: str, run: str | None, asked: Asked | None, target: Side, shown: int
    ) -> tuple[Any, ...]:
        """Searches with an uploaded picture or recording."""
        new: Asked = ("file", path)
        return new, _PAGE, *self.show(run, new, target, _PAGE)

    def search_sent(
        self, item: str, run: str | None, asked: Asked | None, target: Side, shown: int
    ) -> tuple[Any, ...]:
        """Searches from an item that another page sent, and lets it be sent again."""
        if not item:
            return (gr.skip(),) * 7
        return "", *self.search_item(item, run, asked, target, shown)

    def search_item(
        self, item: str, run: str | None, asked: Asked | None, target: Side, shown: int
    ) -> tuple[Any, ...]:
        """Searches from an item of the gallery."""
        new: Asked = ("item", item)
        return "", new, _PAGE, *self.show(run, new, target, _PAGE)

    def show_more(
        self, run: str | None, asked: Asked | None, target: Side, shown: int
    ) -> tuple[Any, ...]:
        """The same search, twice as deep."""
        shown = min(_MOST, max(_PAGE, int(shown)) * 2)
        return shown, *self.show(run, asked, target, shown)

    def on_act(
        self,
        run: str | None,
        asked: Asked | None,
        target: Side,
        shown: int,
        event: gr.EventData,
    ) -> tuple[Any, ...]:
        """A click on an answer, an example or a button of the page's panels."""
        act, arg = str(event.act), str(event.arg)
        if act == "new":
            return *(gr.skip(),) * 6, gr.Tabs(selected="new")
        if act == "pick":
            return *self.search_item(arg, run, asked, target, shown), gr.skip()
        text = arg if act == "example" else ""
        return text, *self.search_text(text, run, asked, target, shown), gr.skip()

    @told
    def show(
        self, run: str | None, asked: Asked | None, target: Side, shown: int
    ) -> tuple[Any, Any, Any]:
        """What was asked, the answers, and whether there are more."""
        side: Side = "text" if target == "text" else "image"
        if not run:  # asked before the page knew its run
            run = next((each.id for each in finished(self.services)), None)
        if not run:
            return "", self._waiting(), gr.update(visible=False)
        if asked is None:
            items = self.services.random_items(run, side, _PAGE, seed=0)
            return "", cards.sample(items, side), gr.update(visible=False)
        try:
            chip, result = self._search(run, asked, side, min(_MOST, max(1, int(shown))))
        except NotFound:
            raise
        except IsthmusError as error:
            return "", cards.notice(str(error), "bad"), gr.update(visible=False)
        deeper = len(result.hits) < min(result.gallery, _MOST)
        return chip, cards.gallery(result, side), gr.update(visible=deeper)

    def _search(
        self, run: str, asked: Asked, target: Side, count: int
    ) -> tuple[Html, SearchResult]:
        kind, what = asked
        if kind == "item":
            item: Item = self.services.item(run, what)
            chip = cards.query_chip(faces.described(item), item)
            return chip, self.services.search_item(run, what, count, target)
        if kind == "file":
            path = Path(what)
            result = self.services.search_file(run, path, count, target)
            drawn = modality_of(self.services, run) == "image"
            return cards.query_chip(
                path.name, thumbnail=words.file_url(path) if drawn else None
            ), result
        if kind == "said":
            found = self.services.search_text(run, what, count, target, read_as="image")
            return cards.query_chip(f"“{what}”"), found
        return cards.query_chip(f"“{what}”"), self.services.search_text(run, what, count, target)
