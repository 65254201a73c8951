"""What the pages say and draw of sweeps, of several seeds, and of layers."""

from __future__ import annotations

import csv
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import pytest

from backend.schemas import (
    AcrossSeeds,
    DirectionSpread,
    GeometryReport,
    HeatMap,
    PairedComparison,
    PairedDifference,
    Progress,
    RetrievalReport,
    RetrievalScores,
    RunDetail,
    RunRequest,
    RunSummary,
    Series,
    SideGeometry,
    Spread,
    SweepCell,
    SweepDetail,
    SweepRequest,
    SweepSummary,
    WorkerState,
)
from tests.unit.ui.test_markup import HOSTILE, read
from ui import figures, heat, paired_cards, run_cards, score_cards, sweep_cards, sweep_figures
from ui.measured import measured
from ui.pages import sweep_form

PAIR, OTHER = ("scene-resnet", "minilm"), ("/data/models/dino?layers=9", "minilm")
NAMES = {"ridge": "Ridge", "linear": "Linear"}


def scores(value: float) -> RetrievalScores:
    """R@1 with an interval of ± 0.02."""
    at = (value - 0.02, value + 0.02)
    return RetrievalScores(
        recall_at_1=value, recall_at_5=value, recall_at_10=value, median_rank=2, chance_at_1=0.01,
        chance_at_5=0.05, chance_at_10=0.1, interval_at_1=at, interval_at_5=at, interval_at_10=at,
    )  # fmt: skip


def report(value: float, values: tuple[float, ...] = ()) -> RetrievalReport:
    """A test report; with ``values``, over several seeds whose interval reaches below zero."""
    across = None
    if values:
        mean = sum(values) / len(values)
        spread = Spread(values=values, mean=mean, interval=(-0.1, mean + 0.1))
        both = DirectionSpread(recall_at_1=spread, recall_at_5=spread, recall_at_10=spread)
        seeds = tuple(range(len(values)))
        across = AcrossSeeds(seeds=seeds, image_to_text=both, text_to_image=both)
    return RetrievalReport(
        split="test", images=100, captions=500, image_to_text=scores(value),
        text_to_image=scores(value), across_seeds=across,
    )  # fmt: skip


def run(id: str, **changes: Any) -> RunSummary:
    """A finished run, changed."""
    known = RunSummary(
        id=id, name=id, status="finished", dataset="d", image_encoder="e", text_encoder="t",
        method="ridge", seed=0, created_at=datetime.now(UTC), finished_at=None, progress=None,
        queue_position=None, error=None, demonstration=False, sweep="s",
    )  # fmt: skip
    return known.model_copy(update=changes)


def sweep(
    pairs: tuple[tuple[str, str], ...] = (PAIR,), **changes: RunSummary | None
) -> SweepDetail:
    """Two methods at 100 and all images; ``changes`` are runs by "pair_method_size"."""
    request = SweepRequest(
        dataset="d", pairs=pairs, methods=("ridge", "linear"), train_images=(100, None), seeds=2
    )
    cells = []
    for number, pair in enumerate(pairs):
        for method in request.methods:
            for size in request.train_images:
                key = f"p{number}_{method}_{sweep_cards.size_id(size)}"
                found = changes.get(key, run(f"r-{key}", status="queued", queue_position=3))
                cells.append(SweepCell(pair=pair, method=method, train_images=size, run=found))
    summary = SweepSummary(
        id="s", name=f"mine {HOSTILE}", request=request, created_at=datetime.now(UTC),
        counts={"finished": 1, "queued": 3},
    )  # fmt: skip
    return SweepDetail(summary=summary, cells=tuple(cells), command=f"sweep {HOSTILE}")


FILLED = sweep(
    p0_ridge_100=run("a", test=report(0.2, (0.1, 0.3))),
    p0_ridge_all=run("b", test=report(0.5)),
    p0_linear_100=run("c", status="failed", error=HOSTILE),
    p0_linear_all=None,
)


def cells(markup: str) -> list[dict[str, str | None]]:
    return [a for n, a in read(markup).found if n == "button"]


def test_a_mean_over_seeds_stands_for_the_first_seed_and_stays_a_share() -> None:
    one = measured(report(0.5), "text_to_image")
    several = measured(report(0.2, (0.1, 0.3)), "text_to_image")
    assert one.value == 0.5
    assert one.each == ()
    assert several.value == pytest.approx(0.2)
    assert several.each == (0.1, 0.3)
    assert several.low == 0.0
    assert "each seed: 10.0, 30.0" in several.tip()
    assert "bootstrap" in one.tip()


def test_half_an_interval_is_told_before_it_is_cut() -> None:
    found = measured(report(0.2, (0.1, 0.3)), "text_to_image")
    assert found.low == 0.0 and found.half == pytest.approx((0.1 + 0.3) / 2)


def test_cells_open_their_runs_and_tell_their_state() -> None:
    live = sweep(
        p0_ridge_100=run("a", test=report(0.2)),
        p0_linear_100=run("c", status="failed", error=HOSTILE),
        p0_ridge_all=run("d", status="running",
                         progress=Progress(stage="Train", done=1, total=2, step=1, steps=1)),
    )  # fmt: skip
    markup = sweep_cards.matrix(live, sweep_cards.EACH, "text_to_image", NAMES)
    found = cells(markup)
    assert [each["data-arg"] for each in found] == ["a", "d", "c", "r-p0_linear_all"]
    assert {each["data-act"] for each in found} == {"open"}
    said = [each["aria-label"] or "" for each in found]
    assert "R@1 20.0 %" in said[0]
    assert "50 %" in said[1]
    assert HOSTILE in said[2]
    assert "number 3 in the queue" in said[3]
    assert "img" not in [name for name, _ in read(markup).found]
    text = read(markup).text
    assert "Ridge" in text and "failed" in text and "queued 3" in text


def test_a_deleted_run_leaves_a_gap_and_the_best_of_a_column_is_marked() -> None:
    full = sweep(p0_ridge_100=run("a", test=report(0.2)), p0_linear_100=run("b", test=report(0.3)),
                 p0_ridge_all=run("c", test=report(0.9)), p0_linear_all=None)  # fmt: skip
    found = cells(sweep_cards.matrix(full, sweep_cards.EACH, "image_to_text", NAMES))
    best = [each["data-arg"] for each in found if "best" in (each["class"] or "").split()]
    assert best == ["b"], "one alone has not beaten anything"
    assert len(found) == 3


@pytest.mark.parametrize(
    ("size", "across"),
    [("100", [(PAIR, 100), (OTHER, 100)]), ("all", [(PAIR, None), (OTHER, None)]),
     ("each", [(PAIR, 100), (PAIR, None), (OTHER, 100), (OTHER, None)]),
     ("77", [(PAIR, None), (OTHER, None)])],
)  # fmt: skip
def test_columns_are_pairs_at_the_chosen_number_of_images(size: str, across: list[Any]) -> None:
    assert sweep_cards.columns(sweep((PAIR, OTHER)).summary.request, size) == across


def test_the_numbers_leave_as_a_file() -> None:
    links = [a for n, a in read(sweep_cards.facts(FILLED)).found if n == "a"]
    text = unquote((links[0]["href"] or "").partition(",")[2])
    rows = list(csv.DictReader(text.splitlines()))
    assert [(row["run"], row["direction"], row["seeds"]) for row in rows[:3]] == [
        ("a", "text_to_image", "2"), ("a", "image_to_text", "2"), ("b", "text_to_image", "1"),
    ]  # fmt: skip
    assert rows[-1]["status"] == "failed"


def test_the_curves_have_a_line_a_method_intervals_and_chance() -> None:
    (plot,) = sweep_figures.efficiency(FILLED, PAIR, "text_to_image", NAMES, 5000)["plots"]
    first, second = plot["series"]
    assert (first["name"], first["x"]) == ("Ridge", [100.0, 5000.0])
    assert first["low"] == [0.0, pytest.approx(0.48)]
    assert second["x"] == []
    assert plot["ticks"] == [[100.0, "100"], [5000.0, "all (5,000)"]]
    assert plot["chance"] == 0.01
    assert "Student" in plot["note"] and "bootstrap" in plot["note"]
    assert first["colour"] != second["colour"] and first["symbol"] != second["symbol"]


def test_all_images_stand_beyond_the_rest_where_nobody_has_counted() -> None:
    (plot,) = sweep_figures.efficiency(FILLED, PAIR, "text_to_image", NAMES, None)["plots"]
    assert plot["ticks"][-1] == [300.0, "all"]
    alone = FILLED.summary.request.model_copy(update={"train_images": (None,)})
    summary = FILLED.summary.model_copy(update={"request": alone})
    single = FILLED.model_copy(update={"summary": summary})
    assert sweep_figures.efficiency(single, PAIR, "text_to_image", NAMES, 9)["plots"] == []


def test_a_sweep_in_the_queue_is_one_card() -> None:
    runs = [run("a", status="queued"), run("b", status="queued"), run("c"), run("d", sweep=None)]
    (card,) = run_cards.queued_sweeps(runs)
    assert "1 of 3 runs ended, 2 wait" in read(card).text
    assert run_cards.queued_sweeps([run("c")]) == []


def detail(**changes: Any) -> RunDetail:
    """A run of two seeds."""
    known = RunDetail(
        summary=run("r", seeds=2, test=report(0.4, (0.3, 0.5))),
        request=RunRequest(dataset="d", image_encoder="e", text_encoder="t"),
        configuration={"image_encoder": "e?layers=1"}, versions={}, command="", series=(),
        retrieval={"test": report(0.35, (0.3, 0.5))},
    )  # fmt: skip
    return known.model_copy(update=changes)


def test_both_the_mean_and_the_first_seed_are_told() -> None:
    text = read(score_cards.detail_scores(detail())).text
    assert "40.0" in text and "first seed 35.0" in text
    assert "mean of 2 seeds" in text
    single = read(score_cards.detail_scores(detail(retrieval={"test": report(0.35)}))).text
    assert "first seed" not in single and "35.0" in single


def test_geometry_and_reciprocal_rank_are_shown_where_a_run_has_them() -> None:
    without = read(score_cards.detail_scores(detail())).text
    assert "Geometry" not in without and "MRR" not in without
    side = SideGeometry(items=100, uniformity=-2.5, effective_rank=31.25, hubness=None,
                        trustworthiness=0.875, continuity=0.9)  # fmt: skip
    inside = GeometryReport(neighbours=10, dimension=64, modality_gap=0.123, alignment=0.5,
                            pair_cosine=0.75, cross_uniformity=-2.25, image=side, text=side)  # fmt: skip
    kept = {"mean_reciprocal_rank": 0.456, "interval_of_reciprocal_rank": (0.44, 0.47)}
    way = scores(0.35).model_copy(update=kept)
    told = report(0.35).model_copy(update={"geometry": inside, "text_to_image": way})
    text = read(score_cards.detail_scores(detail(retrieval={"test": told}))).text
    assert "MRR 45.6" in text and "44.0 to 47.0" in text
    for shown in (
        "0.123",
        "−2.500",
        "31.2",
        "0.875",
        "of 64",
        "100 images and 100 of 500 captions",
        "–",
    ):
        assert shown in text


def test_differences_of_runs_are_told_with_their_p_and_what_cannot_be_compared() -> None:
    gained = PairedDifference(difference=0.021, interval=(0.004, 0.038), p=0.0005)
    lost = PairedDifference(difference=-0.01, interval=(-0.03, 0.01), p=0.32)
    names = [
        f"{way}/{measure}"
        for way in ("text_to_image", "image_to_text")
        for measure in ("recall_at_1", "recall_at_5", "recall_at_10", "reciprocal_rank")
    ]
    differences = dict.fromkeys(names, gained) | {"image_to_text/recall_at_1": lost}
    one = PairedComparison(baseline="a", run="b", images=100, captions=500, differences=differences)
    apart = one.model_copy(update={"run": "c", "differences": {}})
    runs = [run("a"), run(HOSTILE), run("c")]
    markup = paired_cards.paired(runs, [one, apart])
    told = read(markup)
    assert "+2.1" in told.text and "p < 0.001" in told.text and "p = 0.320" in told.text
    assert HOSTILE in told.text and "not compared: c" in told.text
    best = [a for n, a in told.found if n == "td" and a.get("class") == "best"]
    assert len(best) == 7
    links = [a for n, a in read(paired_cards.downloads({"csv": b"run,name"})).found if n == "a"]
    assert links[0]["download"] == "runs.csv"
    assert (links[0]["href"] or "").endswith(b64encode(b"run,name").decode())
    waiting = run("w", status="queued")
    assert "w has not finished" in read(paired_cards.unfinished([runs[0], waiting]) or "").text
    assert paired_cards.unfinished(runs) is None
    alone = read(paired_cards.paired([runs[0], runs[2]], [apart])).text
    assert "Better than" not in alone and "not compared: c" in alone


def test_only_what_was_asked_for_differs_and_long_values_are_cut() -> None:
    fitted = {"method": "ridge", "fit": {"ridge": 0.3}, "notes": "x" * 500}
    runs = [detail(configuration=fitted), detail(configuration={"method": "csa", "fit": {}})]
    assert score_cards.differing(runs) == ["method", "notes"]
    told = {
        "dataset_fingerprint": "a",
        "images": {"train": 9},
        "text_dimension": 4,
        "method": "csa",
    }
    late = [detail(configuration=told), detail(configuration={"method": "csa"})]
    assert score_cards.differing(late) == []  # a run that waits has asked for the same
    assert "x" * 100 not in read(score_cards.comparison(runs)).text


def test_a_live_run_tells_its_step_beside_its_name_and_a_finished_one_does_not() -> None:
    worker = WorkerState(alive=True, device="cpu", message="")
    step = Progress(stage="Encode items", done=5, total=9, unit="images", seconds_left=4.0, step=2,
                    steps=6)  # fmt: skip
    live = detail(summary=run("r", status="running", progress=step))
    text = read(run_cards.detail_head(live, worker)).text
    assert "Encode items · step 2 of 6" in text and "5 of 9 images" in text
    assert "step" not in read(run_cards.detail_head(detail(), worker)).text


def test_runs_are_compared_by_their_means() -> None:
    lower = detail(summary=run("q"), retrieval={"test": report(0.39)})
    markup = score_cards.comparison([detail(), lower])
    best = [a for n, a in read(markup).found if n == "td" and a.get("class") == "best"]
    assert len(best) == 6
    assert all("mean of 2 seeds" in (each["title"] or "") for each in best)
    assert "mean over seeds of r" in read(markup).text


def test_losses_of_further_seeds_are_faint_and_no_line_of_recall() -> None:
    names = ("train/loss", "seed 1/train/loss", "seed 1/val/text_to_image/recall_at_1")
    series = tuple(Series(name=name, steps=(0, 1), values=(1.0, 0.5)) for name in names)
    loss, recall = figures.run_curves(detail(series=series, summary=run("r", status="running")))[
        "plots"
    ]
    assert [bool(line.get("faint")) for line in loss["series"]] == [False, True]
    assert recall["series"] == []


def test_a_heat_map_names_its_encoders_and_tells_the_choice() -> None:
    layers = HeatMap(
        name="layers", metric="mutual kNN, k = 5", rows=("0", "1"), columns=("0",),
        values=((0.1,), (0.3,)), calibrated=((0.0,), (0.2,)), chosen=(1, 0),
        facts={"pairs": 500, "chance": 0.01, "p": 0.005},
    )  # fmt: skip
    (drawn,) = heat.heat_maps(detail(heat_maps=(layers,)))["maps"]
    assert drawn["axes"] == ["e, layer", "t, layer"]
    assert drawn["chosen"] == [1, 0]
    assert "calibrated: 0.200" in drawn["tips"][1][0] and "chance: 0.010" in drawn["tips"][1][0]
    for said in ("layer 1 of e and layer 0 of t", "0.300", "p = 0.005", "500 training pairs"):
        assert said in drawn["words"]


@pytest.mark.parametrize(
    ("own", "sizes", "wrong"),
    [("50, 20", [20, 50, 100, None], []), ("100;7", [7, 100, None], []),
     ("ten 1 -5 ²", [100, None], ["ten", "1", "-5", "²"])],
)  # fmt: skip
def test_other_numbers_join_the_ticked_ones(
    own: str, sizes: list[int | None], wrong: list[str]
) -> None:
    ticked = {"train_images": ["all", "100", "5"], "own": own}
    assert sweep_form._sizes(ticked) == (sizes, wrong)


def test_pairs_are_told_apart_and_half_ones_left_out() -> None:
    assert sweep_form._distinct([["a ", "b"], ("a", "b"), ("", "c")]) == [("a", "b")]
    chip = sweep_form._chip((HOSTILE, "b"), True)
    assert "img" not in [name for name, _ in read(chip).found]
