"""Runs carried out by a real worker process: to the end, stopped, killed, taken over."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from safetensors.numpy import load_file

from backend.runs.pipeline import run_pipeline
from backend.runs.supervisor import Supervisor
from backend.schemas import RunRequest
from backend.settings import REPOSITORY
from tests.integration.home import Home

STEPS = [
    "Prepare the data set",
    "Encode items",
    "Encode captions",
    "Align",
    "Evaluate",
    "Build the index",
    "finish",
]


def outcome(place: Home, run_id: str) -> dict[str, Any]:
    """Everything that a run measured, its heads, and those that it kept along its training."""
    detail = place.store.get_run(run_id)
    stops = place.settings.runs_dir / run_id / "training" / "stops"
    heads = load_file(Path(detail.artefacts["heads"]) / "heads.safetensors")
    return {
        "retrieval": {split: report.model_dump() for split, report in detail.retrieval.items()},
        "series": {curve.name: (curve.steps, curve.values) for curve in detail.series},
        "heads": {name: value.tolist() for name, value in heads.items()},
        "stops": {path.name: path.read_bytes() for path in stops.iterdir()},
    }


def test_a_launched_run_finishes_and_is_the_run_that_a_terminal_makes(
    place: Home, small: RunRequest
) -> None:
    place.supervisor.start()
    run_id = place.jobs.launch(small).id
    place.wait_for(run_id, "finished")
    assert [place.begun(run_id, step) for step in STEPS] == [1] * len(STEPS)
    detail = place.store.get_run(run_id)
    assert set(detail.retrieval) == {"val", "test"}
    assert (detail.retrieval["test"].images, detail.retrieval["test"].captions) == (6, 12)
    loss = next(curve for curve in detail.series if curve.name == "train/loss")
    assert len(loss.steps) > 3 and loss.values[-1] < loss.values[0]
    assert detail.summary.progress is None and detail.summary.finished_at is not None

    result = json.loads(Path(detail.artefacts["result"]).read_text())
    assert result["run"] == run_id and result["status"] == "finished"
    assert result["seed"] == small.seed and "torch" in result["versions"]
    assert result["configuration"]["image_dimension"] == 48
    recall = result["retrieval"]["test"]["text_to_image"]["recall_at_1"]
    assert recall == detail.retrieval["test"].text_to_image.recall_at_1

    place.wait(lambda: place.store.map_state(run_id) == "ready", "the map is drawn")

    here = run_pipeline(place.settings, place.store, small, with_map=False)
    assert here.summary.status == "finished", here.summary.error
    assert [run.id for run in place.store.list_runs()] == [here.summary.id, run_id]
    assert outcome(place, here.summary.id)["retrieval"] == outcome(place, run_id)["retrieval"]


def test_killed_while_training_it_goes_on_from_its_last_checkpoint(
    place: Home, long: RunRequest
) -> None:
    place.supervisor.start()
    killed = place.jobs.launch(long).id
    waiting = place.jobs.launch(long).id
    place.wait(lambda: place.trained(killed) >= 100, "training is under way")
    place.kill_worker()
    before = place.trained(killed)
    seconds = place.wait(lambda: place.begun(killed, "Align") == 2, "it goes on")
    print(f"gone on {seconds:.1f} s after the kill")
    # the first count after the restart is of a step after the last checkpoint, not of the first
    counted: list[int] = []
    place.wait(lambda: counted.append(place.trained(killed)) or counted[-1], "the first count")
    assert counted[-1] > before / 2
    # it was not overtaken by the run that waited behind it
    assert place.run(waiting).queue_position == 1
    place.wait_for(killed, "finished")
    assert [place.begun(killed, step) for step in STEPS] == [1, 1, 1, 2, 1, 1, 1]
    place.wait_for(waiting, "finished")
    assert outcome(place, killed) == outcome(place, waiting)


def test_killed_while_encoding_it_keeps_the_parts_that_were_written(
    place: Home, small: RunRequest, many_pictures: Path
) -> None:
    def parts() -> dict[Path, int]:
        """When each committed part was written."""
        manifests = place.settings.features_dir.glob("*/parts/*.json")
        return {path: path.stat().st_mtime_ns for path in manifests}

    request = small.model_copy(update={"dataset": str(many_pictures)})
    place.supervisor.start()
    run_id = place.jobs.launch(request).id
    place.wait(parts, "a first part is committed")
    place.kill_worker()
    kept = parts()
    assert place.begun(run_id, "Encode captions") == 0
    place.wait_for(run_id, "finished")
    assert place.begun(run_id, "Prepare the data set") == 1
    assert place.begun(run_id, "Encode items") == 2
    assert kept.items() < parts().items()

    # encoded anew, in one go
    shutil.rmtree(place.settings.features_dir)
    undisturbed = run_pipeline(place.settings, place.store, request, with_map=False)
    assert kept.items().isdisjoint(parts().items())
    assert outcome(place, run_id) == outcome(place, undisturbed.summary.id)


def test_stopping_takes_effect_within_two_seconds_and_resume_goes_on(
    place: Home, long: RunRequest
) -> None:
    place.supervisor.start()
    run_id = place.jobs.launch(long).id
    place.wait(lambda: place.trained(run_id) >= 100, "training is under way")
    place.jobs.cancel(run_id)
    seconds = place.wait_for(run_id, "cancelled", 10)
    print(f"stopped after {seconds:.2f} s")
    assert seconds < 2
    stopped = place.store.get_run(run_id)
    curve = {c.name: c for c in stopped.series}["train/loss"]
    assert curve.steps[-1] >= 80 and stopped.summary.resumable

    place.jobs.resume(run_id)
    place.wait(lambda: place.trained(run_id), "it goes on")
    again = place.run(run_id).progress
    assert again is not None and again.done >= 80
    place.wait_for(run_id, "finished")
    # what the first attempt measured is still there, and nothing is missing in between
    whole = {c.name: c for c in place.store.get_run(run_id).series}["train/loss"]
    assert whole.steps[: len(curve.steps) // 2] == curve.steps[: len(curve.steps) // 2]
    assert max(b - a for a, b in zip(whole.steps, whole.steps[1:], strict=False)) <= 5


def test_a_failure_is_told_in_the_run_and_the_worker_goes_on(
    place: Home, small: RunRequest, pictures: Path, tmp_path: Path
) -> None:
    place.supervisor.start()
    gone = tmp_path / "gone"
    bad = place.jobs.launch(small.model_copy(update={"dataset": str(gone)})).id
    good = place.jobs.launch(small).id
    place.wait(lambda: place.run(bad).status == "failed", "it fails")
    assert str(gone) in (place.run(bad).error or "")
    assert "Traceback" not in (place.run(bad).error or "")
    place.wait_for(good, "finished")


APP = """
import sys, time
from backend.runs.supervisor import Supervisor
from backend.settings import Settings
supervisor = Supervisor(Settings())
supervisor.start()
while supervisor.pid is None:
    time.sleep(0.02)
print(supervisor.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def app() -> Iterator[subprocess.Popen[str]]:
    """A process of its own that has a worker, as the app is."""
    process = subprocess.Popen(
        [sys.executable, "-c", APP], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_killing_the_app_ends_its_worker_and_another_app_takes_over(
    place: Home, long: RunRequest, app: subprocess.Popen[str]
) -> None:
    assert app.stdout is not None
    worker = int(app.stdout.readline())
    # it must outlast the second that the other app is given to start a worker by mistake
    longer = long.model_copy(update={"options": {**long.options, "epochs": 1000}})
    run_id = place.jobs.launch(longer).id
    place.wait(lambda: place.trained(run_id) >= 100, "training is under way")

    # a second app on the same home watches, and does not start a second worker
    place.supervisor.start()
    time.sleep(1.5)
    assert place.supervisor.pid is None and place.jobs.worker().alive

    os.kill(app.pid, 9)
    place.wait(lambda: not psutil.pid_exists(worker), "its worker is gone", 15)
    seconds = place.wait(lambda: place.begun(run_id, "Align") == 2, "the other takes over")
    print(f"taken over after {seconds:.1f} s")
    place.wait_for(run_id, "finished")
    assert [place.begun(run_id, step) for step in STEPS[:4]] == [1, 1, 1, 2]


def test_stopping_the_app_keeps_the_run_and_starting_it_goes_on(
    place: Home, long: RunRequest
) -> None:
    place.supervisor.start()
    run_id = place.jobs.launch(long).id
    place.wait(lambda: place.trained(run_id) >= 100, "training is under way")
    pid = place.supervisor.pid
    assert pid is not None
    place.supervisor.stop()
    assert not psutil.pid_exists(pid) and not place.jobs.worker().alive
    assert place.run(run_id).status == "running"
    # nobody works on it now, so stopping it needs nobody either
    place.jobs.cancel(run_id)
    assert place.run(run_id).status == "cancelled"
    place.jobs.resume(run_id)
    place.supervisor = Supervisor(place.settings)
    place.supervisor.start()
    place.wait_for(run_id, "finished")
    assert place.begun(run_id, "Align") == 2
