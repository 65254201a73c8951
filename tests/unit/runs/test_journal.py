"""What an executing run may write, and what a superseded attempt may not."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable

import pytest

from backend.errors import Cancelled
from backend.runs.journal import Journal
from backend.runs.store import Store
from backend.schemas import RetrievalReport, RunRequest

Begin = Callable[[], Journal]


@pytest.fixture
def journal(store: Store, request_: RunRequest) -> Journal:
    journal = Journal(store.database, *store.create_run(request_, {"a": 1}, {}))
    assert journal.begin()
    return journal


def tell(journal: Journal, done: int) -> None:
    journal.progress("Align", 4, 6, done, 100, "steps", 12.5)


def test_begin_marks_the_run_as_running_once_started(store: Store, request_: RunRequest) -> None:
    attempt = store.create_run(request_, {}, {})
    assert store.get_summary(attempt.run_id).status == "queued"
    assert Journal(store.database, *attempt).begin()
    assert store.get_summary(attempt.run_id).status == "running"
    # a worker that was killed comes back to a run that says it is running
    assert Journal(store.database, *attempt).begin()


def test_begin_refuses_what_was_cancelled_finished_deleted_or_overtaken(
    store: Store, request_: RunRequest
) -> None:
    cancelled = store.create_run(request_, {}, {})
    store.request_cancel(cancelled.run_id)
    assert not Journal(store.database, *cancelled).begin()

    resumed = store.new_attempt(cancelled.run_id)
    assert not Journal(store.database, *cancelled).begin()
    again = Journal(store.database, *resumed)
    assert again.begin() and again.finish("finished") and not again.begin()

    store.delete_run(cancelled.run_id)
    assert not again.begin()


def test_a_resumed_run_is_closed_to_its_first_attempt(
    store: Store, journal: Journal, report: RetrievalReport
) -> None:
    journal.finish("cancelled")
    second = Journal(store.database, *store.new_attempt(journal.run_id))
    assert second.begin()
    for write in (
        lambda: tell(journal, 5),
        lambda: journal.set_report(report),
        lambda: journal.set_artefact("heads", "data/x"),
        lambda: journal.add_metrics([(1, "loss", 1.0)]),
        lambda: journal.set_notes(["late"]),
    ):
        with pytest.raises(Cancelled):
            write()
    assert not journal.finish("failed", "too late")
    detail = store.get_run(journal.run_id)
    assert detail.summary.status == "running" and detail.summary.error is None
    assert not detail.retrieval and not detail.artefacts and not detail.series and not detail.notes


def test_results_come_back_as_they_were(
    store: Store, journal: Journal, report: RetrievalReport
) -> None:
    journal.set_report(report)
    journal.set_artefact("heads", f"data/runs/{journal.run_id}/heads")
    journal.set_notes(["Trained on 5 of 10 training images."])
    journal.add_configuration({"b": [2]})
    assert journal.finish("finished")
    detail = store.get_run(journal.run_id)
    assert detail.retrieval == {"test": report} and detail.summary.test == report
    assert detail.configuration == {"a": 1, "b": [2]}
    assert detail.notes == ("Trained on 5 of 10 training images.",)
    heads = store.settings.runs_dir / journal.run_id / "heads"
    assert detail.artefacts == {"heads": str(heads)}
    assert detail.summary.finished_at is not None
    assert store.map_state(journal.run_id) == "queued"


def test_metrics_written_again_replace_the_earlier_ones(store: Store, journal: Journal) -> None:
    journal.add_metrics([(1, "loss", 3.0), (2, "loss", 2.0)])
    journal.add_metrics([(2, "loss", 1.5), (3, "loss", 1.0), (3, "loss", 0.5)])
    (curve,) = store.get_run(journal.run_id).series
    assert curve.steps == (1, 2, 3) and curve.values == (3.0, 1.5, 0.5)


def test_values_that_are_no_numbers_are_left_out(store: Store, journal: Journal) -> None:
    journal.add_metrics([(1, "loss", math.nan), (2, "loss", math.inf), (3, "loss", 1.0)])
    (curve,) = store.get_run(journal.run_id).series
    assert curve.steps == (3,)


def test_a_locked_database_costs_a_number_and_not_the_work(
    store: Store, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds the write lock longer than we are willing to wait."""
    store.database.engine.dispose()
    path = store.settings.data_dir / "isthmus.db"
    holder = sqlite3.connect(path, isolation_level=None)
    monkeypatch.setattr("backend.runs.database.BUSY_SECONDS", 0)
    holder.execute("BEGIN IMMEDIATE")
    try:
        tell(journal, 5)
        assert not journal.add_metrics([(1, "loss", 1.0)])
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert journal.add_metrics([(1, "loss", 1.0)])
    tell(journal, 6)
    progress = store.get_summary(journal.run_id).progress
    assert progress is not None and progress.done == 6


def test_an_ended_run_shows_no_progress(store: Store, journal: Journal) -> None:
    tell(journal, 5)
    progress = store.get_summary(journal.run_id).progress
    assert progress is not None and progress.seconds_left == 12.5
    journal.finish("failed", "The disk is full.")
    summary = store.get_summary(journal.run_id)
    assert summary.progress is None and summary.error == "The disk is full."
