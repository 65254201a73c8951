"""Encoders assessed and merged with those assessed before; runs ranked over all they were measured by."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.errors import DatasetError, InvalidInput, NotFound
from backend.runs.models import Run, Sweep
from backend.runs.pipeline import run_pipeline
from backend.schemas import AssessmentReport, AssessmentRequest, RunRequest, ZeroShotRequest
from backend.services import Services
from backend.settings import Settings
from tests.integration.home import Home


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


@pytest.fixture(scope="session")
def shades(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders named as shades, with noisy pictures of that shade; one class has too few."""
    root = tmp_path_factory.mktemp("shades")
    random = np.random.default_rng(8)
    for name, shade, count in (("dark", 60, 12), ("grey", 130, 3), ("light", 200, 12)):
        (root / name).mkdir()
        for number in range(count):
            noisy = shade + random.normal(0, 25, (40, 40, 3))
            image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
            image.save(root / name / f"{number}.png")
    return root


@pytest.fixture
def asked(small: RunRequest, shades: Path) -> AssessmentRequest:
    """Without the alignment probe."""
    return AssessmentRequest(encoders=(small.image_encoder,), labelled=str(shades))


def assessed(services: Services, request: AssessmentRequest) -> str:
    """The id of one that was carried out here."""
    made = services.evaluate_here("assessment", request, None)
    assert made.status == "finished", made.error
    return made.id


def test_encoders_are_merged_with_those_assessed_alike(
    services: Services, asked: AssessmentRequest, small: RunRequest
) -> None:
    vit = small.image_encoder
    probed = asked.model_copy(update={"pairs": small.dataset, "text_encoder": "bag-of-words"})
    first = assessed(services, probed)
    report = AssessmentReport.model_validate(services.evaluation(first).result)
    (found,) = report.encoders
    assert (found.classes, found.train_items, found.test_items) == (2, 12, 12)
    assert "1 classes have too few items" in " ".join(report.notes)
    assert found.alignment is not None and (found.alignment.images, found.alignment.captions) == (
        6,
        12,
    )
    assert report.correlations == {} and report.attribute == "class" and report.modality == "image"

    pooled = f"{vit}?pooling=cls"
    second = assessed(services, probed.model_copy(update={"encoders": (pooled,)}))
    together = services.assessed_together(first)
    assert together == services.assessed_together(second)
    assert [each.encoder for each in together.encoders] == [pooled, vit]
    assert together.encoders[1] == found and together.assessments == 2
    assert together.correlations == {}  # two encoders tell of none

    # no probe: apart from these; made again: the same numbers, once
    alone = assessed(services, asked)
    again = services.assessed_together(assessed(services, asked))
    assert services.assessed_together(alone) == again
    assert (again.assessments, len(again.encoders)) == (2, 1)
    assert again.encoders[0] == found.model_copy(update={"alignment": None})
    seeded = services.assessed_together(assessed(services, asked.model_copy(update={"seed": 1})))
    assert seeded.assessments == 1
    assert services.runs() == []


def test_what_cannot_be_assessed_is_said_before_anything_waits(
    services: Services, asked: AssessmentRequest, small: RunRequest, tmp_path: Path
) -> None:
    def refused(**changes: object) -> InvalidInput:
        with pytest.raises(InvalidInput) as caught:
            services.launch_assessment(asked.model_copy(update=changes))
        return caught.value

    vit = small.image_encoder
    several = refused(encoders=("nothing here", "minilm", f"{vit}?pooling=tokens", vit))
    assert [fault.where for fault in several.faults] == [
        "nothing here", "minilm", f"{vit}?pooling=tokens"
    ]  # fmt: skip
    # the field offers what there is: a list of all in every fault would bury them
    assert all(len(fault.what) < 120 for fault in several.faults)
    assert "name both" in str(refused(pairs=small.dataset))
    half = refused(pairs=small.dataset, text_encoder="nowhere")
    assert [fault.where for fault in half.faults] == ["nowhere"]
    assert isinstance(refused(labelled=str(tmp_path / "nowhere")), DatasetError)
    assert "attribute class or label" in str(refused(labelled=small.dataset))
    assert "there are class" in str(refused(attribute="shade"))
    assert services.evaluations() == []
    with pytest.raises(NotFound):
        services.assessed_together("e-nothing")
    # each encoder once, by its one address; no worker lives here
    twice = asked.model_copy(update={"encoders": (vit, f"{vit}?", vit)})
    waiting = services.evaluation(services.launch_assessment(twice))
    assert (waiting.status, waiting.request["encoders"]) == ("queued", [vit])


def test_runs_are_ranked_over_everything_they_were_measured_by(
    place: Home, services: Services, small: RunRequest, shades: Path
) -> None:
    assert services.leaderboard().rows == ()
    made = []
    for name, method, options in (
        ("trained", small.method, small.options),
        ("closed", "ridge-cca", {}),
    ):
        request = small.model_copy(update={"name": name, "method": method, "options": options})
        run = run_pipeline(place.settings, place.store, request, with_map=False).summary
        assert run.status == "finished", run.error
        made.append(run)
    board = services.leaderboard()
    forward = board.measures[0]
    assert forward.endswith("text to image R@1") and len(board.measures) == 2
    for run in made:
        cell = next(row.cells[forward] for row in board.rows if row.run == run.id)
        assert run.test is not None and cell.value == run.test.text_to_image.recall_at_1
    assert board.about[forward].count == 6 and services.leaderboard(dataset="other").rows == ()

    first = made[0].id
    by_prompts = ZeroShotRequest(
        dataset=str(shades), split="all", templates=("a {} half", "{} beside")
    )
    classified = services.evaluate_here("zero-shot", by_prompts, first)
    assert classified.status == "finished" and classified.result is not None
    again = services.leaderboard()
    (shot,) = set(again.measures) - set(board.measures)
    cell = next(row.cells[shot] for row in again.rows if row.run == first)
    assert cell.value == classified.result["top_1"] and cell.settings == 2
    assert list(again.left_out) == [shot]
    # of a sweep's runs only where they are asked for
    with place.store.database.write() as session:
        session.add(Sweep(id="s-1", name="grid", request={}))
        session.flush()
        session.get_one(Run, made[1].id).sweep_id = "s-1"
    assert [row.run for row in services.leaderboard().rows] == [first]
    assert services.leaderboard(sweeps=True) == again

    services.delete_evaluation(classified.id)
    assert services.leaderboard(sweeps=True) == board
    assert services.leaderboard_table("csv", small.dataset, sweeps=True).count(b"\n") == 3
