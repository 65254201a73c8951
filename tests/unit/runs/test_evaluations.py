"""The table of evaluations, and its jobs, against real databases; no worker runs here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from backend.errors import Cancelled, NotAllowed, NotFound
from backend.runs import jobs as jobs_module
from backend.runs.evaluations.rows import Evaluations
from backend.runs.jobs import Jobs
from backend.runs.locks import RunLock
from backend.runs.models import Run
from backend.runs.store import Attempt, Store
from backend.schemas import Frozen, RunRequest
from backend.settings import Settings


class Asked(Frozen):
    """A request of no kind in particular: the table does not look into it."""

    words: str = "a photo of a {}."


class Found(Frozen):
    """A result."""

    share: float = 0.5


@pytest.fixture
def jobs(settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    monkeypatch.setattr(jobs_module, "SETTLE", timedelta(0))
    opened = Jobs(settings, store)
    yield opened
    opened.close()


@pytest.fixture
def rows(store: Store) -> Evaluations:
    return Evaluations(store.database)


@pytest.fixture
def run_id(store: Store, request_: RunRequest) -> str:
    return store.create_run(request_, {}, {}).run_id


def test_one_goes_from_the_queue_to_its_result(rows: Evaluations, run_id: str) -> None:
    attempt = rows.create("zero-shot", Asked(), run_id)
    assert rows.get(attempt.run_id).status == "queued" and rows.live()
    assert rows.begin(attempt)
    rows.progress(attempt, {"stage": "Encode images", "done": 3, "total": 9, "unit": "images"})
    (shown,) = rows.summaries(run_id)
    assert shown.progress is not None and (shown.progress.done, shown.progress.total) == (3, 9)
    assert rows.newest(run_id, "zero-shot") is None
    assert rows.finish(attempt, "finished", result=Found())
    found = rows.get(attempt.run_id)
    assert (found.status, found.result, found.progress) == ("finished", {"share": 0.5}, None)
    assert found.request == {"words": "a photo of a {}."} and found.finished_at is not None
    newest = rows.newest(run_id, "zero-shot")
    assert newest is not None and newest.id == found.id
    assert rows.newest(run_id, "gap") is None and not rows.live()


def test_lists_are_of_a_run_or_a_kind_newest_first(
    rows: Evaluations, store: Store, request_: RunRequest, run_id: str
) -> None:
    other = store.create_run(request_, {}, {}).run_id
    made = [
        rows.create("zero-shot", Asked(), run_id).run_id,
        rows.create("gap", Asked(), run_id).run_id,
        rows.create("zero-shot", Asked(), other).run_id,
        rows.create("assessment", Asked(), None).run_id,
    ]
    assert [each.id for each in rows.summaries()] == made[::-1]
    assert [each.id for each in rows.summaries(run_id)] == [made[1], made[0]]
    assert [each.id for each in rows.summaries(kind="zero-shot")] == [made[2], made[0]]
    names = {each.id: each.run_name for each in rows.summaries()}
    assert names[made[3]] == "" and names[made[0]] == store.get_summary(run_id).name


def test_made_again_by_the_runs_own_step_one_takes_the_place_of_the_last(
    rows: Evaluations, run_id: str
) -> None:
    rows.keep(run_id, "similarity", Asked(), Found(share=0.1))
    rows.keep(run_id, "similarity", Asked(), Found(share=0.2))
    (shown,) = rows.summaries(run_id)
    assert shown.with_run and shown.status == "finished"
    assert rows.get(shown.id).result == {"share": 0.2}


def test_deleting_a_run_takes_its_evaluations_along(
    rows: Evaluations, store: Store, run_id: str
) -> None:
    rows.keep(run_id, "gap", Asked(), Found())
    own = rows.create("assessment", Asked(), None).run_id
    with store.database.write() as session:
        session.delete(session.get(Run, run_id))
    assert [each.id for each in rows.summaries()] == [own]


def test_whoever_wishes_it_to_stop_is_heard_at_the_next_report(
    rows: Evaluations, run_id: str
) -> None:
    attempt = rows.create("zero-shot", Asked(), run_id)
    rows.begin(attempt)
    assert rows.request_cancel(attempt.run_id) == "running"
    with pytest.raises(Cancelled):
        rows.progress(attempt, {"stage": "Encode images"})
    assert rows.finish(attempt, "cancelled")
    with pytest.raises(NotAllowed):
        rows.request_cancel(attempt.run_id)


def test_an_attempt_that_was_taken_over_writes_nothing_any_more(
    rows: Evaluations, run_id: str
) -> None:
    old = rows.create("zero-shot", Asked(), run_id)
    rows.begin(old)
    assert rows.interrupt(old, "gone")
    new = rows.new_attempt(old.run_id)
    assert new == Attempt(old.run_id, 2) and rows.begin(new)
    with pytest.raises(Cancelled):
        rows.progress(old, {"stage": "Encode images"})
    assert not rows.finish(old, "finished", result=Found()) and not rows.begin(old)
    assert rows.get(old.run_id).result is None and rows.finish(new, "finished", result=Found())
    with pytest.raises(NotAllowed):
        rows.new_attempt(old.run_id)


def test_what_goes_on_is_not_deleted_and_what_is_gone_is_not_found(
    rows: Evaluations, run_id: str
) -> None:
    attempt = rows.create("gap", Asked(), run_id)
    with pytest.raises(NotAllowed):
        rows.delete(attempt.run_id)
    rows.request_cancel(attempt.run_id)
    rows.delete(attempt.run_id)
    for ask in (rows.get, rows.delete, rows.attempt, rows.new_attempt, rows.request_cancel):
        with pytest.raises(NotFound):
            ask(attempt.run_id)
    assert not rows.begin(attempt)


def test_the_state_changes_with_whatever_changes(rows: Evaluations, run_id: str) -> None:
    seen = [rows.state()]
    attempt = rows.create("gap", Asked(), run_id)
    seen.append(rows.state())
    rows.begin(attempt)
    seen.append(rows.state())
    rows.progress(attempt, {"stage": "Encode images", "done": 1})
    seen.append(rows.state())
    rows.finish(attempt, "failed", "no room")
    seen.append(rows.state())
    rows.new_attempt(attempt.run_id)
    seen.append(rows.state())
    assert len(set(seen)) == len(seen)


def test_an_evaluation_goes_before_the_runs_that_wait(jobs: Jobs, request_: RunRequest) -> None:
    runs = [jobs.launch(request_).id for _ in range(3)]
    evaluation = jobs.launch_evaluation("gap", Asked(), runs[0])
    waiting = jobs._client.list_workflows(status="ENQUEUED")
    order = sorted(waiting, key=lambda job: (job.priority or 0, job.created_at or 0))
    names = [job.workflow_id for job in order]
    assert names.index(f"{evaluation}-1") <= 1  # of the very first run it is no later than that
    assert names[2:] == [f"{runs[1]}-1", f"{runs[2]}-1"]


def test_stopping_one_that_waits_takes_its_job_out(jobs: Jobs, run_id: str) -> None:
    evaluation = jobs.launch_evaluation("gap", Asked(), run_id)
    assert f"{evaluation}-1" in jobs.live()
    jobs.cancel_evaluation(evaluation)
    assert jobs.evaluations.get(evaluation).status == "cancelled"
    assert f"{evaluation}-1" not in jobs.live()
    jobs.resume_evaluation(evaluation)
    assert f"{evaluation}-2" in jobs.live()
    jobs.cancel_evaluation(evaluation)
    jobs.delete_evaluation(evaluation)
    assert jobs.evaluations.summaries() == []
    assert jobs._client.list_workflows(workflow_id_prefix=f"{evaluation}-") == []


def test_one_that_nobody_carries_out_is_interrupted(jobs: Jobs, run_id: str) -> None:
    orphan = jobs.evaluations.create("gap", Asked(), run_id)
    held = jobs.evaluations.create("gap", Asked(), run_id)
    with RunLock(jobs.settings, held.run_id):
        found = jobs.reconcile()
    assert orphan.run_id in found and held.run_id not in found
    after = jobs.evaluations.get(orphan.run_id)
    assert after.status == "interrupted" and after.error and "Resume" in after.error
