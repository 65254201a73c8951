"""Evaluations carried out by a real worker process: with the run, asked for, stopped, killed, resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.errors import DatasetError, InvalidInput
from backend.runs.pipeline import run_pipeline
from backend.schemas import (
    AssessmentReport,
    AssessmentRequest,
    CounterfactualReport,
    CounterfactualRequest,
    Evaluation,
    GapReport,
    GapRequest,
    RunRequest,
    SimilarityRequest,
    SimilarityResult,
    ZeroShotReport,
    ZeroShotRequest,
)
from backend.services import Services
from backend.settings import Settings
from tests.integration.conftest import COLOURS
from tests.integration.home import Home


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


@pytest.fixture
def run_id(place: Home, small: RunRequest) -> str:
    """A finished run."""
    run = run_pipeline(place.settings, place.store, small, with_map=False)
    assert run.summary.status == "finished", run.summary.error
    return run.summary.id


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders named as colours, with noisy pictures of that colour."""
    root = tmp_path_factory.mktemp("classes")
    random = np.random.default_rng(3)
    for name in ("red", "green", "blue"):
        (root / name).mkdir()
        for number in range(20):
            noisy = COLOURS[name] + random.normal(0, 20, (40, 40, 3))
            image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
            image.save(root / name / f"{number}.png")
    return root


def finished(place: Home, services: Services, evaluation_id: str) -> Evaluation:
    """Waits for its end, which has to be a good one."""

    def met() -> bool:
        found = services.evaluation(evaluation_id)
        if not found.live and found.status != "finished":
            pytest.fail(f"{found.status}: {found.error}\n{place.story()}")
        return found.status == "finished"

    place.wait(met, f"{evaluation_id} is finished")
    return services.evaluation(evaluation_id)


def test_every_run_is_measured_before_and_after_and_its_gap_is_closed(
    services: Services, run_id: str
) -> None:
    made = {each.kind: each for each in services.evaluations(run_id)}
    assert set(made) == {"similarity", "gap"} and all(each.with_run for each in made.values())
    alike = SimilarityResult.model_validate(services.evaluation(made["similarity"].id).result)
    assert alike.spaces.pairs == 6 and set(alike.spaces.before) == set(alike.spaces.after)
    gap = GapReport.model_validate(services.evaluation(made["gap"].id).result)
    test = services.run(run_id).retrieval["test"]
    assert (gap.images, gap.captions) == (test.images, test.captions)
    first = gap.points[0]
    assert first.share == 0.0
    found = first.scores["text_to_image/recall_at_1"].value
    assert found == pytest.approx(test.text_to_image.recall_at_1)
    assert test.geometry is not None
    assert first.gap == pytest.approx(test.geometry.modality_gap, abs=1e-6)


def test_what_is_asked_for_is_carried_out_by_the_worker(
    place: Home, services: Services, run_id: str, classes: Path
) -> None:
    place.supervisor.start()
    by_prompts = services.launch_zero_shot(
        run_id, ZeroShotRequest(dataset=str(classes), split="all", templates=("a {} half",))
    )
    again = services.launch_evaluation("gap", GapRequest(), run_id)
    swapped = services.launch_evaluation(
        "counterfactual", CounterfactualRequest(pairs="red / blue"), run_id
    )
    layers = services.launch_evaluation("similarity", SimilarityRequest(layers=True), run_id)

    classified = ZeroShotReport.model_validate(finished(place, services, by_prompts).result)
    assert classified.images == 60 and classified.classes == ("blue", "green", "red")
    assert sum(map(sum, classified.confusion)) == 60
    # an untrained encoder tells plain colours apart, and the heads have read their names
    assert classified.top_1 > 2 * classified.chance_at_1

    with_run = services.evaluation(f"{run_id}-gap")
    assert finished(place, services, again).result == with_run.result

    words = CounterfactualReport.model_validate(finished(place, services, swapped).result)
    assert words.gallery == 6 and {pair.before for pair in words.pairs} <= {"red", "blue"}

    heat = SimilarityResult.model_validate(finished(place, services, layers).result)
    assert heat.layers is not None
    assert len(heat.layers.image_layers) == len(heat.layers.found.scores) == 3
    assert len(heat.layers.text_layers) == 1
    before = SimilarityResult.model_validate(services.evaluation(f"{run_id}-similarity").result)
    assert heat.spaces == before.spaces


def test_a_killed_one_goes_on_and_gives_what_an_undisturbed_one_gives(
    place: Home, services: Services, small: RunRequest, many_pictures: Path, classes: Path
) -> None:
    request = small.model_copy(update={"dataset": str(many_pictures)})
    run = run_pipeline(place.settings, place.store, request, with_map=False).summary.id
    asked = ZeroShotRequest(dataset=str(classes), split="all", templates=("a {} half",))
    place.supervisor.start()
    killed = services.launch_evaluation("zero-shot", asked, run)
    place.wait(lambda: services.evaluation(killed).status == "running", "it has begun")
    place.kill_worker()
    result = finished(place, services, killed).result
    undisturbed = services.evaluate_here("zero-shot", asked, run)
    assert undisturbed.status == "finished" and undisturbed.result == result


def test_stopping_is_heard_and_resume_ends_it(
    place: Home, services: Services, run_id: str, classes: Path
) -> None:
    asked = ZeroShotRequest(dataset=str(classes), split="all", templates=("a {} half",))
    stopped = services.launch_evaluation("zero-shot", asked, run_id)
    services.cancel_evaluation(stopped)  # no worker yet: it waits in the queue
    assert services.evaluation(stopped).status == "cancelled"
    place.supervisor.start()
    services.resume_evaluation(stopped)
    assert finished(place, services, stopped).error is None
    services.delete_evaluation(stopped)
    assert stopped not in {each.id for each in services.evaluations(run_id)}


def test_what_cannot_be_done_is_said_before_anything_waits(
    services: Services, run_id: str, small: RunRequest, classes: Path, tmp_path: Path
) -> None:
    def refused(**asked: object) -> str:
        with pytest.raises((InvalidInput, DatasetError)) as caught:
            services.launch_zero_shot(run_id, ZeroShotRequest.model_validate(asked))
        return str(caught.value)

    assert "attribute class or label" in refused(dataset=small.dataset)
    assert "must hold {} once" in refused(dataset=str(classes), templates=("no place",))
    assert "There is no" in refused(dataset=str(tmp_path / "nowhere"))
    labelled = tmp_path / "own"
    labelled.mkdir()
    assert refused(dataset=str(labelled))
    asked = [each for each in services.evaluations(run_id) if not each.with_run]
    assert asked == []


def test_what_the_heads_have_learnt_from_is_not_classified_under_another_name(
    services: Services, small: RunRequest, pictures: Path, run_id: str, tmp_path: Path
) -> None:
    """The run's own pictures in folders of classes: other captions, other ids, other splits."""
    for number, path in enumerate(sorted((pictures / "images").glob("*.png"))):
        folder = tmp_path / "again" / ("even" if number % 2 == 0 else "odd")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / f"{number}.png")
    asked = ZeroShotRequest(
        dataset=str(tmp_path / "again"), split="all", templates=("{} pictures",)
    )
    made = services.evaluate_here("zero-shot", asked, run_id)
    assert made.status == "finished", made.error
    report = ZeroShotReport.model_validate(made.result)
    assert report.images == 6  # the test pictures alone
    assert any("102 items are among those that the heads" in note for note in report.notes)
    for path in (tmp_path / "again").rglob("*.png"):
        if path.read_bytes() in {p.read_bytes() for p in (pictures / "images").glob("test*")}:
            path.unlink()
    failed = services.evaluate_here("zero-shot", asked, run_id)
    assert failed.status == "failed" and "learnt from every one" in (failed.error or "")


def test_the_classes_are_those_of_the_whole_set_whichever_split_is_taken(
    services: Services, run_id: str, classes: Path
) -> None:
    asked = ZeroShotRequest(dataset=str(classes), split="test", templates=("a {} half",))
    made = services.evaluate_here("zero-shot", asked, run_id)
    report = ZeroShotReport.model_validate(made.result)
    assert report.classes == ("blue", "green", "red") and report.images < 60
    named = asked.model_copy(update={"spoken": {"purple": "violet"}})
    with pytest.raises(InvalidInput, match="does not have"):
        services.launch_zero_shot(run_id, named)


def test_a_run_whose_data_set_has_changed_is_not_measured_as_though_it_had_not(
    services: Services, small: RunRequest, pictures: Path, tmp_path: Path, place: Home
) -> None:
    own = tmp_path / "own"
    shutil.copytree(pictures, own)
    request = small.model_copy(update={"dataset": str(own)})
    run = run_pipeline(place.settings, place.store, request, with_map=False).summary.id
    assert services.evaluate_here("gap", GapRequest(), run).status == "finished"
    rows = json.loads((own / "captions.json").read_text())
    rows[0]["captions"][0] += ", changed"
    (own / "captions.json").write_text(json.dumps(rows))
    failed = services.evaluate_here("gap", GapRequest(), run)
    assert failed.status == "failed" and "dataset: has changed" in (failed.error or "")


def test_one_picture_is_tried_at_once(
    services: Services, run_id: str, classes: Path, tmp_path: Path
) -> None:
    file = classes / "red" / "0.png"
    found = services.classify(run_id, file, ["red", "green", "blue", " red "], ["a {} half"])
    assert [each.name for each in found] == sorted(
        ("red", "green", "blue"), key=lambda name: -{e.name: e.probability for e in found}[name]
    )
    assert sum(each.probability for each in found) == pytest.approx(1)
    logits = np.array([100 * each.score for each in found])
    softmax = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    np.testing.assert_allclose([each.probability for each in found], softmax, rtol=1e-3)
    with pytest.raises(InvalidInput, match="at least two"):
        services.classify(run_id, file, ["red", " red"])
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(InvalidInput):
        services.classify(run_id, tmp_path / "broken.png", ["red", "blue"])


def test_encoders_are_assessed_by_themselves_and_with_the_probe(
    services: Services, small: RunRequest, classes: Path, tmp_path: Path
) -> None:
    asked = AssessmentRequest(
        encoders=(small.image_encoder,),
        labelled=str(classes),
        pairs=small.dataset,
        text_encoder="bag-of-words",
    )
    made = services.evaluate_here("assessment", asked, None)
    assert made.status == "finished", made.error
    (found,) = AssessmentReport.model_validate(made.result).encoders
    assert (found.classes, found.train_items, found.test_items) == (3, 30, 30)
    # plain colours are told apart by any encoder, trained or not
    assert found.knn.value == 1.0 and found.knn.chance == pytest.approx(1 / 3)
    assert found.alignment is not None
    assert (found.alignment.split, found.alignment.images) == ("test", 6)
    # only features that do not depend on which set is looked at are kept: nothing of it is a run
    assert services.runs() == []
    half = asked.model_copy(update={"text_encoder": None})
    failed = services.evaluate_here("assessment", half, None)
    assert failed.status == "failed" and "name both" in (failed.error or "")
    json.dumps(made.result)  # what is kept is plain
