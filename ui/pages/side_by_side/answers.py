"""Answers: one query, both runs' answers beside each other, and what moved."""

from __future__ import annotations

from typing import Any, Final

import gradio as gr

from backend.errors import IsthmusError
from backend.schemas import Answers, Query, QueryPart, Side
from ui import beside_cards, cards, queries, words
from ui.components import panel
from ui.context import QUIET, WORK, Context, digest, modality_of
from ui.markup import Html, tag

#: answers that are shown, and how far down ranks are compared
SHOWN: Final = 24
DEEP: Final = 100
_LONGEST: Final = 500
#: one after the other, so that what was asked last is what is shown
_IN_ORDER: Final[dict[str, Any]] = {
    **WORK, "concurrency_id": "compare", "concurrency_limit": 1,
}  # fmt: skip
#: in the browser: no run, and so no work, before the part is on the page
_ONCE_OPENED: Final = (
    "(run, ...rest) => [document.querySelector('#i-compare-answers') ? run : '', ...rest]"
)


class AnswersPart:
    """Lays the part out; its methods answer the events."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.services = context.services
        with gr.Row(elem_classes="i-searchbar", equal_height=True):
            self.text = gr.Textbox(
                placeholder="Ask both runs, for example: a red circle", show_label=False,
                label="Query", container=False, max_lines=1, scale=8, elem_classes="i-search",
                elem_id="i-compare-query", max_length=_LONGEST,
            )  # fmt: skip
            self.go = gr.Button("Search both", variant="primary", scale=0, min_width=130)
            self.target = gr.Radio(
                [("Images", "image"), ("Captions", "text")], value="image", show_label=False,
                label="Search among", container=False, scale=0, min_width=220,
                elem_id="i-compare-target",
            )  # fmt: skip
        #: the query that the field was last brought in line with
        self.told = gr.State("")
        #: what the answers that the browser shows were asked for
        self.shown = gr.Textbox("", visible="hidden", label="shown")
        self.answers = panel(script="twins", elem_id="i-compare-answers")

    def connect(self, page: gr.Tab, tab: gr.Tab) -> None:
        """Wires the events, once all pages are laid out."""
        context = self.context
        now = [context.run, context.other, context.asked, self.target]
        for event in (self.text.submit, self.go.click):
            event(self.ask, [self.text, self.target], [context.asked, self.told], **QUIET)
        gr.on([context.asked.change, tab.select], self.fill, [context.asked, self.told],
              [self.text, self.told], **QUIET)  # fmt: skip
        changes = [field.change for field in (context.run, context.other, context.asked)]
        out = [self.answers, self.shown]
        gr.on(changes, self.show, now, out, js=_ONCE_OPENED, **_IN_ORDER)
        gr.on([page.select, tab.select], self.show, now, out, **_IN_ORDER)
        self.target.input(self.show, now, out, **_IN_ORDER)
        # what the browser sends within a moment may arrive in any order
        self.shown.change(self.catch_up, [self.shown, *now], out, **_IN_ORDER)
        self.answers.act(self.on_act, self.target, [context.asked, context.tabs], **QUIET)
        context.run.change(self.name_things, context.run, self.target, **QUIET)

    def name_things(self, run: str | None) -> Any:
        """What is searched among in words of the run's items."""
        thing = words.ITEM_WORDS[modality_of(self.services, run)]
        return gr.update(choices=[(f"{thing.capitalize()}s", "image"), ("Captions", "text")])

    def ask(self, text: str, target: str) -> tuple[str, str]:
        """Words are asked on all pages; here they stand in the field already."""
        said = " ".join(str(text or "").split())[:_LONGEST]
        if not said:
            return "", ""
        part = QueryPart(kind="text", value=said)
        asked = queries.write(Query(parts=(part,), target=_side(target)))
        return asked, asked

    def fill(self, asked: str, told: str) -> tuple[Any, Any]:
        """The words that are asked on another page, in the field.

        Only where another query is asked than before: what is being typed here is not taken back by an
        answer to what was asked earlier.
        """
        if asked == told:
            return gr.skip(), gr.skip()
        try:
            query = queries.parse(asked)
        except IsthmusError:  # the answers say what is wrong with it
            return gr.skip(), asked
        return _words(query) if query else "", asked

    def on_act(self, target: str, event: gr.EventData) -> tuple[Any, Any]:
        """A click on an answer or an example: both runs are searched from it."""
        act, arg = str(event.act), str(event.arg)[:_LONGEST]
        if act == "explore":
            return gr.skip(), gr.Tabs(selected="explore")
        kind = "text" if act == "example" else "item"
        part = QueryPart(kind=kind, value=arg)
        return queries.write(Query(parts=(part,), target=_side(target))), gr.skip()

    def show(
        self, request: gr.Request, run: str | None, other: str | None, asked: str, target: str
    ) -> tuple[Any, Any]:
        """Both runs' answers to what is asked on any page, and what they were asked for."""
        if not run:
            return gr.skip(), gr.skip()
        answers = self._answered(run, other, asked, target, request.session_hash)
        return answers, digest([str(each) for each in (run, other, asked, target)])

    def catch_up(self, shown: str, request: gr.Request, *now: Any) -> tuple[Any, Any]:
        """The answers anew where those that came last were asked for before others were.

        Args:
            shown: what they were asked for.
            request: the page view's.
            now: what :meth:`show` is given.
        """
        if shown == digest([str(each) for each in now]):
            return gr.skip(), gr.skip()
        return self.show(request, *now)

    def _answered(
        self, run: str, other: str | None, asked: str, target: str, view: str | None
    ) -> Html:
        if not other or other == run:
            return cards.notice("Choose two different runs above to see their answers.")
        try:
            query = queries.read(asked, self.context.uploads, view)
            if query is None:
                return self._invitation(run)
            return self._beside(run, other, query, _side(target))
        except IsthmusError as error:
            return cards.notice(str(error), "bad")

    def _invitation(self, run: str) -> Html:
        """Nothing is asked yet: words to begin with, out of the run's own captions."""
        items = self.services.random_items(run, "text", 5, seed=1)
        chips = [
            cards.button(item.captions[0], "example", item.captions[0], "chip") for item in items
        ]
        return cards.empty(
            "Ask both runs the same.",
            "Their answers stand beside each other, with what moved. What is asked on Explore is asked here, "
            "too.",
            tag("div.i-row.centre", chips),
        )

    def _beside(self, run: str, other: str, query: Query, side: Side) -> Html:
        deep = query.model_copy(update={"target": side, "k": DEEP, "within": ""})
        runs = (run, other)
        found: list[Answers] = [self.services.search(each, deep).answers[0] for each in runs]
        names = [self.services.run(each).summary.name for each in runs]
        alike = self.services.same_items(run, other)
        ranks = [{hit.item.id: hit.rank for hit in answers.hits} for answers in found]
        columns = [
            beside_cards.column(
                at, names[at], found[at], ranks[1 - at] if alike else None, SHOWN, DEEP
            )
            for at in (0, 1)
        ]
        return tag(
            "section", self._asked(run, query), tag("div.i-beside-columns", columns),
            beside_cards.legend(DEEP, alike),
        )  # fmt: skip

    def _asked(self, run: str, query: Query) -> Html | None:
        """What is asked, where it is more than the words in the field."""
        if _words(query) and len(query.parts) == 1:
            return None
        return tag(
            "p.i-query", tag("span.i-query-word", "Results for"),
            tag("strong", self.services.in_words(run, query)),
            cards.button("Change it on Explore", "explore", kind="quiet"),
        )  # fmt: skip


def _side(target: str) -> Side:
    return "text" if target == "text" else "image"


def _words(query: Query) -> str:
    """What stands in the field: the words that are searched for."""
    found = [
        part.value for part in query.parts if part.kind in ("text", "said") and part.weight > 0
    ]
    return found[0] if found else ""
