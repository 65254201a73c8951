"""The page Drift: what it makes of clicks, of seeds from other pages, and of what else a browser sends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import numpy as np
import pytest

from backend.errors import InvalidInput, NotFound
from backend.schemas import (
    Cycle,
    CycleStep,
    EvaluationSummary,
    Item,
    MapView,
    Side,
    pack,
    unpack,
)
from backend.schemas.drift_scores import Attraction, Attractor
from backend.schemas.games import (
    PAPER_BACKBONES,
    BackboneChoice,
    GameChain,
    GameReport,
    GameRequest,
    GameStep,
)
from ui import drift_cards
from ui.context import Context, shared_fields
from ui.map_figures import bits, read_bits
from ui.pages.drifting.page import DriftPage
from ui.uploads import Uploads

IMAGES, TOTAL = 6, 12
ONE, TWO = "r-one", "r-two"


def item(point: int) -> Item:
    side: Side = "image" if point < IMAGES else "text"
    number = point if point < IMAGES else point - IMAGES
    return Item(
        side=side, id=f"{side}:{number}", image_id=str(number), thumbnail=None, captions=(f"about {number}",)
    )  # fmt: skip


class StandIn:
    """Two runs of six images with a caption each. Chains go from an image to its caption and back."""

    settings = SimpleNamespace(mode="full", demo=False)

    def __init__(self) -> None:
        self.ready = [ONE, TWO]
        self.drifted: list[tuple[str, str, int, bool]] = []
        self.started: list[tuple[Sequence[str], GameRequest]] = []
        self.made: list[EvaluationSummary] = []
        self.broken: set[str] = set()

    def runs(self) -> list[Any]:
        return [
            SimpleNamespace(
                id=run,
                name=run,
                status="finished",
                modality="image",
                test=None,
                model_dump_json=lambda: "",
            )  # fmt: skip
            for run in self.ready
        ]

    def run(self, run: str) -> Any:
        return SimpleNamespace(summary=SimpleNamespace(name=run))

    def worker(self) -> Any:
        return SimpleNamespace(alive=True, message="", model_dump_json=lambda: "")

    def evaluation_state(self) -> str:
        return ""

    # the gallery

    def item(self, run: str, name: str) -> Item:
        return item(self.point_of(run, name))

    def point_of(self, run: str, name: str) -> int:
        side, _, number = name.partition(":")
        point = int(number) if number.isdecimal() else TOTAL
        if side not in ("image", "text") or point >= IMAGES:
            raise NotFound(f"no item {name}")
        return point + (IMAGES if side == "text" else 0)

    def map_points(self, run: str, points: Sequence[int]) -> list[Item]:
        if any(not 0 <= point < TOTAL for point in points):
            raise InvalidInput("no such point")
        return [item(point) for point in points]

    def random_items(self, run: str, side: Side, count: int, seed: int) -> list[Item]:
        return [item(point) for point in range(IMAGES)]

    def search(self, run: str, query: Any) -> Any:
        start = 0 if query.target == "image" else IMAGES
        hits = [SimpleNamespace(item=item(start + n)) for n in range(min(query.k, IMAGES))]
        return SimpleNamespace(answers=[SimpleNamespace(hits=hits)])

    def map_view(self, run: str, layout: Any, most: int) -> MapView:
        return MapView(
            run=run, layout=layout, graph="", points=np.arange(TOTAL, dtype=np.int32), images=IMAGES,
            xy=np.zeros((TOTAL, 2), np.float32), total=TOTAL, total_images=IMAGES,
        )  # fmt: skip

    def map_colouring(self, run: str, name: str, points: Any, layout: Any) -> Any:
        return SimpleNamespace(name=name, labels=("image", "text"), values=np.zeros(len(points)))

    def map_labels(self, *_: Any) -> tuple[Any, ...]:
        return ()

    # chains

    def cycles(self, run: str) -> list[Cycle]:
        return []

    def drift(self, run: str, seed: str, generations: int = 10, revisit: bool = True) -> Cycle:
        if run in self.broken:
            raise NotFound(f"{run} has no index")
        self.drifted.append((run, seed, generations, revisit))
        start = self.point_of(run, seed)
        steps = [
            CycleStep(
                generation=n, item=item((start + IMAGES * n) % TOTAL), similarity_to_start=1.0,
                similarity_to_previous=None,
            )
            for n in range(generations + 1)
        ]  # fmt: skip
        return Cycle(
            id="c",
            run=run,
            run_name=run,
            seed=item(start),
            steps=tuple(steps),
            closes_at=2,
            period=2,
        )

    # attractors: three items end with the first image and its caption, all others with the second

    def attraction(self, run: str) -> Attraction:
        if run in self.broken:
            raise NotFound(f"{run} has no index")
        ends = [
            Attractor(
                items=(f"image:{n}", f"text:{n}"), basin=basin, seeds=basin, share=basin / TOTAL,
                interval=(0.1, 0.9), occurrence=3,
            )
            for n, basin in ((1, 9), (0, 3))
        ]  # fmt: skip
        return Attraction(
            items=TOTAL, seeds=TOTAL, attractors=tuple(ends), attractor_count=2, periods={2: 2},
            mean_steps=1.5, most_steps=3, half_of_seeds=1, neighbours=10, hubness={}, correlation=None,
            correlation_interval=None,
        )  # fmt: skip

    def capture(self, run: str) -> Any:
        ends = np.ones(TOTAL, np.int32)
        ends[[0, 6, 8]] = 0
        return SimpleNamespace(
            steps=np.arange(TOTAL, dtype=np.int32) % 4, basin=ends,
            attractors=(("image:0", "text:0"), ("image:1", "text:1")), sizes=np.array([3, 9], np.int32),
        )  # fmt: skip

    # games

    def games(self, run: str | None = None) -> list[EvaluationSummary]:
        return self.made

    def start_game(self, runs: Sequence[str], request: GameRequest) -> list[EvaluationSummary]:
        self.started.append((runs, request))
        new = [summary(f"e-{len(self.made) + n}", run, request) for n, run in enumerate(runs)]
        self.made = [*new, *self.made]
        return new

    def import_chains(self, file: Path) -> Path:
        if file.suffix != ".zip":
            raise InvalidInput(f"{file.name} is no zip.")
        return Path("/uploads/chains")

    def folder_request(
        self, folder: str, backbones: Sequence[BackboneChoice], **more: Any
    ) -> GameRequest:
        if not backbones:
            raise InvalidInput("Choose an encoder.")
        return GameRequest(folder=folder, backbones=tuple(backbones), **more)

    def score_folder(self, asked: GameRequest) -> EvaluationSummary:
        self.started.append(((), asked))
        self.made = [summary("e-folder", "", asked), *self.made]
        return self.made[0]

    def keep_prompts(self, file: Path) -> tuple[str, int]:
        if file.suffix != ".jsonl":
            raise InvalidInput(f"{file.name} holds no prompts.")
        return "/uploads/prompts.jsonl", 553

    def game_report(self, game: str) -> GameReport | None:
        return None

    def game_curves(self, game: str) -> GameReport:
        return GameReport(
            chains=2,
            generations=2,
            text_to_image="a",
            image_to_text="b",
            backbones=(),
            partial=True,
        )

    def report_html(self, games: Sequence[str]) -> Any:
        return f"/reports/{len(games)}.html"

    def game_size(self, game: str) -> tuple[int, int]:
        return 2, 2

    def game_chains(self, game: str, start: int = 0, count: int = 20) -> tuple[GameChain, ...]:
        return tuple(self.chain(start + n) for n in range(count) if start + n < 2)

    def game_chain(self, game: str, seed: str, repeat: int = 0) -> GameChain:
        return self.chain(self.point_of("", seed))

    def chain(self, point: int) -> GameChain:
        steps = [GameStep(generation=n, side="image", item=item(point)) for n in range(2)]
        return GameChain(seed=item(point), steps=tuple(steps))


def summary(name: str, run: str, request: GameRequest) -> EvaluationSummary:
    return EvaluationSummary(
        id=name, kind="drift", run=run, run_name=run, status="running",
        created_at=datetime.now(UTC), request=request.model_dump(mode="json"),
    )  # fmt: skip


@pytest.fixture(scope="module")
def built() -> Iterator[DriftPage]:
    """Laying out takes longer than all that is asked of it."""
    with gr.Blocks():
        shared = shared_fields()
        with gr.Tabs() as tabs, gr.Tab("Drift") as tab:
            context = Context(StandIn(), tabs, Uploads(), **shared)  # type: ignore[arg-type]
            yield DriftPage(context, tab)


@pytest.fixture
def services(built: DriftPage) -> StandIn:
    found: Any = built.services
    found.__init__()
    return found  # type: ignore[no-any-return]


@pytest.fixture
def page(built: DriftPage, services: StandIn) -> DriftPage:
    return built


def act(name: str, arg: str = "", **more: Any) -> Any:
    return SimpleNamespace(act=name, arg=arg, **more)


# --- chains -------------------------------------------------------------------------------------


def test_at_first_the_run_that_all_pages_show_stands_beside_another(page: DriftPage) -> None:
    assert page.refresh([], TWO)[0]["value"] == [TWO, ONE]
    assert page.refresh([ONE], TWO)[0]["value"] == [ONE]
    assert page.refresh(["gone"], None)[0]["value"] == [ONE, TWO]


def test_a_clicked_seed_makes_the_chains_of_all_runs_at_once(
    page: DriftPage, services: StandIn
) -> None:
    seed, kept, _, tray, parts = page.chains.on_seed(
        [item(1)], [ONE, TWO], None, (), act("pick", "image:1")
    )
    strips, curves, lanes, below, whose = page.chains.cycles([ONE, TWO], seed, 10, False)
    assert services.drifted == [(ONE, "image:1", 10, True), (TWO, "image:1", 10, True)]
    assert strips.count('class="i-frame ') == 22 and len(curves["plots"][0]["series"]) == 2
    assert below["visible"] and whose["value"] == ONE and kept == ()
    drawn, key = page.chains.draw([ONE, TWO], lanes, whose["value"], "")
    assert [line["rows"][:3] for line in drawn["tracks"]["lines"]] == [[1, 7, 1], [1, 7, 1]]
    again, same = page.chains.draw([ONE, TWO], lanes, ONE, key)
    assert same == key and "value" not in again and again["tracks"]["key"] == key


def test_a_run_that_cannot_tells_its_own_fault_and_the_other_is_shown(
    page: DriftPage, services: StandIn
) -> None:
    services.broken = {ONE}
    strips, _, lanes, *_ = page.chains.cycles([ONE, TWO], "image:1", 3, False)
    assert "has no index" in strips and [lane.id for lane in lanes] == [TWO]


@pytest.mark.parametrize(("runs", "seed"), [([], "image:1"), ([ONE], None), ([ONE], "")])
def test_without_a_run_or_a_seed_a_sentence_says_what_to_do(
    page: DriftPage, services: StandIn, runs: list[str], seed: str | None
) -> None:
    strips, *_ = page.chains.cycles(runs, seed, 10, False)
    assert "Choose a" in strips and services.drifted == []


def test_generations_that_a_browser_made_up_are_kept_within_bounds(
    page: DriftPage, services: StandIn
) -> None:
    page.chains.cycles([ONE], "image:1", 1e6, True)
    page.chains.cycles([ONE], "image:1", -3, True)
    assert [(count, revisit) for _, _, count, revisit in services.drifted] == [
        (40, False),
        (2, False),
    ]


def test_a_seed_sent_from_the_map_comes_with_the_run_it_was_seen_in(page: DriftPage) -> None:
    sent, runs, seed, offered, choices = page.chains.take("text:2", TWO, [ONE, TWO], ())
    assert (sent, runs, seed) == ("", [TWO, ONE], "text:2")
    assert [each.id for each in offered] == ["text:2"] and 'data-arg="text:2"' in choices
    assert len(page.chains.take("", TWO, [ONE], ())) == 5


def test_seeds_are_kept_by_hand_and_let_go_of(page: DriftPage) -> None:
    _, kept, html, tray, _ = page.chains.on_seed([item(1)], [ONE], None, (), act("keep", "image:1"))
    assert kept == ("image:1",) and "✓" in html and "1 seed picked" in tray
    assert page.chains.on_seed([item(1)], [ONE], None, kept, act("keep", "image:1"))[1] == ()
    assert page.chains.on_seed([], [ONE], None, kept, act("drop"))[1] == ()
    with pytest.raises(gr.Error):
        page.chains.on_seed([], [ONE], None, (), act("keep", "image:<b>"))


def test_a_lasso_of_the_map_is_kept_as_seeds(page: DriftPage) -> None:
    chosen = pack(ONE, TOTAL, [0, 7, 8])
    kept, tray, offered, _ = page.chains.offer_lassoed(
        chosen, [ONE], "image", "", None, ("image:5",)
    )
    assert kept == ("image:5", "image:0", "text:1", "text:2") and "4 seeds picked" in tray
    assert [each.id for each in offered] == ["image:0", "text:1", "text:2"]
    assert page.chains.lasso_button([ONE], chosen)["value"] == "3 from the map"
    for other in (pack(TWO, TOTAL, [1]), "nonsense", ""):
        assert page.chains.lasso_button([ONE], other)["visible"] is False
        with pytest.raises(gr.Error):
            page.chains.offer_lassoed(other, [ONE], "image", "", None, ())


def test_points_chosen_on_the_drift_map_are_the_selection_of_all_pages(page: DriftPage) -> None:
    rows = np.zeros(TOTAL, bool)
    rows[[2, 9]] = True
    event = SimpleNamespace(rows=bits(rows), how="new")
    update, packed = page.chains.lasso(ONE, "", event)
    found = unpack(packed)
    assert (
        found is not None and found.points.tolist() == [2, 9] and update["selected"] == event.rows
    )


def test_a_point_that_there_is_not_is_no_seed(page: DriftPage) -> None:
    for point in (-1, TOTAL, "1", None):
        event = SimpleNamespace(point=point)
        assert page.chains.pick(ONE, [ONE], "image", "", None, (), event)[0] == gr.skip()
    picked = page.chains.pick(ONE, [ONE], "image", "", None, (), SimpleNamespace(point=7))
    assert picked[0] == "text:1"


# --- attractors ---------------------------------------------------------------------------------


def rows_of(update: dict[str, Any]) -> list[int]:
    return np.flatnonzero(read_bits(update["selected"], TOTAL)).tolist()


def test_attractors_are_ranked_and_the_map_shows_the_steps_to_capture(page: DriftPage) -> None:
    part = page.attractors
    shown = part.show([ONE, TWO], None, "heat", "")
    assert shown[part.run]["value"] == ONE and "end in 2 attractors of 2 items" in shown[part.told]
    board = shown[part.board]
    assert board.index('data-arg="image:1"') < board.index('data-arg="image:0"')
    assert shown[part.on_map.map]["colouring"]["title"] == "steps to capture"
    again = part.show([ONE], ONE, "basins", shown[part.on_map.loaded])
    assert "value" not in again[part.on_map.map]
    assert "value" not in again[part.run]  # nobody's choice of meanwhile is taken back
    assert part.show([ONE], TWO, "basins", "")[part.run]["value"] == ONE
    assert again[part.on_map.map]["colouring"]["labels"] == ["basin 1", "basin 2"]


def test_a_clicked_attractor_shows_its_basin_and_a_clicked_point_its_chain(
    page: DriftPage, services: StandIn
) -> None:
    part = page.attractors
    opened = part.open_basin(ONE, [ONE], "heat", act("basin", "text:0"))
    assert rows_of(opened[part.on_map.map]) == [0, 6, 8] and opened[part.chosen] == "image:0"
    picked = part.pick(ONE, [ONE], "heat", SimpleNamespace(point=8))
    assert rows_of(picked[part.on_map.map]) == [0, 6, 8]
    # drawn as far as it closes: what follows repeats
    assert picked[part.on_map.map]["tracks"]["lines"][0]["rows"] == [8, 2, 8]
    assert picked[part.on_map.map]["tracks"]["fade"] is False
    cleared = part.clear(ONE, [ONE], "heat")[part.on_map.map]
    assert cleared["tracks"] == {} and cleared["selected"] == ""


def test_what_is_no_attractor_or_point_changes_nothing_or_is_told(
    page: DriftPage, services: StandIn
) -> None:
    part = page.attractors
    assert part.show([], None, "heat", "") == gr.skip()
    assert part.pick(ONE, [ONE], "heat", SimpleNamespace(point=TOTAL)) == gr.skip()
    with pytest.raises(gr.Error):
        part.open_basin(ONE, [ONE], "heat", act("basin", "image:<b>"))
    services.broken = {ONE}
    assert "has no index" in part.show([ONE], ONE, "heat", "")[part.told]


# --- games --------------------------------------------------------------------------------------


def fields(page: DriftPage, **changed: Any) -> list[Any]:
    """What the form holds at first, and what was changed of it."""
    form = page.games.form
    named = {
        "source": form.source, "words": form.words, "count": form.count, "forward": form.forward.kind,
        "backbones": form.backbones, "limits": form.limits, "repeats": form.repeats,
        "generations": form.generations, "geneval": form.geneval, "prompts": form.prompts,
    }  # fmt: skip
    values = {named[name]: value for name, value in changed.items()}
    return [values.get(field, field.value) for field in form.fields]


def test_a_game_is_played_by_all_runs_with_the_seeds_of_each_source(
    page: DriftPage, services: StandIn
) -> None:
    chosen = pack(ONE, TOTAL, [0, 7])
    for source, seeds in (
        ("pairs", ()),
        ("kept", ("image:3",)),
        ("map", ("image:0", "text:1")),
        ("found", ("text:0", "text:1")),
    ):
        given = fields(page, source=source, words="a star", count=2)
        fault, opened, _ = page.games.play([ONE, TWO], ("image:3",), chosen, (), *given)
        assert fault == "" and len(opened) == 2
        assert services.started[-1][0] == [ONE, TWO] and services.started[-1][1].seeds == seeds


def test_another_operator_is_played_from_the_seeds_of_the_open_game_and_stands_beside_it(
    page: DriftPage, services: StandIn
) -> None:
    given = fields(page, source="kept")
    _, opened, _ = page.games.play([ONE], ("image:3",), "", (), *given)
    given = fields(page, source="same", forward="renderer")
    _, both, _ = page.games.play([ONE], (), "", opened, *given)
    assert services.started[-1][1].seeds == ("image:3",)
    assert services.started[-1][1].text_to_image.kind == "renderer"
    assert both == (*opened, services.made[0].id)
    names = page.games._names(page.games._games(both))
    assert len(set(names)) == 2 and all(name.startswith(ONE) for name in names)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"source": "kept"}, "No seed is picked"),
        ({"source": "map"}, "Nothing is chosen"),
        ({"source": "same"}, "No game is open"),
        ({"source": "found", "words": " "}, "in words"),
        ({"generations": 1000}, "cannot be played"),
    ],
)
def test_what_cannot_be_played_is_said_above_the_button(
    page: DriftPage, services: StandIn, changed: dict[str, Any], said: str
) -> None:
    fault, opened, _ = page.games.play([ONE], (), "", (), *fields(page, **changed))
    assert said in fault and opened == gr.skip() and services.started == []


def test_what_is_measured_by_is_read_back_and_nonsense_is_passed_over(
    page: DriftPage, services: StandIn
) -> None:
    chosen = ["own", "paper:1", "image:dino", "paper:99", "paper:x", "nonsense", "text:"]
    page.games.play([ONE], (), "", (), *fields(page, backbones=chosen))
    backbones = services.started[0][1].backbones
    assert [each.image for each in backbones] == ["", PAPER_BACKBONES[1].image, "dino"]


def test_games_are_opened_beside_each_other_and_their_chains_are_of_the_same_seed(
    page: DriftPage, services: StandIn
) -> None:
    page.games.play([ONE, TWO], (), "", (), *fields(page))
    games = page.games
    first = games.show((), None, 0, "")
    assert first[games.opened] == ("e-0",)
    # what can stay chosen is not written again: somebody may have chosen another meanwhile
    assert "value" not in first[games.backbone]
    assert games.show((), "gone", 0, "")[games.backbone]["value"] is None
    both = games.on_act(("e-0",), None, 1, "", act("open", "e-1"))
    assert both[games.opened] == ("e-0", "e-1")
    strips = both[games.chains.strips]
    assert strips.count('data-cycle="e-') == 2 and both[games.chains.place] == 1
    assert games.on_act(("e-0", "e-1"), None, 0, "", act("open", "e-0"))[games.opened] == ("e-1",)
    turned = games.chains.turn(both[games.chains.games], 1, "", act("next"))
    assert turned[games.chains.place] == 1  # there are two chains


def test_uploaded_chains_are_scored_beside_the_open_games_by_the_encoders_alone(
    page: DriftPage, services: StandIn
) -> None:
    elsewhere = page.games.elsewhere
    fault, folder = elsewhere.unpack("/tmp/chains.txt")
    assert "is no zip" in fault and folder == ""
    assert elsewhere.score("", ("e-0",), *fields(page))[2] == gr.skip()
    assert elsewhere.unpack("/tmp/chains.zip") == ("", "/uploads/chains")
    given = fields(page, backbones=["own"])
    fault, _, opened, _ = elsewhere.score("/uploads/chains", ("e-0",), *given)
    assert "Choose an encoder" in fault and opened == gr.skip() and services.started == []
    given = fields(page, backbones=["own", "image:dino"], geneval=" owl ", prompts="/p.jsonl")
    fault, _, opened, _ = elsewhere.score("/uploads/chains", ("e-0",), *given)
    asked = services.started[0][1]
    assert (fault, opened) == ("", ("e-0", "e-folder"))
    assert [each.image for each in asked.backbones] == ["dino"]
    assert (asked.geneval, asked.prompts) == ("owl", "/p.jsonl")


def test_uploaded_prompts_are_counted_and_asked_with(page: DriftPage, services: StandIn) -> None:
    form = page.games.form
    kept, told = form.take_prompts("/tmp/evaluation_metadata.jsonl")
    assert "553 prompts of evaluation_metadata.jsonl" in told
    page.games.play([ONE], (), "", (), *fields(page, geneval="owl", prompts=kept))
    assert services.started[0][1].prompts == "/uploads/prompts.jsonl"
    kept, told = form.take_prompts("/tmp/<b>.txt")
    assert kept == gr.skip() and "&lt;b&gt;.txt holds no prompts" in told


def test_without_a_game_the_page_says_how_to_play_one(page: DriftPage) -> None:
    shown = page.games.show(("gone",), None, 5, "")
    assert "No game yet" in shown[page.games.scores] and shown[page.games.opened] == ()
    with pytest.raises(gr.Error):
        page.games.write_html(("gone",))


def test_a_cycle_is_told_like_any_chain() -> None:
    cycle = StandIn().drift(ONE, "image:0", 3)
    chain = drift_cards.chain_of(cycle)
    assert [step.generation for step in chain.steps] == [0, 1, 2, 3] and chain.closes_at == 2
