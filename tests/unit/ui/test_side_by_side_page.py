"""What Side by side answers to its events: who is A and B, what a duel tells the browser, faults in words."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest

from backend.errors import InvalidInput, NotAllowed
from backend.schemas import (
    Answers,
    Duel,
    Frames,
    Hit,
    IndexNote,
    Item,
    Query,
    QueryPart,
    SearchResult,
    Side,
    pack,
    unpack,
)
from ui import map_figures, queries
from ui.context import Context, shared_fields
from ui.pages.side_by_side.answers import AnswersPart
from ui.pages.side_by_side.duel import DuelPart
from ui.pages.side_by_side.maps import MapsPart
from ui.pages.side_by_side.page import SideBySidePage
from ui.turns import Turns
from ui.uploads import Uploads

ONE, OTHER, APART = "r-one", "r-two", "r-apart"
VIEW = SimpleNamespace(session_hash="view")
ASKED = queries.write(Query(parts=(QueryPart(kind="text", value="a star"),), target="both"))


def act(name: str, arg: str = "") -> Any:
    return SimpleNamespace(act=name, arg=arg)


def item(side: Side, number: int) -> Item:
    name = f"{side}:{number}" + ("#0" if side == "text" else "")
    return Item(
        side=side, id=name, image_id=str(number), thumbnail=None, captions=(f"about {number}",)
    )


class StandIn:
    """Services over three runs: two of the same four images and four captions, one of others."""

    def __init__(self, mode: str = "full") -> None:
        self.settings = SimpleNamespace(demo=False, mode=mode)
        self.asked: list[tuple[str, Query]] = []
        self.judged: list[tuple[str, str]] = []
        self.ready = [ONE, OTHER, APART]

    def runs(self) -> list[Any]:
        made = {"status": "finished", "modality": "image", "test": None}
        return [SimpleNamespace(id=run, name=run.upper(), **made) for run in self.ready]

    def run(self, run: str) -> Any:
        return SimpleNamespace(summary=SimpleNamespace(id=run, name=run.upper()))

    def runs_alike(self, run: str) -> list[Any]:
        alike = [run] if run == APART else [run, *({ONE, OTHER} - {run})]
        return [each for each in self.runs() if each.id in alike]

    def same_items(self, first: str, second: str) -> bool:
        return APART not in (first, second)

    def search(self, run: str, query: Query) -> SearchResult:
        self.asked.append((run, query))
        order = range(4) if run == ONE else range(3, -1, -1)
        hits = tuple(
            Hit(rank=rank, score=0.9, item=item(query.target, number))  # type: ignore[arg-type]
            for rank, number in enumerate(order, start=1)
        )
        note = IndexNote(kind="flat", exact=True)
        found = Answers(side=query.target, hits=hits, gallery=4, searched=4, index=note)  # type: ignore[arg-type]
        return SearchResult(answers=(found,), seconds=0.01)

    def in_words(self, run: str, query: Query) -> str:
        return "in words"

    def random_items(self, run: str, side: Side, count: int, seed: int) -> list[Item]:
        return [item(side, number) for number in range(2)]

    def run_frames(self, first: str, second: str, layout: Any, most: int) -> Frames:
        if APART in (first, second):
            raise InvalidInput("tested on different items")
        points = np.array([0, 2, 3, 4, 7], np.int32)
        return Frames(run=first, kind="runs", points=points, images=3, total=8, stops=(0.0, 1.0),
                      names=("ONE", "TWO"), xy=np.zeros((2, 5, 2), np.float32),
                      ready=layout.method == "pca")  # fmt: skip

    def draw_duel(self, first: str, second: str, target: Side) -> Duel:
        return Duel(id="d-1", query="“q”", left=self.search(ONE, _query(target)).answers[0].hits,
                    right=())  # fmt: skip

    def begin_duel(self, first: str, second: str, query: Query) -> Duel:
        raise InvalidInput("Both runs answer this with the same items in the same order")

    def judge(self, duel: str, verdict: str) -> Duel:
        if self.judged:
            raise NotAllowed("judged already")
        self.judged.append((duel, verdict))
        return self.draw_duel(ONE, OTHER, "image").model_copy(
            update={"verdict": verdict, "runs": (OTHER, ONE)}
        )

    def duel_scores(self) -> list[Any]:
        return []


def _query(target: Side) -> Query:
    return Query(parts=(QueryPart(kind="text", value="q"),), target=target)


@pytest.fixture(scope="module")
def laid_out() -> Iterator[SideBySidePage]:
    """The page over the stand-in, laid out once where nobody sees it."""
    with gr.Blocks():
        context = Context(StandIn(), gr.Tabs(), Uploads(), **shared_fields())  # type: ignore[arg-type]
        yield SideBySidePage(context, gr.Tab())


@pytest.fixture
def page(laid_out: SideBySidePage) -> SideBySidePage:
    """The page, of which nothing has been asked."""
    vars(laid_out.services).update(vars(StandIn()))
    return laid_out


@pytest.fixture
def services(page: SideBySidePage) -> StandIn:
    """The stand-in."""
    assert isinstance(page.services, StandIn)
    return page.services


def parts(page: SideBySidePage) -> tuple[AnswersPart, MapsPart, DuelPart]:
    answers, maps, duel = (part for part, _ in page.laid)
    return answers, maps, duel  # type: ignore[return-value]


def test_the_second_run_is_one_of_the_same_items_and_stays_what_was_chosen(
    page: SideBySidePage, services: StandIn
) -> None:
    assert page.second(ONE, "") == OTHER and page.second(OTHER, OTHER) == ONE
    for two in (OTHER, APART):
        assert page.second(ONE, two) == gr.skip(), "it was chosen by somebody"
    assert page.second(APART, "r-deleted") in (ONE, OTHER), "none is of the same items"
    assert page.second("", "") == gr.skip()
    services.ready = [ONE]
    assert page.second(ONE, "") == gr.skip()
    assert "A second run is needed" in page.pick(ONE, "")[2]


def test_choosing_run_b_as_run_a_changes_their_places(page: SideBySidePage) -> None:
    assert page.choose_first(OTHER, ONE, OTHER) == (OTHER, ONE)
    assert page.choose_first(APART, ONE, OTHER) == (APART, gr.skip())


def test_both_runs_are_asked_the_same_one_modality_and_far_enough_to_tell_what_moved(
    page: SideBySidePage, services: StandIn
) -> None:
    answers, _, _ = parts(page)
    shown, of = answers.show(VIEW, ONE, OTHER, ASKED, "text")  # type: ignore[arg-type]
    assert [run for run, _ in services.asked] == [ONE, OTHER]
    assert {(query.target, query.k) for _, query in services.asked} == {("text", 100)}
    assert shown.count("▲ 3") == 3  # twice among answers, once in the legend
    apart, _ = answers.show(VIEW, ONE, APART, ASKED, "image")  # type: ignore[arg-type]
    assert "different items" in apart and "▲" not in apart
    # an answer to what was asked before that comes last is noticed
    assert answers.catch_up(of, VIEW, ONE, OTHER, ASKED, "text") == (gr.skip(), gr.skip())  # type: ignore[arg-type]
    anew, now = answers.catch_up(of, VIEW, ONE, OTHER, "", "text")  # type: ignore[arg-type]
    assert "Ask both runs the same" in anew and now != of


@pytest.mark.parametrize(
    ("other", "asked", "told"),
    [
        ("", ASKED, "two different runs"),
        (ONE, ASKED, "two different runs"),
        (OTHER, "{", "no search"),
        (OTHER, ASKED.replace('"kind":"text"', '"kind":"file"'), "page view"),
        (OTHER, "", "Ask both runs the same"),
    ],
)
def test_what_cannot_be_asked_is_said(
    page: SideBySidePage, services: StandIn, other: str, asked: str, told: str
) -> None:
    answers, _, _ = parts(page)
    shown, _ = answers.show(VIEW, ONE, other, asked, "image")  # type: ignore[arg-type]
    assert told in shown and services.asked == []


def test_words_and_clicks_are_asked_on_all_pages(page: SideBySidePage) -> None:
    answers, _, _ = parts(page)
    asked, told = answers.ask("  a  red star ", "text")
    query = queries.parse(asked)
    assert query is not None and query.parts[0].value == "a red star" and query.target == "text"
    assert told == asked
    assert answers.ask("  ", "image") == ("", "")
    clicked = queries.parse(answers.on_act("image", act("pick", "image:3"))[0])
    assert clicked is not None and clicked.parts[0] == QueryPart(kind="item", value="image:3")


def test_the_field_follows_what_is_asked_elsewhere_and_keeps_what_is_being_typed(
    page: SideBySidePage,
) -> None:
    answers, _, _ = parts(page)
    assert answers.fill(ASKED, "") == ("a star", ASKED)
    # an answer to what was asked before, or to this page's own words, leaves the field alone
    assert answers.fill(ASKED, ASKED) == (gr.skip(), gr.skip())
    assert answers.fill("", "") == (gr.skip(), gr.skip())
    item = ASKED.replace('"kind":"text"', '"kind":"item"')
    assert answers.fill(item, ASKED) == ("", item)
    assert answers.fill("{", ASKED) == (gr.skip(), "{")
    assert answers.fill("", ASKED) == ("", "")


def test_runs_of_other_items_have_no_maps_and_the_page_says_why(page: SideBySidePage) -> None:
    _, maps, _ = parts(page)
    updates = maps.load(ONE, APART, "pca", "two", "modality", "", Turns())
    assert "different items" in updates[maps.told]
    assert updates[maps.two]["visible"] is updates[maps.one]["visible"] is False
    assert "second run" in maps.load(ONE, "", "pca", "two", "modality", "", Turns())[maps.told]


def test_rows_of_both_maps_are_points_of_run_a(page: SideBySidePage) -> None:
    _, maps, _ = parts(page)
    rows = np.array([False, True, False, True, False])
    lasso = SimpleNamespace(rows=map_figures.bits(rows), count=2)
    updates = maps.lasso(ONE, OTHER, "pca", lasso)  # type: ignore[arg-type]
    chosen = unpack(updates[maps.context.selection])
    assert chosen is not None and (chosen.run, chosen.total, chosen.points.tolist()) == (
        ONE,
        8,
        [2, 4],
    )
    # and back; what is not drawn here is passed over
    back = maps.follow_selection(ONE, OTHER, "pca", pack(ONE, 8, [1, 2, 4]))
    assert {update["selected"] for update in back.values()} == {map_figures.bits(rows)}
    for foreign in (pack(OTHER, 8, [2]), pack(ONE, 9, [2]), ""):
        none = maps.follow_selection(ONE, OTHER, "pca", foreign)
        assert {update["selected"] for update in none.values()} == {""}
    assert maps.follow_selection(ONE, OTHER, "pca", "nonsense") == {}


def test_the_browser_learns_of_a_duel_its_id_and_nothing_of_who_is_who(
    page: SideBySidePage, services: StandIn
) -> None:
    _, _, duel = parts(page)
    begun = duel.draw_one(ONE, OTHER, "", "image")
    assert begun[duel.now] == "d-1"
    told = "".join(str(value) for value in begun.values())
    assert not any(name in told for name in (ONE, OTHER, "R-ONE", "R-TWO"))
    judged = duel.on_act("d-1", True, ONE, OTHER, "", "image", act("judge", "left"))  # type: ignore[arg-type]
    assert services.judged == [("d-1", "left")] and judged[duel.now] == ""
    assert "You preferred R-TWO to R-ONE" in judged[duel.duel]
    # a key that comes late judges nothing
    assert duel.on_act("", True, ONE, OTHER, "", "image", act("judge", "right")) == {}  # type: ignore[arg-type]
    with pytest.raises(gr.Error, match="judged already"):
        duel.on_act("d-1", True, ONE, OTHER, "", "image", act("judge", "right"))  # type: ignore[arg-type]


def test_a_duel_goes_on_as_it_was_asked_for_and_its_faults_are_said(page: SideBySidePage) -> None:
    _, _, duel = parts(page)
    assert duel.draw_one(ONE, OTHER, "", "image")[duel.drawing] is True
    drawn = duel.on_act("", True, ONE, OTHER, "", "text", act("next"))  # type: ignore[arg-type]
    assert drawn[duel.now] == "d-1"
    own = duel.ask(ONE, OTHER, "a star", "image")
    assert own[duel.drawing] is False and "same items in the same order" in own[duel.duel]
    assert "i-empty" in duel.on_act("", False, ONE, OTHER, "", "image", act("next"))[duel.duel]  # type: ignore[arg-type]
    assert "Type what" in duel.ask(ONE, OTHER, "  ", "image")[duel.duel]
    assert "two different runs" in duel.draw_one(ONE, "", "", "image")[duel.duel]
    left = duel.leave(ONE, APART, (ONE, OTHER))
    assert left[duel.now] == "" and "No duel" in left[duel.scores] and left[duel.of] == (ONE, APART)
    assert duel.leave(ONE, APART, left[duel.of]) == {}, "nothing has changed"


def test_a_read_only_place_lets_nobody_judge(page: SideBySidePage, services: StandIn) -> None:
    _, _, duel = parts(page)
    services.settings.mode = "readonly"
    for ask in (
        lambda: duel.draw_one(ONE, OTHER, "", "image"),
        lambda: duel.ask(ONE, OTHER, "a star", "image"),
        lambda: duel.on_act("d-1", True, ONE, OTHER, "", "image", act("judge", "left")),  # type: ignore[arg-type]
    ):
        with pytest.raises(gr.Error, match="read-only"):
            ask()
    assert services.judged == []
