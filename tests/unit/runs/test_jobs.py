"""The queue from outside, against DBOS' real database; no worker runs here."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from dbos import DBOSClient

from backend.errors import InvalidInput, NotAllowed
from backend.runs import jobs as jobs_module
from backend.runs.demonstration import ensure_demonstration
from backend.runs.jobs import Jobs, job_id, serializer
from backend.runs.journal import Journal
from backend.runs.locks import RunLock, WorkerLock
from backend.runs.store import Attempt, Store
from backend.schemas import RunRequest
from backend.settings import Settings


@pytest.fixture
def jobs(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    monkeypatch.setattr(jobs_module, "SETTLE", timedelta(0))
    opened = Jobs(settings, store)
    yield opened
    opened.close()


@pytest.fixture
def client(settings: Settings, jobs: Jobs) -> Iterator[DBOSClient]:
    jobs.live()  # makes the database
    opened = DBOSClient(system_database_url=settings.job_database_url, serializer=serializer())
    yield opened
    opened.destroy()


def test_launching_adds_a_row_and_a_job_with_its_effective_options(
    jobs: Jobs, store: Store, client: DBOSClient, request_: RunRequest
) -> None:
    summary = jobs.launch(request_)
    assert summary.status == "queued" and summary.queue_position == 1
    (job,) = client.list_workflows()
    assert job.workflow_id == f"{summary.id}-1" and job.status == "ENQUEUED"
    assert job.input is not None and list(job.input["args"]) == [summary.id, 1]
    detail = store.get_run(summary.id)
    assert detail.configuration["options"]["epochs"] >= 1
    assert {"python", "torch", "numpy"} <= set(detail.versions)


def test_bad_options_leave_no_run_behind(
    jobs: Jobs, store: Store, client: DBOSClient, request_: RunRequest
) -> None:
    bad = request_.model_copy(update={"options": {"epochs": -1, "nonsense": 1}})
    with pytest.raises(InvalidInput) as caught:
        jobs.launch(bad)
    assert {fault.where for fault in caught.value.faults} == {"epochs", "nonsense"}
    assert store.list_runs() == [] and client.list_workflows() == []


def test_jobs_are_stored_as_json(jobs: Jobs, client: DBOSClient, request_: RunRequest) -> None:
    jobs.launch(request_)
    with closing(sqlite3.connect(jobs.settings.data_dir / "jobs.db")) as connection:
        dump = "\n".join(connection.iterdump())
    assert "positionalArgs" in dump
    assert "py_pickle" not in dump and "gASV" not in dump  # the first letters of any pickle


def test_the_queue_is_first_come_first_served(
    jobs: Jobs, client: DBOSClient, request_: RunRequest
) -> None:
    ids = [jobs.launch(request_).id for _ in range(4)]
    jobs.cancel(ids[1])
    jobs.resume(ids[1])
    waiting = sorted(client.list_workflows(status="ENQUEUED"), key=lambda job: job.priority or 0)
    assert [job.workflow_id for job in waiting] == [
        *(f"{ids[0]}-1", f"{ids[2]}-1", f"{ids[3]}-1", f"{ids[1]}-2")
    ]


def test_cancelling_a_queued_run_takes_its_job_out(
    jobs: Jobs, store: Store, request_: RunRequest
) -> None:
    run_id = jobs.launch(request_).id
    jobs.cancel(run_id)
    assert store.get_summary(run_id).status == "cancelled" and jobs.live() == set()
    with pytest.raises(NotAllowed):
        jobs.cancel(run_id)
    jobs.resume(run_id)
    assert store.get_summary(run_id).status == "queued" and jobs.live() == {f"{run_id}-2"}


def test_cancelling_waits_for_whoever_works_and_for_nobody_else(
    jobs: Jobs, store: Store, settings: Settings, request_: RunRequest
) -> None:
    run_id = jobs.launch(request_).id
    assert Journal(store.database, run_id, 1).begin()
    with RunLock(settings, run_id):
        jobs.cancel(run_id)
        assert store.get_summary(run_id).status == "running"
    jobs.cancel(run_id)
    assert store.get_summary(run_id).status == "cancelled" and jobs.live() == set()


def test_deleting_takes_the_jobs_along(
    jobs: Jobs, store: Store, client: DBOSClient, request_: RunRequest
) -> None:
    run_id, other = jobs.launch(request_).id, jobs.launch(request_).id
    with pytest.raises(NotAllowed):
        jobs.delete(run_id)
    jobs.cancel(run_id)
    jobs.resume(run_id)
    jobs.cancel(run_id)
    jobs.delete(run_id)
    assert [job.workflow_id for job in client.list_workflows()] == [f"{other}-1"]
    assert [run.id for run in store.list_runs()] == [other]


def test_a_row_without_a_job_is_interrupted_and_can_be_resumed(
    jobs: Jobs, store: Store, request_: RunRequest
) -> None:
    """The app died between the row and the job, or the job was given up after too many crashes."""
    attempt = store.create_run(request_, {}, {})
    kept = jobs.launch(request_).id
    assert jobs.reconcile() == [attempt.run_id]
    summary = store.get_summary(attempt.run_id)
    assert summary.status == "interrupted" and "Resume" in (summary.error or "")
    assert store.get_summary(kept).status == "queued"
    jobs.resume(attempt.run_id)
    assert job_id(Attempt(attempt.run_id, 2)) in jobs.live()
    assert jobs.reconcile() == []


def test_a_run_that_a_terminal_carries_out_is_left_alone_until_it_dies(
    jobs: Jobs, store: Store, settings: Settings, request_: RunRequest
) -> None:
    run_id = store.new_run_id()
    with RunLock(settings, run_id):
        attempt = store.create_run(request_, {}, {}, run_id=run_id)
        assert Journal(store.database, *attempt).begin()
        assert jobs.reconcile() == []
    assert jobs.reconcile() == [run_id]


def test_a_new_attempt_is_given_time_to_get_its_job(
    jobs: Jobs, store: Store, request_: RunRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "SETTLE", timedelta(seconds=60))
    attempt = store.create_run(request_, {}, {})
    assert jobs.reconcile() == []
    assert store.get_summary(attempt.run_id).status == "queued"


def test_a_promised_map_gets_its_job_once(
    jobs: Jobs, store: Store, client: DBOSClient, request_: RunRequest
) -> None:
    attempt = store.create_run(request_, {}, {})
    journal = Journal(store.database, *attempt)
    assert journal.begin() and journal.finish("finished")
    jobs.reconcile()
    job = f"{attempt.run_id}-1-map"
    assert jobs.live() == {job} and store.map_state(attempt.run_id) == "queued"
    jobs.reconcile()
    assert len(client.list_workflows()) == 1
    client.cancel_workflow(job)  # as if it had been given up
    jobs.reconcile()
    assert store.map_state(attempt.run_id) == "failed" and jobs.live() == set()


def test_without_a_worker_the_next_step_is_said(jobs: Jobs, settings: Settings) -> None:
    state = jobs.worker()
    assert not state.alive and "python -m backend worker" in state.message
    lock = WorkerLock(settings)
    assert lock.take()
    # the lock alone, without a word from the process, is not enough either
    assert not jobs.worker().alive
    lock.let_go()


def test_the_demonstration_is_made_once_a_home(
    jobs: Jobs, store: Store, settings: Settings
) -> None:
    run_id = ensure_demonstration(settings, store, jobs)
    assert run_id is not None
    (summary,) = store.list_runs()
    assert summary.demonstration and summary.dataset == "scenes-small"
    assert ensure_demonstration(settings, store, jobs) is None
    jobs.cancel(run_id)
    jobs.delete(run_id)
    assert ensure_demonstration(settings, store, jobs) is None and store.list_runs() == []


@pytest.mark.parametrize("change", [{"demo": False}, {"mode": "readonly"}])
def test_no_demonstration_where_none_is_wanted(
    jobs: Jobs, store: Store, settings: Settings, change: dict[str, object]
) -> None:
    assert ensure_demonstration(settings.model_copy(update=change), store, jobs) is None
    assert store.list_runs() == []
