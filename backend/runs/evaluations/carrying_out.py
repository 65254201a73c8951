"""One attempt at an evaluation, for a worker's job or a command in a terminal."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

from backend.errors import Cancelled, IsthmusError
from backend.reporting import Report
from backend.runs.evaluations.kinds import Work, kind_of
from backend.runs.evaluations.rows import Evaluations
from backend.runs.execution import Outcome, unforeseen
from backend.runs.progress import INTERVAL, Pace
from backend.runs.store import Attempt, Store
from backend.schemas import Evaluation
from backend.settings import Settings

log = logging.getLogger(__name__)

Listener = Callable[[str, int, int, str], None]


def carry_evaluation_out(
    settings: Settings,
    store: Store,
    attempt: Attempt,
    log_path: Path,
    listener: Listener | None = None,
) -> Outcome:
    """Measures, and keeps what came out. Done again after a crash it finds what was encoded.

    Args:
        settings: where everything lies.
        store: of the runs; evaluations lie in the same database.
        attempt: which one.
        log_path: named in the sentence for an unforeseen failure.
        listener: also told every count, as ``(stage, done, total, unit)``.
    """
    rows = Evaluations(store.database)
    name = f"{attempt.run_id}-{attempt.number}"
    if not rows.begin(attempt):
        return "nothing to do"
    log.info("%s: evaluation: begins", name)
    try:
        row = rows.get(attempt.run_id)
        work = Work(settings, store, row.run, _stages(rows, attempt, listener), row.id)
        result = kind_of(row.kind).measure(work, row.request)
        done = rows.finish(attempt, "finished", result=result)
    except Cancelled:
        rows.finish(attempt, "cancelled")
        return "stopped"
    except KeyboardInterrupt:
        rows.finish(attempt, "cancelled")
        raise
    except IsthmusError as error:
        log.warning("%s: evaluation: failed: %s", name, error)
        rows.finish(attempt, "failed", str(error))
        return "failed"
    except Exception as error:
        log.exception("%s: evaluation: failed", name)
        rows.finish(attempt, "failed", unforeseen(error, log_path))
        return "failed"
    log.info("%s: evaluation: %s", name, "done" if done else "stopped")
    return "done" if done else "stopped"


def _stages(
    rows: Evaluations, attempt: Attempt, listener: Listener | None
) -> Callable[[str], Report]:
    """Reports become rows a few times a second; the wish to stop becomes Cancelled."""

    def stage(name: str) -> Report:
        pace, written = Pace(), -math.inf

        def report(done: int, total: int, unit: str) -> None:
            nonlocal written
            moment = time.monotonic()
            if moment - written < INTERVAL and not done >= total > 0:
                return
            written = moment
            told = {"stage": name, "done": done, "total": total, "unit": unit}
            told["seconds_left"] = pace.seconds_left(done, total, moment)
            rows.progress(attempt, told)
            if listener is not None:
                listener(name, done, total, unit)

        report(0, 0, "")
        return report

    return stage


def evaluate_here(
    settings: Settings, store: Store, attempt: Attempt, listener: Listener | None = None
) -> Evaluation:
    """Carries one out in this process, for a command in a terminal; it is then in the app, too."""
    from backend.runs.locks import RunLock
    from backend.runs.logs import also_to, log_file
    from backend.runs.pipeline import share_cores

    share_cores()
    path = log_file(settings, "terminal")
    with also_to(path), RunLock(settings, attempt.run_id):
        carry_evaluation_out(
            settings, store, attempt, path.relative_to(settings.data_dir.parent), listener
        )
    return Evaluations(store.database).get(attempt.run_id)
