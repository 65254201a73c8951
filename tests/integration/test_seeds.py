"""Runs with several seeds, with fewer images than there are, and ones that are ended by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from torch import Tensor

from backend.alignment.objectives import InfoNCE
from backend.alignment.training.objective import Step
from backend.errors import NotAllowed
from backend.runs.pipeline import run_pipeline
from backend.runs.store import Store
from backend.schemas import RunDetail, RunRequest
from backend.services import Services
from backend.settings import Settings
from tests.integration.asking import ask
from tests.integration.home import Home


@pytest.fixture
def services() -> Iterator[Services]:
    opened = Services(Settings())
    yield opened
    opened.stop()


def carried_out(request: RunRequest) -> RunDetail:
    settings = Settings()
    store = Store(settings)
    detail = run_pipeline(settings, store, request, with_map=False)
    store.database.close()
    assert detail.summary.status == "finished", detail.summary.error
    return detail


def heads(detail: RunDetail, seed: int | None = None) -> dict[str, np.ndarray]:
    folder = Path(detail.artefacts["heads"])
    return load_file((folder if seed is None else folder / f"seed-{seed}") / "heads.safetensors")


def test_each_seed_draws_and_fits_its_own(small: RunRequest, services: Services) -> None:
    few = small.model_copy(update={"train_images": 40, "seed": 3})
    alone = carried_out(few)
    three = carried_out(few.model_copy(update={"seeds": 3}))
    assert three.configuration["fitted_seeds"] == [3, 4, 5]
    # the first seed's heads are those of a run with it alone, although more items were encoded
    first, same = heads(three), heads(alone)
    assert all((first[name] == same[name]).all() for name in first)
    others = [heads(three, seed) for seed in (4, 5)]
    assert all(not np.array_equal(first["image.mean"], other["image.mean"]) for other in others)
    for split in ("val", "test"):
        one, all_ = alone.retrieval[split], three.retrieval[split]
        assert one.across_seeds is None and all_.across_seeds is not None
        assert all_.model_copy(update={"across_seeds": None}) == one
        found = all_.across_seeds.text_to_image.recall_at_10
        assert all_.across_seeds.seeds == (3, 4, 5)
        assert found.values[0] == one.text_to_image.recall_at_10
        assert found.mean == pytest.approx(np.mean(found.values))
        assert found.interval[0] <= found.mean <= found.interval[1]
    names = {series.name for series in three.series}
    assert {"train/loss", "seed 4/train/loss", "seed 5/val/mean_recall"} <= names
    assert three.configuration["captions"] == {"train": 80, "val": 24, "test": 12}
    assert any("40 of 90 training images with 80 captions. Each seed" in n for n in three.notes)
    assert any(
        "bag of words was fitted on the training captions of seed 3" in n for n in three.notes
    )
    assert "--seeds 3" in three.command and three.summary.seeds == 3
    result = json.loads(Path(three.artefacts["result"]).read_text())
    assert result["retrieval"]["test"]["across_seeds"]["seeds"] == [3, 4, 5]
    assert ask(services, three.summary.id, "red beside green", k=2).gallery == 6


def test_a_method_that_draws_nothing_is_fitted_for_the_first_seeds_alone(small: RunRequest) -> None:
    request = small.model_copy(update={"method": "ridge", "options": {}, "seeds": 4})
    all_ = carried_out(request)
    assert any("same heads" in note for note in all_.notes)
    across = all_.retrieval["test"].across_seeds
    assert across is not None and across.seeds == (0, 1, 2, 3)
    recall = all_.retrieval["test"].image_to_text.recall_at_5
    assert across.image_to_text.recall_at_5.values == (recall,) * 4
    assert across.image_to_text.recall_at_5.interval == (recall, recall)
    drawn = carried_out(request.model_copy(update={"train_images": 60, "seeds": 2}))
    assert not any("same heads" in note for note in drawn.notes)
    assert drawn.configuration["fitted_seeds"] == [0, 1]


def test_a_method_may_learn_from_what_is_beside_the_pairs(small: RunRequest) -> None:
    options = {"epochs": 2, "least_steps": 0, "dimension": 16, "unpaired_batch": 8}
    request = small.model_copy(
        update={"method": "sotalign", "options": options, "train_images": 30}
    )
    all_ = carried_out(request)
    assert all_.configuration["fit"]["unpaired"] is True
    (note,) = [note for note in all_.notes if note.startswith("Beside the pairs")]
    items = int(note.split(", ")[1].split()[0])
    assert f"and {2 * (60 - items)} captions" in note
    few = carried_out(request.model_copy(update={"options": {**options, "unpaired": 7}}))
    assert any("7 training images and 7 captions" in note for note in few.notes)
    # with all items as pairs nothing is beside them, and the method says so
    full = carried_out(request.model_copy(update={"train_images": None}))
    assert not any(note.startswith("Beside the pairs") for note in full.notes)
    assert any("no rows without partners" in note for note in full.notes)


def test_killed_at_the_second_seed_it_goes_on_there(place: Home, long: RunRequest) -> None:
    request = long.model_copy(update={"seeds": 3, "train_images": 60})

    def steps(run_id: str, name: str) -> tuple[int, ...]:
        curves = {curve.name: curve.steps for curve in place.store.get_run(run_id).series}
        return curves.get(name, ())

    place.supervisor.start()
    run_id = place.jobs.launch(request).id
    place.wait(lambda: len(steps(run_id, "seed 1/train/loss")) > 20, "the second seed is under way")
    first = place.settings.runs_dir / run_id / "heads" / "heads.safetensors"
    written = first.stat().st_mtime_ns
    place.kill_worker()
    progress = place.run(run_id).progress
    assert progress is not None
    place.wait(lambda: place.begun(run_id, "Align") == 2, "it goes on")

    counts = list[int]()

    def counted() -> bool:
        """Whether steps are told that the killed worker had not told."""
        told = place.run(run_id).progress
        if told is not None and told != progress and told.unit == "steps":
            counts.append(told.done)
        return bool(counts)

    place.wait(counted, "the first count")
    # the seed that was done counts, and so does what was kept of the second one
    assert counts[0] > progress.done / 2
    place.wait_for(run_id, "finished")
    assert first.stat().st_mtime_ns == written
    undisturbed = run_pipeline(place.settings, place.store, request, with_map=False)
    killed = place.store.get_run(run_id)
    assert killed.retrieval == undisturbed.retrieval
    assert killed.series == undisturbed.series
    for seed in (None, 1, 2):
        one, other = heads(killed, seed), heads(undisturbed, seed)
        assert all((one[name] == other[name]).all() for name in one)


def test_a_stopped_run_can_be_finished_with_the_best_so_far(
    place: Home, long: RunRequest, services: Services
) -> None:
    request = long.model_copy(
        update={"seeds": 3, "options": {**long.options, "epochs": 4000, "validate_every": 20}}
    )
    place.supervisor.start()
    run_id = place.jobs.launch(request).id
    place.wait(lambda: place.trained(run_id) >= 100, "training is under way")
    place.jobs.cancel(run_id)
    place.wait_for(run_id, "cancelled", 10)
    reached = max({c.name: c for c in place.store.get_run(run_id).series}["train/loss"].steps)
    services.finish_now(run_id)
    seconds = place.wait_for(run_id, "finished")
    print(f"finished {seconds:.1f} s after it was asked for")
    detail = place.store.get_run(run_id)
    assert set(detail.retrieval) == {"val", "test"}
    assert detail.retrieval["test"].across_seeds is None
    fit = detail.configuration["fit"]
    assert fit["ended"] == "the best so far was taken" and fit["steps_run"] <= reached + 30
    # what is kept are the best heads of all looks, not the last ones
    looks = {c.name: c for c in detail.series}["val/mean_recall"]
    assert fit["validation"]["mean_recall"] == pytest.approx(max(looks.values))
    assert any("ended by hand; its best heads" in note for note in detail.notes)
    assert any("left out (1, 2)" in note for note in detail.notes)
    with pytest.raises(NotAllowed, match="finished"):
        services.resume(run_id)
    with pytest.raises(NotAllowed, match="finished"):
        services.finish_now(run_id)


def test_a_run_that_is_training_can_be_finished_at_once(
    place: Home, long: RunRequest, services: Services
) -> None:
    options = {**long.options, "epochs": 4000, "validate_every": 20}
    place.supervisor.start()
    run_id = place.jobs.launch(long.model_copy(update={"options": options})).id
    place.wait(lambda: place.trained(run_id) >= 60, "training is under way")
    place.wait(
        lambda: (
            place.settings.runs_dir / run_id / "training" / "checkpoint.safetensors"
        ).is_file(),
        "a checkpoint is there",
    )
    services.finish_now(run_id)
    place.wait_for(run_id, "finished")
    assert place.begun(run_id, "Align") == 1
    assert place.store.get_run(run_id).configuration["fit"]["steps_run"] < 4000


def test_what_has_no_best_so_far_is_not_finished(
    place: Home, small: RunRequest, services: Services
) -> None:
    closed = small.model_copy(update={"method": "ridge", "options": {}})
    for request, why in ((closed, "not trained step by step"), (small, "no checkpoint yet")):
        run_id = place.jobs.launch(request).id
        with pytest.raises(NotAllowed, match="not trained" if request is closed else "queued"):
            services.finish_now(run_id)
        place.jobs.cancel(run_id)
        with pytest.raises(NotAllowed, match=why):
            services.finish_now(run_id)
        assert place.run(run_id).status == "cancelled"


def test_a_run_that_diverged_can_be_finished_with_what_was_good(
    place: Home, small: RunRequest, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss is made to fail here; the worker, which finishes the run, has the real one."""
    forward = InfoNCE.forward

    def failing(self: InfoNCE, step: Step) -> Tensor:
        loss = forward(self, step)
        return loss * float("nan") if step.number == 45 else loss

    monkeypatch.setattr(InfoNCE, "forward", failing)
    options = {**small.options, "epochs": 20, "validate_every": 10}
    request = small.model_copy(update={"options": options})
    failed = run_pipeline(place.settings, place.store, request, with_map=False).summary
    assert failed.status == "failed" and "loss became nan at step 46" in (failed.error or "")
    services.finish_now(failed.id)
    place.supervisor.start()
    place.wait_for(failed.id, "finished")
    detail = place.store.get_run(failed.id)
    assert 0 < detail.configuration["fit"]["best_step"] <= 40 and detail.summary.error is None
    assert detail.retrieval["test"].images == 6
