"""A run's recipe: taken away as a file, and read back into the form just as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from backend.errors import InvalidInput, NotFound
from backend.exploration.indexes import Budget, build_index
from backend.runs.models import Run
from backend.schemas import RunRequest
from backend.services import Services
from backend.settings import Settings
from ui import recipes, run_cards
from ui.pages.run_form import RunForm

REQUEST = RunRequest(
    dataset="scenes-small",
    image_encoder="scene-resnet-ssl",
    text_encoder="minilm",
    method="linear-infonce",
    options={"epochs": 7, "batch": 64},
    seed=11,
    seeds=3,
    train_images=200,
    select_layers=True,
    text_candidates=("bag-of-words",),
    name="again",
)


@pytest.fixture
def services() -> Services:
    return Services(Settings())


@pytest.fixture
def form(services: Services) -> RunForm:
    with gr.Blocks():
        return RunForm(services)


def launched(services: Services) -> str:
    run = services.launch(REQUEST)
    with services._store.database.write() as session:
        row = session.get(Run, run.id)
        assert row is not None
        row.versions = {"torch": "2.13.0"}
    return run.id


def test_a_recipe_has_everything_that_repeats_a_run(services: Services) -> None:
    run = services.run(launched(services))
    told = json.loads(recipes.write(run))
    assert told["isthmus_run"] == run.summary.id and told["request"]["seed"] == 11
    assert told["command"].startswith("python -m backend align ") and told["versions"] == {
        "torch": "2.13.0"
    }
    assert recipes.read(recipes.write(run)) == REQUEST
    card = run_cards.detail_facts(run)
    assert f'download="{run.summary.id}.json"' in card and 'data-act="reuse"' in card
    assert 'data-act="reuse"' not in run_cards.detail_facts(run, changeable=False)


def test_a_run_tells_how_it_is_searched_and_one_without_an_index_nothing(
    services: Services,
) -> None:
    run = services.run(launched(services))
    assert services.indexed(run.summary.id) == {}
    assert "Search:" not in run_cards.detail_facts(run, indexed={})
    rows = np.eye(300, 8, dtype=np.float32) + 0.1
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    folder = services.settings.indexes_dir / run.summary.id
    names = [str(number) for number in range(300)]
    build_index(folder / "image", names, rows)
    build_index(folder / "text", names, rows, rows[:5], Budget(exact_until=0))
    notes = services.indexed(run.summary.id)
    card = run_cards.detail_facts(run, indexed=notes)
    assert notes["image"].exact and notes["text"].queries == 5
    assert "Search: images exact; captions HNSW" in card and "(5 queries)" in card
    with pytest.raises(NotFound):
        services.indexed("../r")


def test_the_form_filled_in_from_a_recipe_asks_for_the_same(
    services: Services, form: RunForm, tmp_path: Path
) -> None:
    written = recipes.write(services.run(launched(services)))
    use, *values, _ = form.fill_in(f"request\n{written}", form.method.options.value)
    assert use == "" and form.request([_value(each) for each in values]) == REQUEST
    file = tmp_path / "r-1.json"
    file.write_text(written, encoding="utf-8")
    *values, _ = form.fill_from(str(file), None)
    assert form.request([_value(each) for each in values]) == REQUEST


def _value(given: Any) -> Any:
    """What an answer leaves in its field."""
    return (
        given["value"] if isinstance(given, dict) and given.get("__type__") == "update" else given
    )


def test_other_uses_leave_the_form_alone(form: RunForm) -> None:
    assert set(map(str, form.fill_in("dataset\nscenes", None))) == {str(gr.skip())}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        "[1]",
        '{"request": 3}',
        '{"request": {"dataset": 5}}',
        "x" * 2_000_000,
    ],
)
def test_what_is_no_recipe_is_told(text: str) -> None:
    with pytest.raises(InvalidInput, match="under Repeat it"):
        recipes.read(text)


def test_a_method_that_is_not_here_is_told(form: RunForm) -> None:
    gone = {"request": REQUEST.model_dump(mode="json") | {"method": "magic"}}
    with pytest.raises(InvalidInput, match="no method magic"):
        form.fill_in(f"request\n{json.dumps(gone)}", None)
