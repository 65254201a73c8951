"""What runs and evaluations give the leaderboard, and the tables it is taken away as."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from backend.errors import InvalidInput
from backend.runs.models import Run
from backend.runs.ranking import fingerprints, of_evaluation, of_run, ranked
from backend.runs.ranking_tables import table
from backend.runs.store import Store
from backend.schemas import (
    AcrossSeeds,
    CompositionalReport,
    CompositionalShare,
    DirectionSpread,
    Evaluation,
    EvaluationKind,
    RetrievalReport,
    RunRequest,
    RunSummary,
    Spread,
    TemplateScore,
    ZeroShotReport,
    ZeroShotRequest,
)

T2I = "flick_r test split: text to image R@1"


def run(id: str, test: RetrievalReport | None, **changes: Any) -> RunSummary:
    known = RunSummary(
        id=id, name=f"run {id} & 50 %", status="finished", dataset="/data/flick_r", image_encoder="vit",
        text_encoder="minilm", method="ridge-cca", seed=3, created_at=datetime.now(UTC),
        finished_at=None, progress=None, error=None, demonstration=False, test=test, queue_position=None,
    )  # fmt: skip
    return known.model_copy(update=changes)


def seeded(report: RetrievalReport) -> RetrievalReport:
    """Two seeds, of which the interval reaches beyond what a share can be."""
    spread = Spread(values=(0.4, 0.6), mean=0.5, interval=(-0.8, 1.8))
    both = DirectionSpread(recall_at_1=spread, recall_at_5=spread, recall_at_10=spread)
    across = AcrossSeeds(seeds=(3, 4), image_to_text=both, text_to_image=both)
    return report.model_copy(update={"across_seeds": across})


def evaluation(kind: EvaluationKind, request: Any, result: Any) -> Evaluation:
    return Evaluation(
        id="e-1", kind=kind, run="a", status="finished", created_at=datetime.now(UTC),
        request=request, result=result.model_dump(mode="json"),
    )  # fmt: skip


def classified(top_1: float, **asked: Any) -> Evaluation:
    report = ZeroShotReport(
        images=60, classes=("cat", "dog"), without_images=(), templates=2, top_1=top_1, top_5=None,
        mean_per_class=top_1, interval_of_top_1=(0.5, 0.9), interval_of_top_5=None,
        interval_of_mean_per_class=(0.5, 0.9), chance_at_1=0.5, chance_at_5=None, largest_class=0.5,
        ties=0, confusion=((30, 0), (10, 20)), per_class=(),
        by_template=(TemplateScore(template="a {}", top_1=0.6, interval=(0.5, 0.7)),
                     TemplateScore(template="no {}", top_1=0.7, interval=(0.6, 0.8))),
    )  # fmt: skip
    request = ZeroShotRequest(**{"dataset": "/data/pets", **asked})
    return evaluation("zero-shot", request.model_dump(mode="json"), report)


def composed(benchmark: str, **shares: float) -> Evaluation:
    overall = {
        task: CompositionalShare(
            value=value, interval=(0.1, 0.9), expected=value, tied=0, count=40, chance=0.25
        )
        for task, value in shares.items()
    }
    report = CompositionalReport.model_validate(
        {
            "benchmark": benchmark, "examples": 40, "images": 20, "subsets": (), "overall": overall,
            "mean_of_subsets": overall,
        }
    )  # fmt: skip
    return evaluation("compositional", {"benchmark": "/data/wino"}, report)


def test_a_run_gives_recall_both_ways_with_its_seeds(report: RetrievalReport) -> None:
    one, _ = of_run(run("a", report), "f")
    assert (one.score.value, one.score.interval, one.score.settings) == (0.25, (0.2, 0.3), {})
    assert (one.about.count, one.about.chance) == (100, 0.01)
    _, several = of_run(run("a", seeded(report)), "f")
    assert several.about.metric == "image_to_text/recall_at_1"
    assert several.score.value == 0.5 and several.score.settings == {"3": 0.4, "4": 0.6}
    assert several.score.interval == (0.0, 1.0) and several.score.varied == "seed"
    assert of_run(run("a", None), "f") == []
    assert of_run(run("a", report, status="running"), "f") == []


def test_templates_are_the_settings_of_a_classification() -> None:
    (found,) = of_evaluation(classified(0.8, attribute="kind", template_set="clip-7"))
    assert found.score.value == 0.8 and found.score.interval == (0.5, 0.9)
    assert found.score.settings == {"a {}": 0.6, "no {}": 0.7} and found.score.varied == "prompt"
    assert found.about.part == "test split by kind, clip-7"
    assert (found.about.count, found.about.chance) == (60, 0.5)
    (own,) = of_evaluation(classified(0.8, split="all", templates=("a {}", "no {}")))
    assert own.about.part == "all items, own templates"
    assert own.key != found.key


def test_of_a_benchmark_the_tasks_count_but_not_their_parts() -> None:
    found = of_evaluation(composed("winoground", text=0.4, image=0.3, group=0.2))
    assert [(each.about.metric, each.score.value) for each in found] == [
        ("compositional/group", 0.2)
    ]
    scenes = of_evaluation(composed("scenes", itt=0.4, tot=0.3, tot_before=0.6))
    assert [each.about.metric for each in scenes] == ["compositional/itt", "compositional/tot"]
    assert of_evaluation(evaluation("gap", {}, found[0].about)) == []


def test_runs_are_ranked_by_what_they_share(report: RetrievalReport) -> None:
    runs = [run("a", report), run("b", seeded(report)), run("c", report)]
    measured = {each.id: of_run(each, "f") for each in runs}
    measured["a"] += of_evaluation(composed("scenes", itt=0.4, tot=0.3))
    # of the same request the newest counts, which comes first
    measured["a"] += [*of_evaluation(classified(0.8)), *of_evaluation(classified(0.6))]
    measured["b"] += of_evaluation(classified(0.4))
    board = ranked(runs, measured)
    assert board.measures == (
        T2I,
        "flick_r test split: image to text R@1",
        "pets test split, clip-80: zero-shot top-1",
        "wino hard negatives: ITT",
        "wino hard negatives: TOT",
    )
    assert set(board.about) == set(board.measures) and set(board.left_out) == set(
        board.measures[3:]
    )
    rows = {row.run: row for row in board.rows}
    assert rows["a"].cells[board.measures[2]].value == 0.8
    # means 1/3 and 0.6: a is 25 % below twice and a third above once
    assert rows["a"].gain == pytest.approx((-25 - 25 + 100 / 3) / 3)
    assert rows["b"].gain == pytest.approx((50 + 50 - 100 / 3) / 3)
    assert board.rows[0].run == "b" and rows["c"].gain == pytest.approx(-25)


def test_what_was_tested_on_other_items_is_another_measure(report: RetrievalReport) -> None:
    fewer = report.model_copy(update={"images": 99})
    runs = [
        run("a", report),
        run("b", report),
        run("c", report, dataset="/copy/flick_r"),
        run("d", fewer),
        run("e", None),
    ]
    prints = {"a": "one", "b": "two", "c": "one", "d": "one"}
    board = ranked(runs, {each.id: of_run(each, prints.get(each.id)) for each in runs})
    rows = {row.run: set(row.cells) for row in board.rows}
    assert rows["a"] == rows["c"] and T2I in rows["a"]
    assert rows["b"] == {f"{name} (2)" for name in rows["a"]}
    assert rows["d"] == {f"{name} (3)" for name in rows["a"]}
    assert "e" not in rows  # nothing was measured


def test_items_are_called_as_they_are(report: RetrievalReport) -> None:
    found = run("a", report, modality="audio")
    board = ranked([found], {"a": of_run(found, None)})
    assert board.measures[0] == "flick_r test split: text to recording R@1"


def test_fingerprints_are_those_that_runs_have_read(store: Store, request_: RunRequest) -> None:
    known = store.create_run(request_, {"dataset_fingerprint": "abc"}, {}).run_id
    store.create_run(request_, {}, {})
    assert fingerprints(store.database) == {known: "abc"}
    with store.database.read() as session:
        assert session.get(Run, known) is not None


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_numbers_come_back_as_they_were(kind: str, report: RetrievalReport) -> None:
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}[kind]
    runs = [run("a", report), run("b", seeded(report))]
    measured = {each.id: of_run(each, "f") for each in runs}
    measured["a"] += of_evaluation(classified(0.8))
    board = ranked(runs, measured)
    frame = read(io.BytesIO(table(board, kind)))
    assert list(frame["run"]) == ["b", "a"]
    best, other = frame.iloc[0], frame.iloc[1]
    assert best[T2I] == 0.5 and best[f"{T2I}/settings"] == 2 and other[f"{T2I}/low"] == 0.2
    assert best["mean_relative_gain"] == pytest.approx(100 / 3)
    assert best["top_1_hit_ratio"] == 1.0 and pd.isna(best["top_3_hit_ratio"])
    assert other["pets test split, clip-80: zero-shot top-1/chance"] == 0.5
    assert pd.isna(best["pets test split, clip-80: zero-shot top-1"])


def test_latex_is_escaped_and_marks_the_best(report: RetrievalReport) -> None:
    runs = [run("a", report), run("b", seeded(report))]
    text = table(ranked(runs, {each.id: of_run(each, "f") for each in runs}), "tex").decode()
    assert r"run a \& 50 \%" in text and r"flick\_r" in text and r"\toprule" in text
    assert r"\textbf{50.0} $\pm$ 50.0" in text and r"25.0 $\pm$ 5.0" in text
    bare = text.replace(r"\%", "").replace(r"\&", "").replace(r"\_", "")
    assert "%" not in bare and "_" not in bare and "±" not in bare


def test_nothing_makes_an_empty_table_and_other_kinds_are_told() -> None:
    for kind in ("csv", "parquet", "tex"):
        assert isinstance(table(ranked([], {}), kind), bytes)
    with pytest.raises(InvalidInput, match="csv, parquet, tex"):
        table(ranked([], {}), "xlsx")
