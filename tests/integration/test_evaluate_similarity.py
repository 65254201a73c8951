"""Similarity and the modality gap of a real run, from the form to what the page shows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import numpy as np
import pytest

from backend.evaluation.layers import layer_similarity
from backend.features.extraction import extract_items
from backend.features.store import FeatureStore
from backend.reporting import silent
from backend.runs.evaluations.opened import open_run
from backend.runs.evaluations.rows import Evaluations
from backend.runs.pipeline import run_pipeline
from backend.runs.selection import offered_layers
from backend.schemas import GapReport, RunRequest, SimilarityRequest, SimilarityResult
from backend.services import Services
from backend.settings import Settings
from tests.integration.home import Home
from tests.unit.ui.test_markup import read
from ui.context import Context, shared_fields
from ui.pages.evaluating.gap import GapPart
from ui.pages.evaluating.similarity import SimilarityPart
from ui.uploads import Uploads


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


@pytest.fixture
def context(services: Services) -> Iterator[Context]:
    """What a page is given, inside a page that is never shown."""
    with gr.Blocks():
        yield Context(services, gr.Tabs(), Uploads(), **shared_fields())


def finished(place: Home, request: RunRequest) -> str:
    """The id of a run."""
    run = run_pipeline(place.settings, place.store, request, with_map=False)
    assert run.summary.status == "finished", run.summary.error
    return run.summary.id


def test_what_was_made_with_the_run_is_shown_and_layers_can_be_asked_for(
    place: Home, services: Services, small: RunRequest, context: Context
) -> None:
    run = finished(place, small)
    part = SimilarityPart(context)
    opened, listing, card, heat = part.show(run, "")
    assert opened == f"{run}-similarity" and "with the run" in listing
    assert "6 pairs of the test split" in read(card).text
    assert heat["visible"] is False

    asked = part.request(run, True, "mutual_knn", 2, 19)
    made = services.evaluate_here("similarity", asked, run)
    assert made.status == "finished", made.error
    found = SimilarityResult.model_validate(made.result)
    opened, _, card, heat = part.show(run, "")
    assert opened == made.id and "none is below 1 / 20 = 0.05" in read(card).text
    assert heat["visible"] is True
    (drawn,) = heat["value"]["maps"]
    assert drawn["rows"] == ["0", "1", "2"] and drawn["columns"] == ["own output"]
    assert found.layers is not None and drawn["values"] == [
        list(r) for r in found.layers.found.scores
    ]
    assert "Measured on 6 test pairs." in drawn["words"]

    fault, none, _ = part.launch(run, False, "mutual_knn", 1, 19)
    assert "Neighbours: 1 was given" in read(fault).text
    assert len(services.evaluations(run, "similarity")) == 2
    said, queued, _ = part.launch(run, False, "mutual_knn", 2, 19)
    assert said == "" and services.evaluation(queued).status == "queued"


def test_layers_are_compared_of_the_same_pairs_where_a_picture_is_damaged(
    place: Home, services: Services, small: RunRequest, pictures: Path, tmp_path: Path
) -> None:
    """The oracle encodes each picture that is left, and its first caption, by itself."""
    folder = tmp_path / "damaged"
    shutil.copytree(pictures, folder)
    path = folder / "images" / "test-0.png"
    path.write_bytes(path.read_bytes()[:500])
    run = finished(place, small.model_copy(update={"dataset": str(folder)}))
    request = SimilarityRequest(layers=True, measure="cka", neighbours=2, permutations=19)
    made = services.evaluate_here("similarity", request, run)
    found = SimilarityResult.model_validate(made.result)
    assert found.layers is not None
    assert found.spaces.pairs == found.layers.found.pairs == 5

    opened = open_run(place.settings, place.store, run)
    encoder = offered_layers(opened.inputs, "image", silent).encoder
    store = FeatureStore(place.settings.features_dir)
    images, texts = [], []
    for record in opened.inputs.dataset(silent).records:
        if record.split == "test" and record.id != path.name:
            images.append(extract_items(encoder, [record], store).outputs)
            texts.append(opened.features("text", [record.captions[0]], silent).vectors)
    assert len(images) == 5
    sides = [np.concatenate(layer) for layer in zip(*images, strict=True)], [np.concatenate(texts)]
    wanted = layer_similarity(*sides, "cka", 2, 19)
    np.testing.assert_allclose(found.layers.found.scores, wanted.scores, atol=1e-4)


def test_the_gap_of_a_run_from_before_is_measured_here(
    place: Home, services: Services, small: RunRequest, context: Context
) -> None:
    run = finished(place, small)
    part = GapPart(context)
    with_run = GapReport.model_validate(services.evaluation(f"{run}-gap").result)
    opened, _, card, slider = part.show(run, "")
    assert opened == f"{run}-gap"
    points = with_run.points
    text = read(card).text
    assert f"The gap of {points[0].gap:.3f} becomes one of {points[-1].gap:.3f}" in text
    assert slider["value"]["shares"] == [point.share for point in points]
    assert len(slider["value"]["figures"]) == 11

    # as though the run had been made before runs were measured by it
    Evaluations(place.store.database).delete(f"{run}-gap")
    opened, _, card, slider = part.show(run, opened)
    assert opened == "" and "Measure the gap" in read(card).text and slider["visible"] is False
    made = services.evaluate_here("gap", part.request(run), run)
    assert GapReport.model_validate(made.result) == with_run
    assert part.show(run, "")[0] == made.id
