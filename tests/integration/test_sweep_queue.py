"""A sweep in the queue of a real worker: filled evenly, stopped at once, gone on with."""

from __future__ import annotations

import pytest

from backend.runs.sweeps import Sweeps
from backend.schemas import RunRequest, SweepRequest
from tests.integration.home import Home


@pytest.fixture
def grid(small: RunRequest) -> SweepRequest:
    return SweepRequest(
        dataset=small.dataset,
        pairs=((small.image_encoder, small.text_encoder),),
        methods=("procrustes", "ridge-cca"),
        train_images=(20, None),
        seeds=2,
    )


def test_the_worker_fills_the_matrix_smallest_first(place: Home, grid: SweepRequest) -> None:
    sweeps = Sweeps(place.store)
    sweep_id = sweeps.launch(grid).id
    place.supervisor.start()
    place.wait(lambda: not sweeps.get_summary(sweep_id).live, "the sweep has ended")
    detail = sweeps.get_sweep(sweep_id)
    assert detail.summary.counts == {"finished": 4}, place.story()
    runs = [cell.run for cell in detail.cells if cell.run]
    ended = sorted(runs, key=lambda run: run.finished_at or run.created_at)
    assert [(run.train_images, run.method) for run in ended] == [
        *((20, "procrustes"), (20, "ridge-cca"), (None, "procrustes"), (None, "ridge-cca"))
    ]
    for run in runs:
        assert run.test is not None and run.test.across_seeds is not None
        assert len(run.test.across_seeds.seeds) == 2


def test_stopping_ends_all_at_once_and_going_on_finishes_all(
    place: Home, grid: SweepRequest, long: RunRequest
) -> None:
    sweeps = Sweeps(place.store)
    options = {"linear-infonce": {**long.options, "epochs": 3000}}
    slow = grid.model_copy(update={"methods": ("linear-infonce", "ridge-cca"), "options": options})
    sweep_id = sweeps.launch(slow).id
    place.supervisor.start()

    def running() -> str | None:
        found = [run.id for run in place.store.list_runs() if run.status == "running"]
        return found[0] if found and place.at(found[0], "Align") else None

    place.wait(running, "a run is training")
    sweeps.cancel(sweep_id)
    assert "queued" not in sweeps.get_summary(sweep_id).counts
    took = place.wait(lambda: not sweeps.get_summary(sweep_id).live, "all have stopped", 20.0)
    assert took < 5.0 and sweeps.get_summary(sweep_id).counts == {"cancelled": 4}
    for run in place.store.list_runs():
        if run.method == "linear-infonce":
            place.store.delete_run(run.id)
    assert sweeps.resume(sweep_id) == 2
    place.wait(lambda: not sweeps.get_summary(sweep_id).live, "the rest has ended")
    assert sweeps.get_summary(sweep_id).counts == {"finished": 2}, place.story()
