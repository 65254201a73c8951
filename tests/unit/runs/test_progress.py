"""Time left and the thinning of reports, with a clock that is told what to say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import Cancelled
from backend.runs.journal import Journal
from backend.runs.progress import Pace, Reporter
from backend.runs.store import Store
from backend.schemas import RunRequest


def test_a_steady_rate_gives_the_exact_time_left() -> None:
    pace = Pace()
    for second in range(11):
        left = pace.seconds_left(5 * second, 200, float(second))
    assert left == pytest.approx((200 - 50) / 5)


def test_nothing_is_said_at_first_or_without_an_end() -> None:
    pace = Pace(settle=1.0)
    assert pace.seconds_left(0, 100, 0.0) is None
    assert pace.seconds_left(10, 100, 0.9) is None
    assert pace.seconds_left(11, 100, 1.1) is not None
    assert pace.seconds_left(12, 0, 2.0) is None


def test_work_done_before_a_resume_does_not_count_as_speed() -> None:
    pace = Pace()
    pace.seconds_left(900, 1000, 0.0)
    left = pace.seconds_left(910, 1000, 10.0)
    assert left == pytest.approx(90)


def test_a_slower_rate_is_believed_after_a_while() -> None:
    pace = Pace(memory=10.0)
    done = 0.0
    for second in range(120):
        done += 10 if second < 60 else 1
        left = pace.seconds_left(int(done), 10_000, float(second))
    assert left == pytest.approx(10_000 - done, rel=0.05)


def test_a_count_that_starts_over_is_a_new_stage() -> None:
    pace = Pace()
    for second in range(5):
        pace.seconds_left(100 * second, 1000, float(second))
    assert pace.seconds_left(0, 50, 5.0) is None
    assert pace.seconds_left(10, 50, 7.0) == pytest.approx(8)


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 5)), max_size=40))
def test_the_time_left_is_never_negative(steps: list[tuple[int, float]]) -> None:
    pace, done, moment = Pace(), 0, 0.0
    for more, seconds in steps:
        done, moment = done + more, moment + seconds
        left = pace.seconds_left(done, 500, moment)
        assert left is None or left >= 0


class Clock:
    def __init__(self) -> None:
        self.moment = 0.0

    def __call__(self) -> float:
        return self.moment


@pytest.fixture
def journal(store: Store, request_: RunRequest) -> Journal:
    journal = Journal(store.database, *store.create_run(request_, {}, {}))
    assert journal.begin()
    return journal


def test_reports_are_written_at_most_four_times_a_second(store: Store, journal: Journal) -> None:
    clock, heard = Clock(), []
    reporter = Reporter(journal, 3, lambda *count: heard.append(count[1]), clock)
    report = reporter.stage("Encode images", 2)
    for number in range(1, 101):
        clock.moment += 0.01
        report(number, 1000, "images")
    # the first, then one after each quarter of the second; a count in between is not written
    assert heard == pytest.approx([0, 25, 50, 75, 100], abs=2) and len(heard) <= 5
    progress = store.get_summary(journal.run_id).progress
    assert progress is not None
    assert (progress.stage, progress.step, progress.steps) == ("Encode images", 2, 3)
    assert (progress.done, progress.total, progress.unit) == (heard[-1], 1000, "images")


def test_the_last_count_is_always_written(store: Store, journal: Journal) -> None:
    report = Reporter(journal, 3, clock=Clock()).stage("Align", 1)
    report(7, 7, "steps")
    progress = store.get_summary(journal.run_id).progress
    assert progress is not None and progress.done == 7


def test_the_wish_to_stop_ends_the_work_at_the_next_report(store: Store, journal: Journal) -> None:
    clock = Clock()
    report = Reporter(journal, 3, clock=clock).stage("Align", 1)
    store.request_cancel(journal.run_id)
    clock.moment = 0.3
    with pytest.raises(Cancelled):
        report(1, 10, "steps")


def test_metrics_wait_for_a_report_and_are_then_all_there(store: Store, journal: Journal) -> None:
    clock = Clock()
    reporter = Reporter(journal, 1, clock=clock)
    report = reporter.stage("Align", 1)
    for step in range(1, 6):
        reporter.metrics(step, {"train/loss": 1 / step, "rate": 0.5})
    assert store.get_run(journal.run_id).series == ()
    clock.moment = 0.3
    report(5, 10, "steps")
    series = {curve.name: curve for curve in store.get_run(journal.run_id).series}
    assert series["train/loss"].steps == (1, 2, 3, 4, 5)
    assert series["train/loss"].values == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4, 1 / 5])
    assert series["rate"].values == (0.5,) * 5


@pytest.mark.parametrize("prefix", ["", "seed 3/"])
def test_what_comes_before_a_checkpoint_is_written_before_it(
    store: Store, journal: Journal, prefix: str
) -> None:
    reporter = Reporter(journal, 1, clock=Clock())
    reporter.stage("Align", 1)
    reporter.metrics(1, {f"{prefix}train/loss": 2.0})
    assert store.get_run(journal.run_id).series == ()
    reporter.metrics(2, {f"{prefix}val/mean_recall": 0.5})
    assert [c.name for c in store.get_run(journal.run_id).series] == [
        f"{prefix}train/loss",
        f"{prefix}val/mean_recall",
    ]
