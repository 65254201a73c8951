"""Duel: two answers without names; who did better is said first, who was who is told then."""

from __future__ import annotations

from typing import Any, Final, cast

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import Duel, Query, QueryPart, Side, Verdict
from ui import cards, duel_cards, words
from ui.components import panel
from ui.context import QUIET, WORK, Context, modality_of
from ui.guard import READONLY, may_change, require_changes, told
from ui.markup import Html

_LONGEST: Final = 500
#: one after the other: a verdict belongs to the duel that is shown
_IN_ORDER: Final[dict[str, Any]] = {**WORK, "concurrency_id": "duel", "concurrency_limit": 1}
#: components -> what they become; all others stay as they are
Updates = dict[Any, Any]


class DuelPart:
    """Lays the part out; its methods answer the events.

    The browser knows a duel by its id alone: which run stands left is kept by the server.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.services = context.services
        self.changeable = may_change(context.services.settings)
        self.now = gr.State("")  # id of the duel that is shown
        self.drawing = gr.State(True)  # whether the next query is drawn, too
        self.of = gr.State(("", ""))  # the runs that are shown
        if not self.changeable:
            panel(cards.notice(READONLY))
        with gr.Column(visible=self.changeable):
            with gr.Row(elem_classes="i-searchbar", equal_height=True):
                self.text = gr.Textbox(
                    placeholder="A query of your own", show_label=False, label="Query of the duel",
                    container=False, max_lines=1, scale=8, elem_classes="i-search",
                    elem_id="i-duel-query", max_length=_LONGEST,
                )  # fmt: skip
                self.go = gr.Button("Ask", scale=0, min_width=90, elem_id="i-duel-ask")
                self.draw = gr.Button(
                    "Draw a caption", variant="primary", scale=0, min_width=150,
                    elem_id="i-duel-draw",
                )  # fmt: skip
                self.target = gr.Radio(
                    [("Images", "image"), ("Captions", "text")], value="image", show_label=False,
                    label="Search among", container=False, scale=0, min_width=220,
                    elem_id="i-duel-target",
                )  # fmt: skip
            self.duel = panel(self._invitation(), script="duel", elem_id="i-duel")
        self.scores = panel(elem_id="i-duel-scores")

    def connect(self, page: gr.Tab, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        both = [context.run, context.other]
        asked = [*both, self.text, self.target]
        out = [self.duel, self.now, self.drawing, self.text]
        for event in (self.text.submit, self.go.click):
            event(self.ask, asked, out, **_IN_ORDER)
        self.draw.click(self.draw_one, asked, out, **_IN_ORDER)
        self.duel.act(
            self.on_act, [self.now, self.drawing, *asked], [*out, self.scores], **_IN_ORDER
        )
        gr.on([page.select, tab.select], self.show_scores, both, self.scores, **QUIET)
        left = [self.duel, self.now, self.scores, self.of]
        gr.on([field.change for field in both], self.leave, [*both, self.of], left, **QUIET)
        context.run.change(self.name_things, context.run, self.target, **QUIET)

    def _invitation(self) -> Html:
        return cards.empty(
            "Which run answers better?",
            "Both runs answer the same query; you see both answers, in an order drawn by chance and without "
            "names. Draw a caption, or ask something of your own. Arrows judge, N goes on to the next.",
        )

    def name_things(self, run: str | None) -> Any:
        """What is searched among in words of the run's items."""
        thing = words.ITEM_WORDS[modality_of(self.services, run)]
        return gr.update(choices=[(f"{thing.capitalize()}s", "image"), ("Captions", "text")])

    def leave(self, run: str | None, other: str | None, of: tuple[str, str]) -> Updates:
        """Other runs are chosen: the duel that was shown is of neither.

        The fields tell of a change more often than there is one.
        """
        now = (str(run or ""), str(other or ""))
        if now == tuple(of):
            return {}
        return {
            self.duel: self._invitation(),
            self.now: "",
            self.scores: self.show_scores(run, other),
            self.of: now,
        }

    def show_scores(self, run: str | None, other: str | None) -> Html:
        """How all runs did in all duels."""
        return duel_cards.scores(
            self.services.duel_scores(), [each for each in (run, other) if each]
        )

    def ask(self, run: str | None, other: str | None, text: str, target: str) -> Updates:
        """A duel about words of one's own."""
        said = " ".join(str(text or "").split())[:_LONGEST]
        if not said:
            return {self.duel: cards.notice("Type what both runs are to look for.")}
        query = Query(parts=(QueryPart(kind="text", value=said),), target=_side(target))
        return self._begin(run, other, query, target) | {self.drawing: False}

    def draw_one(self, run: str | None, other: str | None, text: str, target: str) -> Updates:
        """A duel about a caption that is drawn."""
        return self._begin(run, other, None, target) | {self.drawing: True, self.text: ""}

    def _begin(
        self, run: str | None, other: str | None, query: Query | None, target: str
    ) -> Updates:
        require_changes(self.services.settings)
        if not run or not other:
            return {self.duel: cards.notice("Choose two different runs above.")}
        try:
            if query is None:
                begun = self.services.draw_duel(run, other, _side(target))
            else:
                begun = self.services.begin_duel(run, other, query)
        except IsthmusError as error:
            return {self.duel: cards.notice(str(error), "warn"), self.now: ""}
        return {self.duel: duel_cards.duel(begun, {}), self.now: begun.id}

    @told
    def on_act(
        self,
        now: str,
        drawing: bool,
        run: str | None,
        other: str | None,
        text: str,
        target: str,
        event: gr.EventData,
    ) -> Updates:
        """A verdict, or on to the next query."""
        act, arg = str(event.act), str(event.arg)
        if act == "next":
            if drawing:
                return self.draw_one(run, other, text, target)
            return {self.duel: self._invitation(), self.now: "", self.text: ""}
        if act != "judge" or not now:
            return {}
        require_changes(self.services.settings)
        judged = self.services.judge(now, cast(Verdict, arg))
        scores = self.services.duel_scores()
        return {
            self.duel: duel_cards.duel(judged, self._names(judged), scores),
            self.scores: self.show_scores(run, other),
            self.now: "",
        }

    def _names(self, judged: Duel) -> dict[str, str]:
        return {run: self.services.run(run).summary.name for run in judged.runs or ()}


def _side(target: str) -> Side:
    return "text" if target == "text" else "image"
