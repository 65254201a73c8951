"""Tables to take away, read back by their own libraries."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pandas as pd
import pytest

from backend.errors import InvalidInput
from backend.runs.exports import table
from backend.schemas import (
    AcrossSeeds,
    DirectionSpread,
    RetrievalReport,
    RunSummary,
    Spread,
)


def run(id: str, test: RetrievalReport | None, name: str = "a & b_c 50 %") -> RunSummary:
    return RunSummary(
        id=id, name=name, status="finished", dataset="/data/flick_r", image_encoder="vit",
        text_encoder="minilm", method="ridge-cca", seed=3, created_at=datetime.now(UTC),
        finished_at=None, progress=None, error=None, demonstration=False, test=test, queue_position=None,
    )  # fmt: skip


@pytest.fixture
def seeds(report: RetrievalReport) -> RetrievalReport:
    spread = Spread(values=(0.4, 0.6), mean=0.5, interval=(0.45, 0.55))
    both = DirectionSpread(recall_at_1=spread, recall_at_5=spread, recall_at_10=spread)
    across = AcrossSeeds(seeds=(3, 4), image_to_text=both, text_to_image=both)
    return report.model_copy(update={"across_seeds": across})


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_numbers_come_back_as_they_were(
    kind: str, report: RetrievalReport, seeds: RetrievalReport
) -> None:
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet}[kind]
    runs = [run("r-1", report), run("r-2", seeds), run("r-3", None)]
    frame = read(io.BytesIO(table(runs, kind)))
    assert list(frame["run"]) == ["r-1", "r-2", "r-3"] and set(frame["name"]) == {"a & b_c 50 %"}
    one, mean, none = (frame.iloc[row] for row in range(3))
    assert (one["text_to_image/recall_at_1"], one["text_to_image/recall_at_1/low"]) == (0.25, 0.2)
    assert (mean["image_to_text/recall_at_5"], mean["image_to_text/recall_at_5/high"]) == (
        0.5,
        0.55,
    )
    assert pd.isna(none["text_to_image/recall_at_1"]) and pd.isna(none["test_images"])
    assert list(frame["recalls_and_intervals_over"])[:2] == ["images", "seeds"]
    assert list(frame["seeds"])[:2] == [1, 2]
    assert one["text_to_image/first_seed/median_rank"] == 4.0
    assert one["test_images"] == 100 and one["image_to_text/chance_at_10"] == 0.1


def test_latex_is_escaped_and_says_what_was_tested(report: RetrievalReport) -> None:
    text = table([run("r-1", report), run("r-3", None, "not yet")], "tex").decode()
    assert r"a \& b\_c 50 \%" in text and r"flick\_r: 100 images, 500 captions" in text
    assert r"25.0 $\pm$ 5.0" in text and "not yet" not in text and r"\toprule" in text
    assert "±" not in text
    bare = text.replace(r"\%", "").replace(r"\&", "").replace(r"\_", "")
    assert "%" not in bare and "_" not in bare


def test_latex_names_the_data_set_of_each_row_where_there_are_several(
    report: RetrievalReport, seeds: RetrievalReport
) -> None:
    other = run("r-2", seeds).model_copy(update={"dataset": "scenes"})
    assert "data set" not in table([run("r-1", report)], "tex").decode()
    rows = table([run("r-1", report), other], "tex").decode().splitlines()
    assert any(r"& flick\_r & ridge-cca & 1 &" in row for row in rows)
    assert any(r"& scenes & ridge-cca & 2 & 50.0 $\pm$ 5.0" in row for row in rows)


def test_an_interval_of_few_seeds_stays_a_share(seeds: RetrievalReport) -> None:
    wide = Spread(values=(0.1, 0.9), mean=0.5, interval=(-4.6, 5.6))
    both = DirectionSpread(recall_at_1=wide, recall_at_5=wide, recall_at_10=wide)
    across = AcrossSeeds(seeds=(3, 4), image_to_text=both, text_to_image=both)
    told = run("r-1", seeds.model_copy(update={"across_seeds": across}))
    row = pd.read_csv(io.BytesIO(table([told], "csv"))).iloc[0]
    assert (row["text_to_image/recall_at_1/low"], row["text_to_image/recall_at_1/high"]) == (0, 1)


def test_no_runs_make_an_empty_table_and_other_kinds_are_told() -> None:
    for kind in ("csv", "parquet", "tex"):
        assert isinstance(table([], kind), bytes)
    with pytest.raises(InvalidInput, match="csv, parquet, tex"):
        table([], "xlsx")
