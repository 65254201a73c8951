"""How steps are carried out, and how what happens in them ends up in the run's row."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.errors import Cancelled, StorageError
from backend.reporting import Report
from backend.runs.execution import Outcome, Step, carry_out
from backend.runs.journal import Journal
from backend.runs.progress import Reporter
from backend.runs.store import Store
from backend.schemas import RunRequest

LOG = Path("data/logs/worker.log")


class Recorder:
    """Three steps that write down that they were done; one of them may do something else."""

    def __init__(self, journal: Journal, second: Callable[[Report], None] | None = None) -> None:
        self.reporter = Reporter(journal, 3)
        self.done: list[str] = []
        self.steps = (
            Step("one", lambda report: self.done.append("one")),
            Step("two", second or (lambda report: self.done.append("two"))),
            Step("three", lambda report: self.done.append("three")),
        )

    def conclude(self) -> None:
        self.done.append("conclusion")


@pytest.fixture
def journal(store: Store, request_: RunRequest) -> Journal:
    return Journal(store.database, *store.create_run(request_, {}, {}))


def raising(error: BaseException) -> Callable[[Report], None]:
    def step(report: Report) -> None:
        raise error

    return step


def test_all_steps_in_order_then_finished(store: Store, journal: Journal) -> None:
    work = Recorder(journal)
    assert carry_out(work, journal, LOG) == "done"
    assert work.done == ["one", "two", "three", "conclusion"]
    assert store.get_summary(journal.run_id).status == "finished"
    assert carry_out(work, journal, LOG) == "nothing to do"


def test_steps_whose_outcome_is_known_are_not_done_again(store: Store, journal: Journal) -> None:
    """What DBOS does after a crash: the outcomes of finished steps are replayed."""
    known: dict[str, Outcome] = {"one": "done", "two": "done"}
    work = Recorder(journal)
    outcome = carry_out(
        work, journal, LOG, lambda name, step: known[name] if name in known else step()
    )
    assert outcome == "done" and work.done == ["three", "conclusion"]
    assert store.get_summary(journal.run_id).status == "finished"


def test_an_error_for_people_is_shown_in_its_own_words(store: Store, journal: Journal) -> None:
    work = Recorder(journal, raising(StorageError("The disk is full. Free 2 GB, then Resume.")))
    assert carry_out(work, journal, LOG) == "failed"
    summary = store.get_summary(journal.run_id)
    assert summary.status == "failed" and work.done == ["one"]
    assert summary.error == "The disk is full. Free 2 GB, then Resume."


def test_an_unforeseen_error_is_a_sentence_and_its_traceback_is_in_the_log_alone(
    store: Store, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    work = Recorder(journal, raising(ValueError("shapes differ.\nsecond line")))
    assert carry_out(work, journal, LOG) == "failed"
    error = store.get_summary(journal.run_id).error
    assert error == (
        "Something unexpected went wrong: ValueError: shapes differ. "
        "The log is at data/logs/worker.log."
    )
    assert "Traceback" in caplog.text and "second line" in caplog.text


def test_stopping_in_the_middle_keeps_what_was_done(store: Store, journal: Journal) -> None:
    def stop(report: Report) -> None:
        work.reporter.metrics(1, {"loss": 2.0})
        raise Cancelled("stop")

    work = Recorder(journal, stop)
    assert carry_out(work, journal, LOG) == "stopped"
    detail = store.get_run(journal.run_id)
    assert detail.summary.status == "cancelled" and detail.summary.resumable
    assert detail.series[0].values == (2.0,)


def test_control_c_in_a_terminal_cancels_and_passes_on(store: Store, journal: Journal) -> None:
    with pytest.raises(KeyboardInterrupt):
        carry_out(Recorder(journal, raising(KeyboardInterrupt())), journal, LOG)
    assert store.get_summary(journal.run_id).status == "cancelled"


def test_the_wish_to_stop_between_two_steps_is_met(store: Store, journal: Journal) -> None:
    work = Recorder(journal, lambda report: store.request_cancel(journal.run_id) and None)
    assert carry_out(work, journal, LOG) == "stopped"
    assert work.done == ["one"]
    assert store.get_summary(journal.run_id).status == "cancelled"
