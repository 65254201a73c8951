"""Runs that choose their encoders and layers themselves, and runs on every token's features."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.catalog.address import parse
from backend.errors import InvalidInput
from backend.runs.journal import Journal
from backend.runs.pipeline import Pipeline, run_pipeline
from backend.runs.plan import plan
from backend.runs.store import Store
from backend.schemas import RunDetail, RunRequest
from backend.services import Services
from backend.settings import Settings
from tests.integration.asking import ask
from tests.integration.home import Home
from tests.unit.features import tiny


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


@pytest.fixture(scope="module")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained text encoder that knows the words of the captions."""
    folder = tmp_path_factory.mktemp("texts")
    words = "red green blue yellow grey white beside a half times".split()
    before = tiny.WORDS[:]
    try:
        tiny.WORDS[5:] = [*words, *before[5 : len(before)]][: len(before) - 5]
        return tiny.bert(folder / "bert")
    finally:
        tiny.WORDS[:] = before


@pytest.fixture
def choosing(small: RunRequest, tiny_bert: Path) -> RunRequest:
    """A run of a second or two whose layers are to be chosen."""
    return small.model_copy(
        update={
            "text_encoder": str(tiny_bert),
            "method": "ridge-cca",
            "options": {"dimension": 8},
            "select_layers": True,
        }
    )


def carried_out(request: RunRequest, listener: Any = None) -> RunDetail:
    settings = Settings()
    store = Store(settings)
    detail = run_pipeline(settings, store, request, listener, with_map=False)
    store.database.close()
    assert detail.summary.status == "finished", detail.summary.error
    return detail


def test_the_chosen_layers_are_what_the_run_uses(
    choosing: RunRequest, pictures: Path, services: Services
) -> None:
    steps = list[str]()

    def listen(step: str, done: int, total: int, unit: str) -> None:
        if step not in steps:
            steps.append(step)

    detail = carried_out(choosing, listen)
    assert steps[:3] == ["Prepare the data set", "Choose layers", "Encode items"]
    (heat,) = detail.heat_maps
    assert (heat.name, heat.rows, heat.columns) == ("layers", ("0", "1", "2"), ("0", "1", "2"))
    values = np.array(heat.values)
    assert values.shape == np.array(heat.calibrated).shape == (3, 3)
    assert values[heat.chosen] == values.max() == pytest.approx(heat.facts["score"], abs=1e-5)
    # chosen by training pairs alone: 90 items, one caption each
    assert heat.facts["pairs"] == 90
    made = detail.configuration
    assert parse(made["image_encoder"]).get("layers") == str(heat.chosen[0])
    assert parse(made["text_encoder"]).get("layers") == str(heat.chosen[1])
    assert (made["image_dimension"], made["text_dimension"]) == (48, 20)
    assert any("Layers were chosen by mutual kNN on 90 training pairs" in n for n in detail.notes)
    # what was asked for is still what the run can be repeated by
    assert detail.request == choosing and "--select-layers" in detail.command

    stored = {entry.key: entry for entry in services.stored_features()}
    assert len(stored) == 6  # three layers a side
    used = {made["image_features"][0], made["text_features"][0]}
    assert {key for key, entry in stored.items() if entry.runs} == used
    # all layers of the pairs looked at, and of everything else the chosen ones
    counts = {key: entry.items for key, entry in stored.items() if entry.modality == "image"}
    assert sorted(counts.values()) == [90, 90, 108] and max(counts, key=lambda k: counts[k]) in used

    found = ask(services, detail.summary.id, "red beside green", k=1).hits[0].item
    file = pictures / "images" / found.image_id
    assert ask(services, detail.summary.id, file, "file", k=1).hits[0].score > 0.99


def test_the_same_run_without_choosing_has_the_same_numbers(choosing: RunRequest) -> None:
    chosen = carried_out(choosing)
    named = {
        "image_encoder": chosen.configuration["image_encoder"],
        "text_encoder": chosen.configuration["text_encoder"],
        "select_layers": False,
    }
    alone = carried_out(choosing.model_copy(update=named))
    assert alone.retrieval == chosen.retrieval and alone.heat_maps == ()


def test_an_encoder_without_layers_takes_part_as_it_is(choosing: RunRequest) -> None:
    detail = carried_out(choosing.model_copy(update={"text_encoder": "bag-of-words"}))
    (heat,) = detail.heat_maps
    assert (len(heat.rows), heat.columns) == (3, ("own output",))
    assert detail.configuration["text_encoder"] == "bag-of-words"
    assert any("bag-of-words has no layers to choose from" in note for note in detail.notes)


def test_layers_that_are_named_are_the_ones_to_choose_from(choosing: RunRequest) -> None:
    named = {
        "image_encoder": f"{choosing.image_encoder}?layers=1,2&pooling=mean",
        "text_encoder": f"{choosing.text_encoder}?layers=-1",
    }
    detail = carried_out(choosing.model_copy(update=named))
    (heat,) = detail.heat_maps
    assert (heat.rows, heat.columns) == (("1", "2"), ("-1",))
    image = parse(detail.configuration["image_encoder"])
    assert image.get("pooling") == "mean" and image.get("layers") in ("1", "2")


def test_only_the_pair_that_agrees_best_is_encoded_whole(
    choosing: RunRequest, pictures: Path, tmp_path: Path, services: Services
) -> None:
    """Features that are the captions' own, somebody's noise, and an untrained encoder."""
    rows = json.loads((pictures / "captions.json").read_text())
    words = "red green blue yellow grey white".split()
    told = np.array([[row["captions"][0].count(word) for word in words] for row in rows], float)
    draw = np.random.default_rng(0)
    for name, values in (
        ("told", told @ draw.normal(size=(6, 12))),
        ("noise", draw.normal(size=(len(rows), 12))),
    ):
        np.save(tmp_path / f"{name}.npy", values.astype(np.float32))
        (tmp_path / f"{name}.ids.json").write_text(json.dumps([row["file"] for row in rows]))
    request = choosing.model_copy(
        update={
            "image_encoder": str(tmp_path / "noise.npy"),
            "image_candidates": (choosing.image_encoder, str(tmp_path / "told.npy")),
            "text_candidates": ("bag-of-words",),
            "select_layers": False,
        }
    )
    services.check(request)
    detail = carried_out(request)
    (heat,) = detail.heat_maps
    assert heat.name == "encoders" and heat.metric.startswith("linear CKA")
    assert heat.rows == (request.image_encoder, *request.image_candidates)
    assert heat.columns == (request.text_encoder, "bag-of-words")
    assert heat.rows[heat.chosen[0]] == detail.configuration["image_encoder"]
    assert detail.configuration["image_encoder"] == str(tmp_path / "told.npy")
    assert detail.configuration["text_encoder"] == "bag-of-words"
    # the encoder that was not chosen has encoded the training items alone
    (image,) = [entry for entry in services.stored_features() if entry.modality == "image"]
    assert image.items == 90 and image.runs == ()
    assert f"--or-image-encoder {request.image_candidates[0]}" in detail.command
    assert any("The pair was chosen out of 6" in note for note in detail.notes)


def test_pair_and_layers_are_chosen_one_after_the_other(
    choosing: RunRequest, tmp_path: Path
) -> None:
    request = choosing.model_copy(update={"image_candidates": (str(tiny.vit(tmp_path / "vit")),)})
    detail = carried_out(request)
    assert [heat.name for heat in detail.heat_maps] == ["encoders", "layers"]
    row, column = detail.heat_maps[0].chosen
    made = detail.configuration
    assert parse(made["image_encoder"]).base == detail.heat_maps[0].rows[row]
    assert parse(made["text_encoder"]).base == detail.heat_maps[0].columns[column]


def test_held_out_items_have_no_say(choosing: RunRequest, pictures: Path, tmp_path: Path) -> None:
    """The same choice, whatever is held out."""
    rows = json.loads((pictures / "captions.json").read_text())
    for row in rows:
        if row["split"] != "train":
            row["captions"] = ["white half times", "a grey half"]
    folder = tmp_path / "other"
    shutil.copytree(pictures, folder)
    (folder / "captions.json").write_text(json.dumps(rows))
    first = carried_out(choosing)
    second = carried_out(choosing.model_copy(update={"dataset": str(folder)}))
    assert first.heat_maps == second.heat_maps and first.retrieval != second.retrieval


def test_what_was_chosen_survives_a_kill_and_a_resume(place: Home, choosing: RunRequest) -> None:
    """Dies after the choice was stored; whoever goes on does not choose again."""
    store = place.store
    attempt = store.create_run(choosing, *plan(choosing))
    journal = Journal(store.database, *attempt)
    journal.begin()
    work = Pipeline(place.settings, store, journal)
    for step in work.steps[:2]:
        step.work(lambda done, total, unit: None)
    chosen = store.get_run(attempt.run_id)
    assert chosen.heat_maps and "layers=" in chosen.configuration["image_encoder"]
    journal.finish("interrupted")

    # as if another choice had been made: it must be taken as it stands
    other = {"image_encoder": f"{choosing.image_encoder}?layers=0"}
    again = store.new_attempt(attempt.run_id)
    journal = Journal(store.database, *again)
    journal.begin()
    journal.add_configuration(other)
    place.jobs.enqueue(again)
    place.supervisor.start()
    place.wait_for(attempt.run_id, "finished")
    detail = store.get_run(attempt.run_id)
    assert detail.configuration["image_encoder"] == other["image_encoder"]
    assert detail.heat_maps == chosen.heat_maps
    assert any("Layers were chosen" in note for note in detail.notes)


# --- every token's features -------------------------------------------------------------------------


def test_a_run_on_every_token_can_be_explored(
    small: RunRequest, tiny_bert: Path, pictures: Path
) -> None:
    request = small.model_copy(
        update={
            "image_encoder": f"{small.image_encoder}?pooling=tokens",
            "text_encoder": f"{tiny_bert}?pooling=tokens",
            "method": "freeze-align",
            "options": {"epochs": 3, "least_steps": 0, "batch": 32, "dimension": 16, "hidden": 16},
        }
    )
    services = Services(Settings())
    services.check(request)
    run = carried_out(request).summary
    # a picture of 32 x 32 in patches of 8 x 8 has 16, and the token of the whole
    detail = services.run(run.id)
    assert (detail.configuration["image_dimension"], detail.configuration["text_dimension"]) == (
        48,
        20,
    )
    found = ask(services, run.id, "red beside green", k=6)
    assert found.gallery == 6 and all(-1 <= hit.score <= 1 for hit in found.hits)
    item = found.hits[0].item
    # the same picture, encoded anew, lies where the run's own features of it lie
    picture = pictures / "images" / item.image_id
    assert ask(services, run.id, picture, "file", k=1).hits[0].score > 0.98
    caption = services.random_items(run.id, "text", 1, 0)[0]
    again = ask(services, run.id, caption.captions[0], k=1, target="text").hits[0]
    assert again.score > 0.99
    assert services.map_view(run.id).xy.shape == (18, 2)
    assert len(services.drift(run.id, item.id, 4).steps) == 5
    services.stop()


def test_tokens_on_one_side_alone(small: RunRequest, tiny_bert: Path) -> None:
    request = small.model_copy(
        update={
            "text_encoder": f"{tiny_bert}?pooling=tokens",
            "method": "freeze-align",
            "options": {"epochs": 2, "least_steps": 0, "batch": 32, "dimension": 8, "hidden": 8},
            "select_layers": True,
        }
    )
    detail = carried_out(request)
    # layers are compared by one vector an item; the run then has every token of the chosen one
    text = parse(detail.configuration["text_encoder"])
    assert text.get("pooling") == "tokens" and text.get("layers") in ("0", "1", "2")
    stored = Services(Settings()).stored_features()
    labels = {entry.output for entry in stored if entry.runs and entry.modality == "text"}
    assert labels == {f"layer {text.get('layers')}, tokens"}


def test_tokens_are_refused_where_they_are_of_no_use(
    small: RunRequest, tiny_bert: Path, services: Services
) -> None:
    def where(**changes: Any) -> list[tuple[str, str]]:
        with pytest.raises(InvalidInput) as error:
            services.check(small.model_copy(update=changes))
        return [(fault.where, fault.what) for fault in error.value.faults]

    tokens = {
        "image_encoder": f"{small.image_encoder}?pooling=tokens",
        "text_candidates": (f"{tiny_bert}?pooling=tokens",),
    }
    (image, why), (text, _) = where(**tokens)
    assert (image, text) == ("image_encoder", "text_candidates") and "freeze-align" in why
    several = {"image_encoder": f"{small.image_encoder}?pooling=tokens&layers=1,2"}
    ((field, why),) = where(**several, method="freeze-align", options={})
    assert field == "image_encoder" and "one layer alone" in why
    ((field, why),) = where(image_candidates=(small.image_encoder,))
    assert field == "image_candidates" and "more than once" in why
    ((field, _),) = where(text_candidates=("nobody/nothing at all",))
    assert field == "text_candidates"
