"""The page Map: what it sends and when, what it makes of clicks, and of whatever else a browser sends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest
from numpy.typing import NDArray

from backend.errors import InvalidInput, NotFound
from backend.schemas import (
    Colouring,
    EvaluationSummary,
    Hit,
    Item,
    LayoutRequest,
    MapView,
    Neighbours,
    Query,
    QueryPart,
    Side,
    WorkerState,
    pack,
    unpack,
)
from ui import map_figures as figures
from ui import queries
from ui.context import Context, shared_fields
from ui.pages.mapping.now import Now
from ui.pages.mapping.page import MapPage
from ui.pages.mapping.points import NOTHING
from ui.pages.mapping.told import progress
from ui.uploads import Uploads

IMAGES, TOTAL = 4, 12
REQUEST: Any = SimpleNamespace(session_hash="me")


class Map:
    """A run of four images and eight captions; what is asked for is ready after a job."""

    settings = SimpleNamespace(mode="full")

    def __init__(self) -> None:
        self.ready = True
        self.shown = np.array([0, 1, 3, 5, 6, 7, 9, 11], np.int32)
        self.cancelled: list[str] = []

    def runs(self) -> list[Any]:
        return [SimpleNamespace(id="r", modality="image", status="finished", name="r", test=None)]

    def map_methods(self) -> dict[str, str]:
        return {"pca": "PCA", "umap": "UMAP"}

    def map_view(self, run: str, layout: LayoutRequest, most: int) -> MapView:
        method = layout.method if self.ready else "pca"
        return MapView(
            run=run, layout=layout.model_copy(update={"method": method}), ready=self.ready, graph="near",
            points=self.shown, images=3, xy=np.zeros((8, layout.dimensions), np.float32),
            total=TOTAL, total_images=IMAGES,
        )  # fmt: skip

    def map_progress(self, run: str, layout: LayoutRequest) -> EvaluationSummary | None:
        return None if self.ready else job("running")

    def cancel_evaluation(self, evaluation: str) -> None:
        self.cancelled.append(evaluation)

    def worker(self) -> WorkerState:
        return WorkerState(alive=True, device="cpu", message="")

    def map_colourings(self, run: str) -> list[str]:
        return ["modality", "cluster", "shape"]

    def map_colouring(
        self, run: str, name: str, points: NDArray[np.int32], layout: LayoutRequest
    ) -> Colouring:
        if name not in self.map_colourings(run):
            raise NotFound(f"no colouring {name}")
        return Colouring(name=name, labels=("a", "b"), values=np.zeros(len(points), np.float32))

    def map_similarity(self, run: str, query: Query, points: NDArray[np.int32]) -> Colouring:
        return Colouring(name="q", labels=(), values=np.arange(len(points), dtype=np.float32))

    def map_labels(self, *_: Any) -> tuple[Any, ...]:
        return ()

    def map_place(self, run: str, query: Query, layout: LayoutRequest) -> tuple[float, ...]:
        return 0.5, 0.25

    def map_points(self, run: str, points: Sequence[int]) -> list[Item]:
        if any(not 0 <= point < TOTAL for point in points):
            raise InvalidInput("no such point")
        return [item(point) for point in points]

    def point_of(self, run: str, name: str) -> int:
        return int(name.split(":")[1])

    def neighbours(self, run: str, name: str) -> Neighbours:
        if not name.startswith(("image:", "text:")):
            raise NotFound(f"no item {name}")
        hit = Hit(rank=1, score=0.5, item=item(5))
        return Neighbours(
            item=item(self.point_of(run, name)), images=(), texts=(hit,), partners=("text:6",),
            retrieved="text:5", partner_rank=2,
        )  # fmt: skip


def item(point: int) -> Item:
    side: Side = "image" if point < IMAGES else "text"
    caption = f"<b>caption</b> {point}"
    return Item(side=side, id=f"{side}:{point}", image_id="a", thumbnail=None, captions=(caption,))


def job(status: Any) -> EvaluationSummary:
    return EvaluationSummary(
        id="e-1", kind="layout", run="r", status=status, created_at=datetime.now(UTC), request={}
    )


@pytest.fixture(scope="module")
def built() -> Iterator[tuple[Map, MapPage]]:
    """Laying out takes longer than all that is asked of it."""
    with gr.Blocks():
        shared = shared_fields()
        with gr.Tabs() as tabs, gr.Tab("Map") as tab:
            services = Map()
            context = Context(services, tabs, Uploads(), **shared)  # type: ignore[arg-type]
            yield services, MapPage(context, tab)


@pytest.fixture
def services(built: tuple[Map, MapPage]) -> Map:
    built[0].ready = True
    built[0].cancelled.clear()
    return built[0]


@pytest.fixture
def page(services: Map, built: tuple[Map, MapPage]) -> MapPage:
    return built[1]


def now(page: MapPage, **given: Any) -> Now:
    usual = Now("r", page.shown.value, None, page.beside.value, "", "", "")
    return usual._replace(**given)


def after(page: MapPage, before: Now, updates: dict[Any, Any]) -> Now:
    """What the next event is given."""
    return before._replace(
        shown=updates.get(page.shown, before.shown),
        loaded=updates.get(page.loaded, before.loaded),
        beside=updates.get(page.beside, before.beside),
        selection=updates.get(page.context.selection, before.selection),
        asked=updates.get(page.context.asked, before.asked),
        view=updates.get(page.context.view, before.view),
    )


def event(**told: Any) -> Any:
    return SimpleNamespace(**told)


def test_a_map_is_sent_once_and_then_only_what_has_changed(page: MapPage) -> None:
    first = now(page)
    sent = page.load(REQUEST, *first)
    assert sent[page.map]["value"]["n"] == 8
    second = after(page, first, sent)
    assert page.map not in page.load(REQUEST, *second)
    chosen = second._replace(selection=pack("r", TOTAL, [0, 5]))
    told = page.load(REQUEST, *chosen)[page.map]
    assert figures.read_bits(told["selected"], 8).nonzero()[0].tolist() == [0, 3]
    assert "value" not in told
    asked = second._replace(asked=queries.write(Query(parts=(QueryPart(kind="text", value="x"),))))
    told = page.load(REQUEST, *asked)[page.map]
    assert [(each["x"], each["label"]) for each in told["markers"]] == [(0.5, "x")]


def test_an_answer_that_was_asked_for_earlier_takes_no_choice_back(page: MapPage) -> None:
    """The first map takes a while; meanwhile somebody has chosen another way to look at it."""
    waiting = now(page)
    chosen = page.open_mode(*waiting, "gap")
    # both began before the choice; one is answered with the state as it is by now
    for late in (waiting, after(page, waiting, chosen)._replace(view="")):
        told = page.load(REQUEST, *late)
        assert page.map in told
        assert not {page.shown, page.mode, *page.columns.values()} & set(told)
    followed = page.follow(REQUEST, *after(page, waiting, chosen))
    assert not {page.shown, page.mode} & set(followed)
    linked = page.load(REQUEST, *waiting._replace(view='{"mode": "gap"}'))
    assert linked[page.mode] == "gap"


def test_a_sample_is_announced_and_more_can_be_drawn(page: MapPage) -> None:
    ready = now(page)
    told = page.load(REQUEST, *ready)
    assert "8 of 12 points, a stratified sample" in told[page.words]
    assert told[page.most]["visible"] is False  # twelve are few
    more = page.draw_more(REQUEST, *after(page, ready, told), 50_000)
    assert more[page.shown].most == 50_000
    assert more[page.context.view] == '{"most": 50000}'
    hostile = page.draw_more(REQUEST, *after(page, ready, told), "all; drop table")
    assert hostile[page.shown].most == 20_000


def test_pca_stands_in_until_the_layout_is_ready(page: MapPage, services: Map) -> None:
    services.ready = False
    first = now(page)
    sent = page.load(REQUEST, *first)
    assert sent[page.clock].active is True
    assert "being drawn" in sent[page.progress]
    assert 'data-layout="pca"' in sent[page.words]
    waiting = after(page, first, sent)
    again = page.tick(REQUEST, *waiting)
    assert page.map not in again
    services.ready = True
    done = page.tick(REQUEST, *waiting)
    assert done[page.map]["value"]["key"] != sent[page.map]["value"]["key"]
    assert done[page.clock].active is False
    assert done[page.progress] == ""


def test_a_layout_is_stopped_where_its_progress_is_told(page: MapPage, services: Map) -> None:
    services.ready = False
    page.on_progress(event(act="stop", arg="e-1"), REQUEST, *now(page))
    assert services.cancelled == ["e-1"]


def test_a_clicked_point_brings_its_neighbours_and_lines_and_says_where_its_partner_is(
    page: MapPage,
) -> None:
    ready = after(page, now(page), page.load(REQUEST, *now(page)))
    told = page.points.pick(event(point=1, row=1), *ready)
    rays = told[page.map]["rays"]
    assert (rays["centre"], rays["partners"], rays["retrieved"]) == (1, [4], 3)
    assert "is at rank 2" in told[page.side]
    assert "&lt;b&gt;caption" in told[page.side] and "<b>caption" not in told[page.side]
    cleared = page.points.unpick(*after(page, ready, told))
    assert cleared[page.map]["rays"] == figures.NO_RAYS


@pytest.mark.parametrize("point", ["1", None, 1.5, [1], {}])
def test_a_click_on_what_is_no_point_does_nothing(page: MapPage, point: Any) -> None:
    assert page.points.pick(event(point=point), *now(page)) == NOTHING


def test_a_click_on_a_point_that_is_not_there_is_told(page: MapPage) -> None:
    with pytest.raises(gr.Error, match="no such point"):
        page.points.pick(event(point=99), *now(page))


def test_a_lasso_becomes_a_selection_and_points_that_a_sample_hides_stay_chosen(
    page: MapPage,
) -> None:
    ready = after(page, now(page), page.load(REQUEST, *now(page)))
    rows = np.zeros(8, bool)
    rows[[1, 6]] = True

    def packed(how: str, before: str) -> list[int]:
        lasso = event(rows=figures.bits(rows), how=how, count=2)
        told = page.points.choose(lasso, *ready._replace(selection=before))
        selection = unpack(told[page.context.selection])
        return selection.points.tolist() if selection else []

    hidden = pack("r", TOTAL, [2, 3])  # 2 is not among those shown
    assert packed("new", hidden) == [1, 9]
    assert packed("add", hidden) == [1, 2, 9]
    assert packed("<script>", "r:nonsense") == [1, 9]


def test_colours_and_prompts_are_told_to_links(page: MapPage) -> None:
    ready = after(page, now(page), page.load(REQUEST, *now(page)))
    told = page.recolour(REQUEST, *ready, "shape")
    assert told[page.context.view] == '{"colour": "shape"}'
    assert told[page.map]["colouring"]["title"] == "shape"
    asked = page.ask(REQUEST, *after(page, ready, told), "  a   star ")
    assert asked[page.map]["colouring"]["title"] == "similarity to “a star”"
    assert [each["label"] for each in asked[page.map]["markers"]] == ["a star"]
    with pytest.raises(gr.Error, match="no colouring"):
        page.recolour(REQUEST, *ready, "nonsense")


def test_a_link_is_followed_and_its_own_words_are_not(page: MapPage) -> None:
    ready = after(page, now(page), page.load(REQUEST, *now(page)))
    linked = ready._replace(view='{"colour": "shape", "layout": {"dimensions": 3}}')
    told = page.follow(REQUEST, *linked)
    assert told[page.map]["value"]["dims"] == 3
    assert told[page.shown].colour == "shape"
    own = after(page, ready, page.recolour(REQUEST, *ready, "shape"))
    assert page.map not in page.follow(REQUEST, *own)


def test_what_is_searched_for_gets_an_item_more_or_only_the_chosen(page: MapPage) -> None:
    words = queries.write(Query(parts=(QueryPart(kind="text", value="x"),)))
    selection = pack("r", TOTAL, [1])
    given = now(page, asked=words, selection=selection)
    told = page.points.on_act(event(act="plus", arg="image:1"), REQUEST, *given)
    query = queries.parse(told[page.context.asked])
    assert query is not None and [part.value for part in query.parts] == ["x", "image:1"]
    told = page.points.on_act(event(act="within", arg=""), REQUEST, *given)
    query = queries.parse(told[page.context.asked])
    assert query is not None and query.within == selection
    told = page.points.on_act(event(act="unchoose", arg=""), REQUEST, *given)
    assert told[page.context.selection] == ""


def test_fields_that_are_no_layout_are_told_one_by_one(page: MapPage) -> None:
    ready = now(page)
    with pytest.raises(gr.Error, match="neighbours"):
        page.draw(REQUEST, *ready, "umap", "shared", 2, "joint", 1000, 0.1, None)
    with pytest.raises(gr.Error, match="pip install openTSNE"):
        page.draw(REQUEST, *ready, "tsne", "shared", 2, "joint", 16, 0.1, None)
    told = page.draw(REQUEST, *ready, "umap", "shared", 3, "joint", 30, 0.1, 7)
    assert told[page.shown].layout == LayoutRequest(
        dimensions=3, graph="joint", neighbours=30, min_dist=0.1, seed=7
    )


@pytest.mark.parametrize(
    ("status", "word"), [("failed", "it broke"), ("cancelled", "was stopped"), ("queued", "worker is free")]
)  # fmt: skip
def test_what_became_of_a_layout_is_said(services: Map, status: str, word: str) -> None:
    services.ready = False
    view = services.map_view("r", LayoutRequest(), 10)
    made = job(status).model_copy(update={"error": "it broke" if status == "failed" else None})
    assert word in progress(view, "UMAP", made, services.worker(), True)
