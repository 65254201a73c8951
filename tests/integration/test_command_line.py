"""The command line and the door behind it: one run made in a terminal, then used like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from backend.cli import app
from backend.errors import InvalidInput, NotAllowed, NotFound
from backend.schemas import Query, QueryPart, RunRequest, SearchResult
from backend.services import Services
from backend.settings import REPOSITORY, Settings
from tests.integration.asking import ask


def isthmus(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=180,
    )


def align(small: RunRequest, *more: str) -> subprocess.CompletedProcess[str]:
    return isthmus(
        *("align", "--dataset", small.dataset, "--image-encoder", small.image_encoder),
        *("--text-encoder", small.text_encoder, "--method", "ridge-cca", *more),
    )


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


def test_what_is_copied_from_a_list_into_a_command_is_whole(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    done = isthmus("features", "extract", "minilm", "--dataset", "scenes-small", "--side", "text")
    assert done.returncode == 0, done.stderr
    (entry,) = services.stored_features()
    assert entry.key in isthmus("features").stdout
    listed = isthmus("encoders", "--modality", "audio").stdout
    assert "…" not in "".join(line.split(" ")[0] for line in listed.splitlines())


def test_paths_of_a_run_are_absolute_with_their_options(tmp_path: Path) -> None:
    from backend.cli.given import place

    (tmp_path / "pairs.csv").touch()
    here = os.path.relpath(tmp_path)
    assert place(f"{here}/pairs.csv") == f"{tmp_path}/pairs.csv"
    assert place(f"{here}?template=a {{}}.") == f"{tmp_path}?template=a {{}}."
    assert place("facebook/dinov2-base?layers=6") == "facebook/dinov2-base?layers=6"
    assert place("hf://owner/name?split=train") == "hf://owner/name?split=train"


def test_a_read_only_place_makes_no_runs(
    small: RunRequest, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_MODE", "readonly")
    for done in (align(small), isthmus("features", "extract", "minilm", "--side", "text")):
        assert done.returncode == 1 and "read-only" in done.stderr
    assert services.runs() == [] and services.stored_features() == []


def test_a_run_from_a_terminal_is_in_the_app_and_can_be_explored(
    small: RunRequest, services: Services, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    done = align(small, "--json", str(result), "--name", "From a terminal")
    assert done.returncode == 0, done.stderr
    assert "test: 6 images, 12 captions" in done.stdout and "median rank" in done.stdout
    written = json.loads(result.read_text())
    test = written["retrieval"]["test"]
    assert 0 <= test["image_to_text"]["recall_at_1"] <= 1

    (run,) = services.runs()
    assert (run.name, run.status) == ("From a terminal", "finished")
    assert run.test is not None and run.test.images == test["images"] == 6
    assert services.run(run.id).command.startswith("python -m backend align")

    found = ask(services, run.id, "red beside green", k=3)
    assert len(found.hits) == 3 and found.gallery == 6
    first = found.hits[0].item
    assert first.thumbnail is not None
    assert ask(services, run.id, first.thumbnail, "file", k=1).hits[0].score > 0.9
    own = ask(services, run.id, first.id, "item", k=12, target="text")
    assert own.truth_rank == min(hit.rank for hit in own.hits if hit.ground_truth)

    view = services.map_view(run.id)
    assert view.layout.method == "pca" and view.xy.shape == (18, 2) == (len(view.points), 2)
    assert services.map_colouring(run.id, "modality", view.points).values.sum() == 12
    red = Query(parts=(QueryPart(kind="text", value="red"),))
    assert services.map_similarity(run.id, red, view.points).values.shape == (18,)
    near = services.neighbours(run.id, first.id, k=4)
    assert len(near.images) == len(near.texts) == 4
    assert first.id not in {hit.item.id for hit in near.images}

    for asked_by in ("text", "image"):
        wrong = services.mistakes(run.id, asked_by, 3)
        assert [each.rank for each in wrong] == sorted((each.rank for each in wrong), reverse=True)
        for each in wrong:
            assert each.query.side == asked_by and each.query.image_id == each.truth.image_id
            own = ask(services, run.id, each.query.id, "item", k=1, target=each.truth.side)
            assert own.hits[0].item.id == each.found.id and own.truth_rank == each.rank

    cycle = services.drift(run.id, first.id, generations=5)
    assert [step.item.side for step in cycle.steps] == ["image", "text"] * 3
    assert services.cycles(run.id) == [cycle]

    searched_in_every_way(run.id, first.id, tmp_path / "found.json")
    shown = isthmus("search", run.id, "a blue half", "--k", "2")
    assert shown.returncode == 0 and shown.stdout.count("-") >= 2
    services.delete(run.id)
    assert services.runs() == []
    with pytest.raises(NotFound):
        ask(services, run.id, "red")


def searched_in_every_way(run: str, item: str, kept: Path) -> None:
    """Mixtures and crops by command; what cannot be used is told with status 2."""

    def search(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["search", run, *arguments])

    mixed = ["a blue half", "--minus", item, "--among", "both", "--no-duplicates", "-k", "2"]
    assert search(*mixed, "--json", str(kept)).exit_code == 0
    told = SearchResult.model_validate_json(kept.read_text())
    assert [(each.side, len(each.hits)) for each in told.answers] == [("image", 2), ("text", 2)]
    cropped = ["--item", item, "--crop", "0,0,0.5,1"]
    assert search(*cropped, "--json", str(kept)).exit_code == 0
    (answers,) = SearchResult.model_validate_json(kept.read_text()).answers
    assert len(answers.hits) == 6 and answers.truth_rank is None
    for wrong, words in (
        ([], "Say what to search for"),
        (["red", "--among", "words"], "images, captions, both"),
        (["red", "--crop", "1"], "0 were given"),
        ([*cropped, "--where", "shape"], "NAME=VALUE"),
        ([*cropped, "--where", "shape=star"], "no attributes"),
        (["red", "-k", "500"], "200"),
        (["x" * 400, "--vector", "1, 2"], "has 2 numbers"),
    ):
        refused = search(*wrong)
        assert refused.exit_code == 2 and words in " ".join(refused.output.split())


def test_seeds_and_choices_from_a_terminal(
    small: RunRequest, services: Services, tmp_path: Path
) -> None:
    result = tmp_path / "result.json"
    words = ["--seeds", "3", "--train-images", "50", "--select-layers"]
    words += ["--or-text-encoder", "minilm", "-o", "dimension=8", "--json", str(result)]
    done = align(small, *words)
    assert done.returncode == 0, done.stderr
    assert "test: mean of 3 seeds (0, 1, 2)" in done.stdout
    assert "95 % interval of the mean (Student's t)" in " ".join(done.stdout.split())
    assert "Layers were chosen" in done.stdout and "The pair was chosen out of 2" in done.stdout
    written = json.loads(result.read_text())
    across = written["retrieval"]["test"]["across_seeds"]
    assert len(across["text_to_image"]["recall_at_5"]["values"]) == 3
    assert set(written["configuration"]["selection"]) == {"encoders", "layers", "notes"}
    (run,) = services.runs()
    # the command that is shown makes the same run
    told = services.run(run.id).command
    assert "--seeds 3" in told and "--or-text-encoder minilm" in told and "--select-layers" in told
    shown = isthmus("evaluate", run.id)
    assert "mean of 3 seeds" in shown.stdout
    wrong = align(small, "--seeds", "21")
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr and "seeds" in wrong.stderr


def test_bad_input_ends_with_status_two_and_a_sentence(small: RunRequest, tmp_path: Path) -> None:
    nowhere = align(small.model_copy(update={"dataset": str(tmp_path / "nowhere")}))
    assert nowhere.returncode == 2
    assert "nowhere" in nowhere.stderr and "Traceback" not in nowhere.stderr
    option = align(small, "-o", "dimension=none", "-o", "colour=red")
    assert option.returncode == 2
    assert "dimension" in option.stderr and "colour" in option.stderr


def test_every_fault_of_a_request_is_told_at_its_field(services: Services, tmp_path: Path) -> None:
    request = RunRequest(
        dataset=str(tmp_path),
        image_encoder="minilm",
        text_encoder=str(tmp_path / "nothing"),
        method="linear-infonce",
        options={"epochs": 0},
    )
    with pytest.raises(InvalidInput) as error:
        services.launch(request)
    fields = [fault.where for fault in error.value.faults]
    assert fields == ["dataset", "image_encoder", "text_encoder", "epochs"]
    assert services.runs() == []


def test_a_read_only_place_changes_nothing(
    small: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISTHMUS_MODE", "readonly")
    services = Services(Settings())
    with pytest.raises(NotAllowed, match="read-only"):
        services.launch(small)
    assert services.runs() == []
