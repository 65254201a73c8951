"""What an executing run writes about itself: progress, metrics, results, its end.

Every write names the run's attempt and asks that the run be running; an attempt that was cancelled,
given up or taken over writes nothing any more and is told so by :class:`Cancelled`.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from backend.errors import Cancelled
from backend.runs.database import Database
from backend.runs.models import Artefact, Metric, Report, Run, now
from backend.schemas import RetrievalReport, Status

log = logging.getLogger(__name__)

#: rows in one INSERT; SQLite allows 32,766 bound values in a statement
BATCH = 5_000


class Journal:
    """The writing side of one attempt at one run."""

    def __init__(self, database: Database, run_id: str, attempt: int) -> None:
        self.database = database
        self.run_id = run_id
        self.attempt = attempt

    def begin(self) -> bool:
        """Marks the run as running.

        Returns:
            False where there is nothing to do: the run is gone, was cancelled while it waited, has
            ended, or a later attempt has taken over. True also for a run that a dead worker left
            running, which goes on.
        """
        with self.database.write() as session:
            run = session.get(Run, self.run_id)
            if run is None or run.attempt != self.attempt:
                return False
            if run.status == "queued":
                run.status = "running"
                run.started_at = run.started_at or now()
            return run.status == "running"

    def progress(
        self,
        stage: str,
        number: int,
        stages: int,
        done: int,
        total: int,
        unit: str,
        seconds_left: float | None,
    ) -> None:
        """Writes how far the run is.

        Raises:
            Cancelled: the person asked to stop, or this attempt is no longer the one that counts.
        """
        statement = (
            self._mine()
            .values(
                stage=stage,
                stage_number=number,
                stages=stages,
                done=done,
                total=total,
                unit=unit,
                seconds_left=seconds_left,
            )
            .returning(Run.cancel_requested_at)
        )
        try:
            with self.database.write() as session:
                row = session.execute(statement).one_or_none()
        except OperationalError as error:
            # a full disk or a long lock: the work itself is worth more than a number about it
            log.warning("progress of %s could not be written: %s", self.run_id, error.orig)
            return
        if row is None or row.cancel_requested_at is not None:
            raise Cancelled("Stopped. What was done is kept; Resume goes on from there.")

    def add_metrics(self, values: Sequence[tuple[int, str, float]]) -> bool:
        """Writes ``(step, name, value)`` rows, replacing earlier ones; values that are not finite
        are left out.

        Returns:
            False where the database could not be written; the values may be given again later.
        """
        latest = {
            (name, step): {"run_id": self.run_id, "name": name, "step": step, "value": value}
            for step, name, value in values
            if math.isfinite(value)
        }
        rows = list(latest.values())
        try:
            with self.database.write() as session:
                self._check(session)
                for start in range(0, len(rows), BATCH):
                    _upsert(session, rows[start : start + BATCH])
        except OperationalError as error:
            log.warning("metrics of %s could not be written: %s", self.run_id, error.orig)
            return False
        return True

    def set_report(self, report: RetrievalReport) -> None:
        """Keeps the retrieval report of one split."""
        with self.database.write() as session:
            self._check(session)
            session.merge(
                Report(
                    run_id=self.run_id, split=report.split, report=report.model_dump(mode="json")
                )
            )

    def set_artefact(self, name: str, path: str) -> None:
        """Remembers a file or folder of the run; ``path`` is relative to the home."""
        with self.database.write() as session:
            self._check(session)
            session.merge(Artefact(run_id=self.run_id, name=name, path=path))

    def add_configuration(self, values: Mapping[str, Any]) -> None:
        """Adds what was only known once the data and the encoders were read."""
        with self.database.write() as session:
            run = self._check(session)
            run.configuration = {**run.configuration, **values}

    def set_notes(self, notes: Iterable[str]) -> None:
        """Keeps what a reader of the numbers should know."""
        with self.database.write() as session:
            self._check(session).notes = list(notes)

    def finish(self, status: Status, error: str | None = None) -> bool:
        """Ends the attempt.

        Returns:
            False where it had ended already, or the run is gone.
        """
        statement = self._mine().values(
            status=status,
            error=error,
            finished_at=now(),
            cancel_requested_at=None,
            seconds_left=None,
            # in the same moment, so that a finished run is never without its map for good; that of
            # a sweep's cell is drawn when somebody looks at it
            map_state=sa.case((Run.sweep_id.is_(None), "queued")) if status == "finished" else None,
        )
        with self.database.write() as session:
            return session.execute(statement.returning(Run.id)).one_or_none() is not None

    def _mine(self) -> sa.Update:
        return sa.update(Run).where(
            Run.id == self.run_id, Run.attempt == self.attempt, Run.status == "running"
        )

    def _check(self, session: Session) -> Run:
        run = session.get(Run, self.run_id)
        if run is None or run.attempt != self.attempt or run.status != "running":
            raise Cancelled("This run was stopped.")
        return run


def _upsert(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    postgres = session.get_bind().dialect.name == "postgresql"
    statement: Any = (postgresql if postgres else sqlite).insert(Metric)
    replacing = statement.on_conflict_do_update(
        index_elements=["run_id", "name", "step"], set_={"value": statement.excluded.value}
    )
    session.execute(replacing, rows)
