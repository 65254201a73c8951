"""Modality conflict: a fold of the part Diagnostics, with a pair to try."""

from __future__ import annotations

import secrets
from typing import Any

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import Item
from ui import cards, conflict_cards, words
from ui.components import panel, weights
from ui.context import QUIET, RAW, WORK, modality_of
from ui.guard import told
from ui.markup import Html
from ui.pages.evaluating.fold import RunFold

_OFFERED = 8
_LONGEST = 500


class ConflictFold(RunFold):
    """The report over the split; below it an item and a text that are weighed against each other."""

    name = "conflict"
    title = "When item and text disagree"

    def lay_out(self) -> list[Any]:
        """Nothing has to be chosen for the report."""
        return []

    def lay_out_more(self) -> list[Any]:
        """An item of the gallery, a text, and what both together find."""
        self.offered = gr.State([])
        self.heading = panel(elem_id="i-conflict-try")
        with gr.Row(equal_height=False, elem_classes="i-form-row"):
            with gr.Column(scale=4, min_width=280):
                self.choices = panel(elem_id="i-conflict-items")
                with gr.Row(elem_classes="i-actions"):
                    self.random = gr.Button("Other items", scale=0, elem_id="i-conflict-random")
                self.item = gr.Textbox(
                    "", label="Item", info="chosen above, or an id of the gallery", max_lines=1,
                    max_length=_LONGEST, elem_id="i-conflict-item",
                )  # fmt: skip
                self.text = gr.Textbox(
                    "", label="Text", info="that says something else", max_lines=3,
                    max_length=_LONGEST, elem_id="i-conflict-text",
                )  # fmt: skip
                self.go = gr.Button("Ask with both", variant="primary", elem_id="i-conflict-go")
            with gr.Column(scale=7, min_width=300):
                self.result = weights(elem_id="i-conflict-result")
        return [self.heading, self.offered, self.choices, self.item, self.text, self.result]

    def connect(self) -> None:
        """Wires the events, once all pages are laid out."""
        super().connect()
        context = self.context
        offers = [self.offered, self.choices, self.item, self.text]
        asked = [context.run, self.item, self.text]
        offering = [self.is_open, context.run, self.offered]
        self.fold.expand(self.first_offer, [context.run, self.offered], offers, **QUIET, **RAW)
        self.of.change(self.offer_if_open, offering, offers, **QUIET, **RAW)
        self.random.click(self.offer_items, context.run, offers, **QUIET)
        self.choices.act(
            self.choose, self.offered, [self.choices, self.item], **QUIET
        ).then(self.weigh, asked, self.result, **WORK)  # fmt: skip
        gr.on(
            [self.go.click, self.text.submit, self.item.submit], self.weigh, asked, self.result,
            **WORK,
        )  # fmt: skip
        self.result.act(self.search_from, None, [context.query, context.tabs], **QUIET)

    def offer(self, run: str) -> list[Any]:
        """Nothing has to be chosen for the report."""
        return []

    def card(self, run: str, *given: Any) -> Html:
        """The report over the test split."""
        return conflict_cards.conflicts(
            self.services.conflicts(run), modality_of(self.services, run)
        )

    def first_offer(self, run: str | None, offered: list[Item]) -> tuple[Any, ...]:
        """Something to choose from when the fold is opened."""
        return (gr.skip(),) * 4 if offered or not run else self.offer_items(run)

    @told
    def offer_items(self, run: str | None) -> tuple[Any, ...]:
        """Some items, the first one chosen, and a caption of the second as the text."""
        if not run:
            return (gr.skip(),) * 4
        items = self.services.random_items(run, "image", _OFFERED, secrets.randbelow(2**31))
        said = next((item.captions[0] for item in items[1:] if item.captions), "")
        return items, cards.choices(items, items[0].id), items[0].id, said

    def choose(self, offered: list[Item], event: gr.EventData) -> tuple[Html, str]:
        """A clicked item."""
        return cards.choices(offered, str(event.arg)), str(event.arg)

    def offer_if_open(self, is_open: bool, run: str | None, offered: list[Item]) -> tuple[Any, ...]:
        """The run was changed while the fold is open."""
        return self.first_offer(run, offered) if is_open else (gr.skip(),) * 4

    def renewed(self, run: str) -> list[Any]:
        """Another run: items of its own are offered when the fold is open."""
        thing = words.ITEM_WORDS[modality_of(self.services, run)]
        return [conflict_cards.heading(thing), [], "", "", "", ""]

    def search_from(self, event: gr.EventData) -> tuple[str, Any]:
        """A click on an answer searches from it."""
        return str(event.arg), gr.Tabs(selected="explore")

    def weigh(self, run: str | None, item: str, text: str) -> Html:
        """What both find together; what cannot be asked is said in its place."""
        try:
            return conflict_cards.weighed(self.services.weigh(str(run or ""), item, text))
        except IsthmusError as error:
            return cards.notice(str(error), "bad")
