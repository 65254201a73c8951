"""Benchmarks of composition and swapped words through the door, on a small run that is really made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from backend.errors import DatasetError, InvalidInput, NotAllowed, NotFound
from backend.runs.pipeline import run_pipeline
from backend.runs.store import Store
from backend.schemas import (
    CompositionalReport,
    CompositionalRequest,
    CounterfactualReport,
    CounterfactualRequest,
    RunRequest,
)
from backend.services import Services
from backend.settings import Settings


@pytest.fixture
def made(small: RunRequest) -> tuple[Services, str]:
    """The door, and the id of a finished run of the small pictures."""
    settings = Settings()
    store = Store(settings)
    detail = run_pipeline(settings, store, small, with_map=False)
    store.database.close()
    assert detail.summary.status == "finished", detail.summary.error
    return Services(settings), detail.summary.id


def triplets(folder: Path, pictures: Path, broken: bool = False) -> Path:
    """SugarCrepe++'s form, of the test pictures: the first colour of a caption is another one."""
    rows = [row for row in json.loads((pictures / "captions.json").read_text())
            if row["split"] == "test"]  # fmt: skip
    told = [
        {
            "id": number, "filename": row["file"], "caption": row["captions"][0],
            "caption2": row["captions"][1],
            "negative_caption": "pink " + row["captions"][0].partition(" ")[2],
        }
        for number, row in enumerate(rows)
    ]  # fmt: skip
    if broken:
        told = [{**row, "filename": "nowhere.png"} for row in told]
    folder.mkdir()
    (folder / "swap_att.json").write_text(json.dumps(told))
    return folder


def test_a_benchmark_is_checked_measured_and_shown(
    made: tuple[Services, str], pictures: Path, tmp_path: Path
) -> None:
    services, run = made
    assert [each.id for each in services.built_in_benchmarks()] == ["scenes", "scenes-small"]
    with pytest.raises(DatasetError, match="no folder or file"):
        services.launch_compositional(run, CompositionalRequest(benchmark=str(tmp_path / "none")))
    images = str(pictures / "images")
    bad = triplets(tmp_path / "broken", pictures, broken=True)
    with pytest.raises(DatasetError, match="no example that can be used") as told:
        services.launch_compositional(
            run, CompositionalRequest(benchmark=str(bad), images=images)
        )  # fmt: skip
    assert len(told.value.faults) == 6 and "nowhere.png" in str(told.value)
    assert services.evaluations(run, "compositional") == []

    good = str(triplets(tmp_path / "good", pictures))
    asked = CompositionalRequest(benchmark=good, images=images)
    waiting = services.evaluation(services.launch_compositional(run, asked))
    assert (waiting.status, waiting.request["benchmark"]) == ("queued", good)

    found = services.evaluate_here("compositional", asked, run)
    assert found.status == "finished", found.error
    report = CompositionalReport.model_validate(found.result)
    assert (report.benchmark, report.examples, report.images) == ("sugarcrepe++", 6, 6)
    assert set(report.overall) == {"itt", "tot", "tot_before"}

    # nothing but small copies is shown, and what is gone is missing
    worst = [name for each in report.worst for name in each.image_ids]
    assert worst
    shown = services.example_pictures(found)
    assert sorted(shown) == sorted(worst)
    for path in shown.values():
        assert path.is_relative_to(services.settings.thumbnails_dir)
        assert Image.open(path).size == (40, 40)
    elsewhere = found.model_copy(update={"request": {"benchmark": str(tmp_path / "none")}})
    assert services.example_pictures(elsewhere) == {}


def test_words_are_checked_swapped_and_told(made: tuple[Services, str]) -> None:
    services, run = made
    assert "man, men / woman, women" in services.word_pairs().splitlines()
    with pytest.raises(InvalidInput, match="line 2") as told:
        bad = CounterfactualRequest(pairs="red / blue\nred\nblue / 7")
        services.launch_counterfactual(run, bad)
    assert [fault.where for fault in told.value.faults] == ["line 2", "line 3"]
    with pytest.raises(InvalidInput, match="None of the 12 captions"):
        services.launch_counterfactual(run, CounterfactualRequest(pairs="owl / mole"))
    assert services.evaluations(run, "counterfactual") == []

    # the usual words have red and blue
    for pairs in ("", "red / blue"):
        waiting = services.launch_counterfactual(run, CounterfactualRequest(pairs=pairs))
        assert services.evaluation(waiting).status == "queued"
    found = services.evaluate_here("counterfactual", CounterfactualRequest(pairs="red / blue"), run)
    assert found.status == "finished", found.error
    report = CounterfactualReport.model_validate(found.result)
    assert {(each.before, each.after) for each in report.pairs} <= {
        ("red", "blue"),
        ("blue", "red"),
    }
    one_sided = sum(each.count for each in report.pairs if not each.both)
    assert report.gallery == 6 and report.total.count == one_sided > 0
    assert report.paraphrase is not None


def test_texts_have_no_benchmark_and_swap_their_words(tmp_path: Path) -> None:
    from tests.unit.features import tiny

    rows = [
        {
            "text": f"the {('red', 'blue')[n % 2]} one, number {n}", "split": split,
            "captions": [f"a {('red', 'blue')[n % 2]} thing {n}", f"thing {n} again"],
        }
        for n, split in enumerate(["train"] * 40 + ["val"] * 6 + ["test"] * 12)
    ]  # fmt: skip
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "captions.json").write_text(json.dumps(rows))
    asked = RunRequest(
        dataset=str(tmp_path / "texts"), image_encoder=str(tiny.bert(tmp_path / "bert")),
        text_encoder="bag-of-words", method="ridge-cca", options={"dimension": 8},
    )  # fmt: skip
    settings = Settings()
    run = run_pipeline(settings, Store(settings), asked, with_map=False).summary.id
    services = Services(settings)
    with pytest.raises(InvalidInput, match="of images"):
        services.launch_compositional(run, CompositionalRequest(benchmark="scenes-small"))
    found = services.evaluate_here("counterfactual", CounterfactualRequest(), run)
    report = CounterfactualReport.model_validate(found.result)
    assert [(each.before, each.count) for each in report.pairs] == [("blue", 6), ("red", 6)]


def test_a_read_only_place_and_an_unknown_run_are_refused(
    made: tuple[Services, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    services, run = made
    asked = CompositionalRequest(benchmark="scenes-small")
    with pytest.raises(NotFound):
        services.launch_compositional("r-none", asked)
    with pytest.raises(NotFound):
        services.launch_counterfactual("r-none", CounterfactualRequest())
    monkeypatch.setenv("ISTHMUS_MODE", "readonly")
    closed = Services(Settings())
    with pytest.raises(NotAllowed):
        closed.launch_compositional(run, asked)
    with pytest.raises(NotAllowed):
        closed.launch_counterfactual(run, CounterfactualRequest())
