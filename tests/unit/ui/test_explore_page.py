"""What Explore answers to its events: nothing is lost on a fault, nothing is read that was not uploaded."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from backend.errors import InvalidInput, NotFound
from backend.schemas import (
    Answers,
    Hit,
    IndexNote,
    Item,
    Query,
    QueryPart,
    ReadOut,
    SearchResult,
    Side,
    pack,
    unpack,
)
from tests.unit.ui.test_markup import HOSTILE, read
from ui import queries
from ui.context import Context, shared_fields
from ui.pages.exploring.asked import Asked
from ui.pages.exploring.page import ExplorePage
from ui.uploads import Uploads

RUN, OTHER = "r-one", "r-two"
BAR = {"text": "a red circle", "ticket": 3}


def item(side: Side, name: str) -> Item:
    """An item of the stand-in's gallery."""
    return Item(
        side=side, id=f"{side}:{name}", image_id=name, thumbnail=Path(f"/t/{name}.webp"),
        captions=(f"{HOSTILE} {name}",), attributes={"shape": "star"},
    )  # fmt: skip


class StandIn:
    """Services over ten images and ten captions of one run, and of another without any of them."""

    settings = SimpleNamespace(demo=False)

    def __init__(self) -> None:
        self.asked: list[Query] = []
        self.fault: Exception | None = None

    def runs(self) -> list[Any]:
        """Two finished runs."""
        return [
            SimpleNamespace(id=each, status="finished", modality="image") for each in (RUN, OTHER)
        ]

    def run(self, run: str) -> Any:
        """Of a data set of one's own."""
        return SimpleNamespace(summary=SimpleNamespace(dataset="/own"))

    def datasets(self) -> list[Any]:
        """None is built in."""
        return []

    def item(self, run: str, name: str) -> Item:
        """An item, of the first run alone."""
        side, _, number = name.partition(":")
        if run != RUN or side not in ("image", "text") or not number.isdecimal():
            raise NotFound("There is no such item.")
        return item("text" if side == "text" else "image", number)

    def random_items(self, run: str, side: Side, count: int, seed: int) -> list[Item]:
        """The first so many."""
        return [item(side, str(number)) for number in range(min(10, count))]

    def attributes(self, run: str) -> dict[str, tuple[str, ...]]:
        """One, that the second run knows fewer values of."""
        return {"shape": ("circle", "star") if run == RUN else ("star",)}

    def search(self, run: str, query: Query) -> SearchResult:
        """The items in order, or the fault that was set."""
        self.asked.append(query)
        if self.fault:
            raise self.fault
        sides: tuple[Side, ...] = ("image", "text") if query.target == "both" else (query.target,)
        left = 4 if query.where else 10
        found = tuple(
            Answers(
                side=side, gallery=10, searched=left, duplicates=2 if query.hide_duplicates else 0,
                hits=tuple(
                    Hit(rank=at + 1, score=0.5 - at / 100, item=item(side, str(at)))
                    for at in range(min(left, query.k))
                ),
                index=IndexNote(kind="hnsw", exact=False, recall_at_10=0.983, queries=500),
            )
            for side in sides
        )  # fmt: skip
        return SearchResult(answers=found, seconds=0.012)

    def has_decoder(self, run: str) -> bool:
        """Of the first run alone."""
        return run == RUN

    def read_out(self, run: str, query: Query, report: Any) -> ReadOut:
        """Some words, or the fault that was set."""
        self.asked.append(query)
        if self.fault:
            raise self.fault
        report(1, 2, "steps")
        return ReadOut(words=f"{HOSTILE} star", others=("a star",), projected=True)

    def embed(self, run: str, part: QueryPart) -> list[float]:
        """A vector of three numbers, and no other."""
        if len(part.value.replace(",", " ").split()) != 3:
            raise InvalidInput("A vector of this space has 3 numbers.")
        return [1.0, 0.0, 0.0]

    def point_of(self, run: str, name: str) -> int:
        """Images before captions."""
        side, _, number = name.partition(":")
        return int(number) + (10 if side == "text" else 0)

    def gallery_sizes(self, run: str) -> dict[Side, int]:
        """Ten of each."""
        return {"image": 10, "text": 10}


@pytest.fixture(scope="module")
def laid_out() -> Iterator[ExplorePage]:
    """The page over the stand-in, laid out once where nobody sees it: what it knows is in its events."""
    with gr.Blocks():
        context = Context(StandIn(), gr.Tabs(), Uploads(), **shared_fields())  # type: ignore[arg-type]
        yield ExplorePage(context, gr.Tab())


@pytest.fixture
def page(laid_out: ExplorePage) -> ExplorePage:
    """The page, of which nothing has been asked."""
    vars(laid_out.services).update(asked=[], fault=None)
    return laid_out


@pytest.fixture
def services(page: ExplorePage) -> StandIn:
    """The stand-in."""
    assert isinstance(page.services, StandIn)
    return page.services


def view(name: str = "mine") -> Any:
    """A request of a page view."""
    return SimpleNamespace(session_hash=name)


def click(act: str, arg: str = "") -> Any:
    """A click within the results."""
    return SimpleNamespace(act=act, arg=arg)


def acted(page: ExplorePage, asked: Asked, act: str, arg: str = "", selection: str = "") -> Any:
    """The answer to a click."""
    return page.on_act(BAR, RUN, asked, "text", selection, None, click(act, arg))


def shown(page: ExplorePage, updates: dict[Any, Any]) -> Any:
    """What the results become, as a browser reads it."""
    return read(updates[page.results]["answer"]["html"])


def test_typing_answers_for_the_ticket_it_was_typed_under_and_leaves_the_bar(
    page: ExplorePage, services: StandIn
) -> None:
    updates = page.typed(BAR, RUN, Asked(), "text")
    assert services.asked[-1].parts == (QueryPart(kind="text", value="a red circle"),)
    assert updates[page.results]["answer"]["ticket"] == 3
    assert page.bar not in updates, "what is being typed is not written over"
    told = updates[page.context.asked]
    assert queries.parse(told) == services.asked[-1]
    words = shown(page, updates).text
    assert (
        "10 images searched · HNSW, finds 98.3 % of the exact ten nearest (500 queries) · 12 ms"
        in words
    )
    # a click later on is answered for what has been typed by then
    later = page.on_act({"text": "", "ticket": 9}, RUN, updates[page.asked], "text", "", None,
                        click("plus", "image:4"))  # fmt: skip
    assert later[page.results]["answer"]["ticket"] == 9
    assert later[page.bar]["said"] == {"text": "a red circle", "ticket": 9}


@pytest.mark.parametrize(
    "bar", [None, "words", {"text": ["a"]}, {"ticket": "9"}, {"ticket": 1e9}, []]
)
def test_a_bar_that_no_page_has_is_answered_all_the_same(page: ExplorePage, bar: Any) -> None:
    assert page.typed(bar, RUN, Asked(), "text")[page.results]["answer"]["html"]


@pytest.mark.parametrize("fault", [InvalidInput("Too long."), NotFound("It is being built again.")])
def test_a_fault_is_told_beside_the_query_and_the_query_stays(
    page: ExplorePage, services: StandIn, fault: Exception
) -> None:
    asked = Asked().said("a red circle").plus(QueryPart(kind="item", value="image:1", weight=-1))
    services.fault = fault
    updates = acted(page, asked, "plus", "image:4")
    found = shown(page, updates)
    assert str(fault) in found.text and "“a red circle”" in found.text
    assert [part.value for part in updates[page.asked].parts] == [
        "a red circle",
        "image:1",
        "image:4",
    ]
    assert len(queries.parse(updates[page.context.asked]).parts) == 3  # type: ignore[union-attr]


def test_a_click_on_what_is_not_there_changes_nothing_and_is_told(page: ExplorePage) -> None:
    asked = Asked().said("a red circle")
    for act, arg in (("remove", "7"), ("weigh", "x"), ("crop", "0:1,1,0,0"), ("drop table", "")):
        updates = acted(page, asked, act, arg)
        assert updates[page.asked].parts == asked.parts
        assert any(("role", "alert") in list(a.items()) for _, a in shown(page, updates).found)


def test_hostile_captions_and_file_names_stay_text(page: ExplorePage) -> None:
    asked = Asked(
        parts=(
            QueryPart(kind="text", value=HOSTILE), QueryPart(kind="item", value="image:1"),
            QueryPart(kind="file", value=f"/tmp/gradio/a/{HOSTILE}.png"),
            QueryPart(kind="item", value=HOSTILE),
        ),
        target="both", where={HOSTILE: (HOSTILE,)}, cropping=2,
    )  # fmt: skip
    found = shown(page, page.among("both", BAR, RUN, asked))
    assert all("onerror" not in attributes for _, attributes in found.found)
    assert HOSTILE in found.text
    assert {name for name, _ in found.found} >= {"input", "article", "output"}
    pictures = [attributes for name, attributes in found.found if name == "img"]
    assert pictures and all(attributes.get("alt") for attributes in pictures)


def test_an_uploaded_picture_is_asked_for_by_its_own_page_view_alone(
    page: ExplorePage, services: StandIn
) -> None:
    updates = page.by_file("/tmp/gradio/a/mine.png", BAR, RUN, Asked(), view())
    assert services.asked[-1].parts[0].value == "/tmp/gradio/a/mine.png"
    told = updates[page.context.asked]
    # the same text as a link, or written by hand into another page view
    other = page.follow(told, BAR, RUN, Asked(), None, view("another"))
    assert len(services.asked) == 1, "nothing of it is read"
    assert queries.NOT_UPLOADED in shown(page, other).text
    assert other[page.asked].parts == ()
    # its own page view goes on with it when a page sets it again
    again = page.follow(told, BAR, RUN, Asked(), None, view())
    assert again[page.asked].parts[0].kind == "file"


@pytest.mark.parametrize("path", ["/etc/passwd", "/tmp/gradio/a/../a/mine.png"])
def test_a_path_in_a_query_from_the_browser_is_let_go_and_the_rest_is_asked(
    page: ExplorePage, services: StandIn, path: str
) -> None:
    page.by_file("/tmp/gradio/a/mine.png", BAR, RUN, Asked(), view())
    parts = (QueryPart(kind="file", value=path), QueryPart(kind="text", value="a star"))
    updates = page.follow(queries.write(Query(parts=parts)), BAR, RUN, Asked(), None, view())
    assert services.asked[-1].parts == parts[1:]
    assert updates[page.bar]["said"]["text"] == "a star"


def test_a_link_sets_what_is_searched_and_how(page: ExplorePage, services: StandIn) -> None:
    query = Query(
        parts=(QueryPart(kind="text", value="a star", weight=-1.5),), target="both", k=100,
        where={"shape": ("star", "gone"), "lost": ("x",)}, hide_duplicates=True,
        within=pack(OTHER, 20, [1]),
    )  # fmt: skip
    updates = page.follow(queries.write(query), BAR, RUN, Asked(), None, view())
    kept = query.model_copy(update={"where": {"shape": ("star",)}, "within": ""})
    assert services.asked == [kept]
    assert updates[page.target] == "both" and updates[page.filters.hide] is True
    assert updates[page.filters.attribute]["value"] == "shape"
    assert updates[page.filters.values]["value"] == ["star"]
    text = shown(page, updates).text
    assert "4 of 10 images and 4 of 10 captions left" in text
    assert "shape is star" in text and "near-duplicates hidden" in text
    # and its own change of the shared field, heard of later, asks nothing anew
    echo = updates[page.context.asked]
    assert page.follow(echo, BAR, RUN, updates[page.asked], None, view()).keys() == {page.asked}
    assert len(services.asked) == 1


def test_what_is_no_query_is_told_and_what_was_asked_stays(page: ExplorePage) -> None:
    asked = Asked().said("a red circle")
    updates = page.follow('{"parts": 3}', BAR, RUN, asked, None, view())
    assert "ask anew" in shown(page, updates).text
    assert updates[page.asked].words == "a red circle"


def test_another_run_is_searched_with_the_same_but_for_what_it_does_not_have(
    page: ExplorePage, services: StandIn
) -> None:
    asked = Asked(
        parts=(QueryPart(kind="text", value="a star"), QueryPart(kind="item", value="image:1")),
        where={"shape": ("circle", "star")}, within=pack(RUN, 20, [1, 2]),
    )  # fmt: skip
    updates = page.open_run("", BAR, OTHER, asked, None, view())
    assert services.asked[-1].parts == asked.parts[:1]
    assert services.asked[-1].where == {"shape": ("star",)} and services.asked[-1].within == ""
    assert "another run's gallery" in shown(page, updates).text
    # what stays chosen is not written again: somebody may have chosen another meanwhile
    assert page.target not in updates and page.filters.hide not in updates
    same = page.open_run("", BAR, RUN, asked, None, view())
    assert services.asked[-1].parts == asked.parts and same[page.asked].within == asked.within


def test_words_that_were_searched_for_before_the_page_knew_its_run_stay(page: ExplorePage) -> None:
    typed = page.typed({"text": "a red circle", "ticket": 1}, RUN, Asked(), "text")
    # sent before the answer had changed the shared field, and carried out after it
    opened = page.open_run("", BAR, RUN, typed[page.asked], None, view())
    assert opened[page.asked].words == "a red circle"
    # once the change was heard of, an empty field is somebody's wish
    heard = page.follow(typed[page.context.asked], BAR, RUN, opened[page.asked], None, view())
    assert page.open_run("", BAR, RUN, heard[page.asked], None, view())[page.asked].words == ""


def test_answers_are_shown_on_the_map_as_the_selection(page: ExplorePage) -> None:
    updates = page.among("both", BAR, RUN, Asked().said("a star"))
    sent = acted(page, updates[page.asked], "map")
    selection = unpack(sent[page.context.selection])
    assert selection is not None and selection.run == RUN and selection.total == 20
    assert selection.points.tolist() == list(range(20))
    assert sent[page.context.tabs].selected == "map"
    assert acted(page, Asked(), "map") == {}
    # also where the answer came before the page knew its run
    early = page.on_act(BAR, "", updates[page.asked], "text", "", None, click("map"))
    assert early[page.context.selection] == sent[page.context.selection]


def test_the_maps_selection_is_searched_within_and_followed(
    page: ExplorePage, services: StandIn
) -> None:
    first, second = pack(RUN, 20, [1, 2, 3]), pack(RUN, 20, [4])
    assert "3 points" in page.offered(first, RUN) and page.offered(first, OTHER) == ""
    assert page.offered("no selection", RUN) == ""
    asked = Asked().said("a star")
    assert page.within(BAR, RUN, asked, pack(OTHER, 20, [1])) == {}
    updates = page.within(BAR, RUN, asked, first)
    assert services.asked[-1].within == first
    assert "map's selection · 3 points" in shown(page, updates).text
    followed = page.follow_selection(second, BAR, RUN, updates[page.asked])
    assert services.asked[-1].within == second
    assert page.follow_selection(second, BAR, RUN, followed[page.asked]) == {}
    page.follow_selection("", BAR, RUN, followed[page.asked])
    assert services.asked[-1].within == ""
    assert page.follow_selection(first, BAR, RUN, asked) == {}, "only what is searched within"


def test_a_filter_takes_only_what_the_gallery_has(page: ExplorePage, services: StandIn) -> None:
    asked = Asked().said("a star")
    page.filter("shape", ["star", HOSTILE, 3, None], BAR, RUN, asked)
    assert services.asked[-1].where == {"shape": ("star",)}
    for attribute, values in ((HOSTILE, ["star"]), ("shape", "star"), (None, None), ([], {})):
        page.filter(attribute, values, BAR, RUN, asked)
        assert services.asked[-1].where == {}


def test_a_vector_that_does_not_fit_stays_where_it_was_pasted(
    page: ExplorePage, services: StandIn
) -> None:
    asked = Asked().said("a star")
    wrong = page.with_vector("1, 2", BAR, RUN, asked)
    assert page.more.vector not in wrong and "has 3 numbers" in shown(page, wrong).text
    assert wrong[page.asked].parts == asked.parts
    right = page.with_vector("[1, 0 0]", BAR, RUN, asked)
    assert right[page.more.vector] == "" and right[page.asked].parts[1].kind == "vector"
    assert "a vector of 3 numbers" in shown(page, right).text


def test_weights_are_shown_where_there_is_something_to_weigh_against(page: ExplorePage) -> None:
    one = acted(page, Asked(), "pick", "image:1")
    assert "input" not in [name for name, _ in shown(page, one).found]
    two = page.away_from("blue", BAR, RUN, one[page.asked])
    sliders = [attributes for name, attributes in shown(page, two).found if name == "input"]
    assert [each["data-weigh"] for each in sliders] == ["0", "1"]
    assert two[page.more.less] == ""
    assert page.away_from("  ", BAR, RUN, one[page.asked]) == {}


def test_more_answers_are_offered_while_there_are_more(
    page: ExplorePage, services: StandIn
) -> None:
    text = shown(page, page.typed(BAR, RUN, Asked(), "text")).text
    assert "Show" not in text.replace("Show on map", ""), "ten are all there are"
    updates = acted(page, Asked().said("a star"), "deeper", "100")
    assert services.asked[-1].k == 100 and updates[page.results]["answer"]["fresh"] is False
    acted(page, Asked().said("a star"), "deeper", "100000")
    assert services.asked[-1].k == 24


def test_what_is_searched_for_is_said_in_words(page: ExplorePage, services: StandIn) -> None:
    saying = page.saying

    def say(asked: Asked, bar: Any = None) -> str:
        return list(saying.say(RUN, asked, bar, view()))[-1]

    assert "Search for something first" in say(Asked())
    parts = (QueryPart(kind="item", value="image:1"), QueryPart(kind="text", value="blue"))
    asked = Asked(parts=parts)
    assert "put into words" in saying.begin(RUN, asked, BAR)
    assert "about a minute" in saying.begin(OTHER, asked, BAR)
    said = read(say(asked, BAR))
    assert services.asked[-1].parts == parts, "what is searched for by now, and not the bar"
    assert f"At {HOSTILE} 1 + “blue”: “{HOSTILE} star”" in said.text
    assert "1 other wording" in said.text and "among the captions first" in said.text
    # the first search is not answered yet
    assert f"At “{BAR['text']}”" in read(say(Asked(), BAR)).text
    services.fault = InvalidInput("This run has no decoder.")
    assert "has no decoder" in say(asked)


def test_a_decoder_that_is_being_trained_is_stopped_by_who_waits_for_it(
    page: ExplorePage, services: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying, asked = page.saying, Asked().said("a star")
    assert 'data-act="stop"' in saying.begin(OTHER, asked, None)
    assert 'data-act="stop"' not in saying.begin(RUN, asked, None), "trained: read in a moment"
    step, ended = threading.Event(), threading.Event()

    def trained(run: str, query: Query, report: Any) -> ReadOut:
        try:
            report(1, 4, "steps")
            assert step.wait(30)
            report(2, 4, "steps")
        finally:
            ended.set()
        return ReadOut(words="a star", others=(), projected=False)

    monkeypatch.setattr(services, "read_out", trained)
    for session, words in (("mine", "Stopped"), ("somebody else's", "a star")):
        step.clear()
        telling = saying.say(OTHER, asked, None, view())
        going_on = next(telling)
        assert 'aria-valuenow="25"' in going_on and 'data-act="stop"' in going_on
        saying.stop(view(session))
        step.set()
        *_, last = telling
        assert words in last
    # who closes the page waits no more
    step.clear(), ended.clear()
    telling = saying.say(OTHER, asked, None, view())
    next(telling)
    threading.Timer(0.2, step.set).start()
    telling.close()
    assert ended.is_set()
