"""Carrying a sweep out in this process, for a command in a terminal.

Its runs stand in the database from the beginning and wait (:data:`backend.runs.sweeps.WAITS`), so
that the app shows the whole grid, can take over with Resume, and can stop it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from backend.errors import NotAllowed
from backend.runs.execution import carry_out
from backend.runs.journal import Journal
from backend.runs.locks import RunLock
from backend.runs.logs import also_to, log_file
from backend.runs.pipeline import Pipeline, share_cores
from backend.runs.sweeps import Sweeps
from backend.schemas import RunSummary


class Watcher(Protocol):
    """Who is told how far a sweep is."""

    def begin(self, run: RunSummary) -> None:
        """A run begins."""
        ...

    def __call__(self, step: str, done: int, total: int, unit: str) -> None:
        """A count within it."""
        ...

    def end(self, run: RunSummary) -> None:
        """It has ended, however it did."""
        ...


def carry_sweep_out(sweeps: Sweeps, sweep_id: str, watcher: Callable[[int], Watcher]) -> None:
    """Carries out every run of a sweep that is not finished, one after the other.

    Runs that fail are passed over; so are those that the app has stopped or taken over meanwhile. An
    interruption (Ctrl-C) stops the run that is going on; it and the rest can be resumed.

    Args:
        sweeps: of the place.
        sweep_id: whose runs.
        watcher: made with the number of runs to come.
    """
    share_cores()
    runs = sweeps.take(sweep_id)
    watching = watcher(len(runs))
    for run_id in runs:
        if sweeps.waits(run_id):
            watching.begin(sweeps.store.get_summary(run_id))
            _carry_run_out(sweeps, run_id, watching)
            watching.end(sweeps.store.get_summary(run_id))


def _carry_run_out(sweeps: Sweeps, run_id: str, watcher: Watcher) -> None:
    settings, store = sweeps.settings, sweeps.store
    path = log_file(settings, "terminal")
    try:
        # held before the run counts as queued: a queued run that nobody holds has to have a job
        with also_to(path), RunLock(settings, run_id):
            journal = Journal(store.database, *store.new_attempt(run_id))
            work = Pipeline(settings, store, journal, listener=watcher)
            carry_out(work, journal, path.relative_to(settings.data_dir.parent))
    except NotAllowed:  # somebody else has taken it up in this moment
        return
