"""The table of evaluations. Every write of an attempt names it, so that one that was stopped or taken
over writes nothing any more."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import undefer

from backend.errors import Cancelled, NotAllowed, NotFound
from backend.runs import views
from backend.runs.database import Database
from backend.runs.models import Evaluation as Row
from backend.runs.models import Run, now
from backend.runs.store import ID_LETTERS, Attempt
from backend.schemas import (
    LIVE,
    RESUMABLE,
    Evaluation,
    EvaluationKind,
    EvaluationSummary,
    Frozen,
    Status,
)

log = logging.getLogger(__name__)

#: letters of a stage's name that the table holds
_LONGEST_STAGE = 64


class Evaluations:
    """Queries and changes.

    Args:
        database: an open one.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    # --- asking ---------------------------------------------------------------------------------

    def summaries(
        self, run_id: str | None = None, kind: EvaluationKind | None = None
    ) -> list[EvaluationSummary]:
        """All, or those of a run or a kind; newest first, without results."""
        wanted = sa.select(Row, Run.name).outerjoin(Run, Row.run_id == Run.id)
        if run_id is not None:
            wanted = wanted.where(Row.run_id == run_id)
        if kind is not None:
            wanted = wanted.where(Row.kind == kind)
        with self.database.read() as session:
            rows = session.execute(wanted.order_by(Row.created_at.desc(), Row.id))
            return [EvaluationSummary(**_told(row, name)) for row, name in rows]

    def get(self, evaluation_id: str) -> Evaluation:
        """One with its result.

        Raises:
            NotFound: there is no such evaluation.
        """
        wanted = (
            sa.select(Row, Run.name)
            .outerjoin(Run, Row.run_id == Run.id)
            .where(Row.id == evaluation_id)
            .options(undefer(Row.result))
        )
        with self.database.read() as session:
            found = session.execute(wanted).one_or_none()
            if found is None:
                raise NotFound(f"There is no evaluation {evaluation_id}.")
            return Evaluation(**_told(*found), result=found[0].result)

    def newest(self, run_id: str, kind: EvaluationKind) -> Evaluation | None:
        """The last finished one of a kind."""
        wanted = (
            sa.select(Row.id)
            .where(Row.run_id == run_id, Row.kind == kind, Row.status == "finished")
            .order_by(Row.created_at.desc(), Row.id)
        )
        with self.database.read() as session:
            found = session.scalars(wanted).first()
        return None if found is None else self.get(found)

    def finished(self, kind: EvaluationKind) -> list[Evaluation]:
        """All finished ones of a kind with their results, newest first."""
        wanted = (
            sa.select(Row, Run.name)
            .outerjoin(Run, Row.run_id == Run.id)
            .where(Row.kind == kind, Row.status == "finished")
            .order_by(Row.created_at.desc(), Row.id)
            .options(undefer(Row.result))
        )
        with self.database.read() as session:
            rows = session.execute(wanted)
            return [Evaluation(**_told(row, name), result=row.result) for row, name in rows]

    def state(self) -> str:
        """A text that differs whenever anything about any evaluation does; small and quick."""
        wanted = sa.select(
            Row.id, Row.status, Row.attempt, Row.stage, Row.done, Row.cancel_requested_at
        ).order_by(Row.created_at)
        with self.database.read() as session:
            return "\n".join(str(tuple(row)) for row in session.execute(wanted))

    def live(self) -> int:
        """To how many something is still going to happen."""
        with self.database.read() as session:
            return session.scalar(sa.select(sa.func.count()).where(Row.status.in_(LIVE))) or 0

    def attempt(self, evaluation_id: str) -> Attempt:
        """The attempt that counts.

        Raises:
            NotFound: there is no such evaluation.
        """
        with self.database.read() as session:
            return Attempt(evaluation_id, self._row(session, evaluation_id).attempt)

    def live_attempts(self, older_than: timedelta) -> list[Attempt]:
        """The attempts of all that are queued or running, and were begun some time ago."""
        wanted = sa.select(Row.id, Row.attempt).where(
            Row.status.in_(LIVE), Row.queued_at < now() - older_than
        )
        with self.database.read() as session:
            return [Attempt(name, number) for name, number in session.execute(wanted)]

    # --- changing -------------------------------------------------------------------------------

    def create(self, kind: EvaluationKind, request: Frozen, run_id: str | None) -> Attempt:
        """Adds a row, queued; whoever calls sees to it that it is carried out."""
        with self.database.write() as session:
            row = Row(
                id="e-" + "".join(secrets.choice(ID_LETTERS) for _ in range(8)),
                run_id=run_id,
                kind=kind,
                status="queued",
                request=request.model_dump(mode="json"),
            )
            session.add(row)
            return Attempt(row.id, row.attempt)

    def keep(self, run_id: str, kind: EvaluationKind, request: Frozen, result: Frozen) -> None:
        """Keeps one that a run's own step made; made again, it replaces the one before."""
        with self.database.write() as session:
            session.merge(
                Row(
                    id=f"{run_id}-{kind}",
                    run_id=run_id,
                    kind=kind,
                    status="finished",
                    request=request.model_dump(mode="json"),
                    result=result.model_dump(mode="json"),
                    with_run=True,
                    finished_at=now(),
                )
            )

    def request_cancel(self, evaluation_id: str) -> Status:
        """Notes the wish to stop; one that waits ends at once.

        Raises:
            NotFound: there is no such evaluation.
            NotAllowed: it has ended already.
        """
        with self.database.write() as session:
            row = self._row(session, evaluation_id)
            if row.status not in LIVE:
                raise NotAllowed(f"This evaluation is {row.status}; there is nothing to stop.")
            if row.status == "queued":
                row.status, row.finished_at = "cancelled", now()
            else:
                row.cancel_requested_at = row.cancel_requested_at or now()
            return row.status  # type: ignore[return-value]

    def new_attempt(self, evaluation_id: str) -> Attempt:
        """Puts one that had stopped back into the queue.

        Raises:
            NotFound: there is no such evaluation.
            NotAllowed: it is live or finished.
        """
        with self.database.write() as session:
            row = self._row(session, evaluation_id)
            if row.status not in RESUMABLE:
                raise NotAllowed(f"This evaluation is {row.status}; it cannot be resumed.")
            row.attempt += 1
            row.status, row.queued_at = "queued", now()
            row.error = row.finished_at = row.cancel_requested_at = row.seconds_left = None
            return Attempt(evaluation_id, row.attempt)

    def delete(self, evaluation_id: str) -> None:
        """Removes one; what was encoded for it stays in the feature store.

        Raises:
            NotFound: there is no such evaluation.
            NotAllowed: it is still going on.
        """
        with self.database.write() as session:
            row = self._row(session, evaluation_id)
            if row.status in LIVE:
                raise NotAllowed("This evaluation is going on. Stop it first, then delete it.")
            session.delete(row)

    def interrupt(self, attempt: Attempt, reason: str) -> bool:
        """Marks an attempt that nobody carries out any more; False where it is not live."""
        return self._end(attempt, LIVE, status="interrupted", error=reason)

    def give_up_cancelled(self, patience: timedelta, evaluation_id: str | None = None) -> list[str]:
        """Ends running ones whose wish to stop has not been met for ``patience``."""
        statement = (
            sa.update(Row)
            .where(Row.status == "running", Row.cancel_requested_at <= now() - patience)
            .where(sa.true() if evaluation_id is None else Row.id == evaluation_id)
            .values(status="cancelled", finished_at=now(), cancel_requested_at=None)
            .returning(Row.id)
        )
        with self.database.write() as session:
            return [*session.scalars(statement)]

    # --- an executing attempt -------------------------------------------------------------------

    def begin(self, attempt: Attempt) -> bool:
        """Marks it as running; False where there is nothing to do any more."""
        with self.database.write() as session:
            row = session.get(Row, attempt.run_id)
            if row is None or row.attempt != attempt.number:
                return False
            if row.status == "queued":
                row.status = "running"
            return row.status == "running"

    def progress(self, attempt: Attempt, values: Mapping[str, Any]) -> None:
        """Writes how far it is: stage, done, total, unit, seconds_left.

        Raises:
            Cancelled: the person asked to stop, or this attempt no longer counts.
        """
        statement = (
            sa.update(Row)
            .where(Row.id == attempt.run_id, Row.attempt == attempt.number, Row.status == "running")
            .values(**{**values, "stage": str(values.get("stage", ""))[:_LONGEST_STAGE]})
            .returning(Row.cancel_requested_at)
        )
        try:
            with self.database.write() as session:
                row = session.execute(statement).one_or_none()
        except OperationalError as error:
            # a full disk or a long lock: the work itself is worth more than a number about it
            log.warning("progress of %s could not be written: %s", attempt.run_id, error.orig)
            return
        if row is None or row.cancel_requested_at is not None:
            raise Cancelled("Stopped. What was encoded is kept; Resume goes on from there.")

    def finish(
        self,
        attempt: Attempt,
        status: Status,
        error: str | None = None,
        result: Frozen | None = None,
    ) -> bool:
        """Ends the attempt; False where it had ended already, or the row is gone."""
        told = result.model_dump(mode="json") if result is not None else None
        return self._end(attempt, {"running"}, status=status, error=error, result=told)

    def _end(self, attempt: Attempt, among: frozenset[Status] | set[str], **values: Any) -> bool:
        statement = (
            sa.update(Row)
            .where(
                Row.id == attempt.run_id,
                Row.attempt == attempt.number,
                Row.status.in_(among),
            )
            .values(finished_at=now(), cancel_requested_at=None, seconds_left=None, **values)
            .returning(Row.id)
        )
        with self.database.write() as session:
            return session.execute(statement).one_or_none() is not None

    @staticmethod
    def _row(session: sa.orm.Session, evaluation_id: str) -> Row:
        row = session.get(Row, evaluation_id)
        if row is None:
            raise NotFound(f"There is no evaluation {evaluation_id}.")
        return row


def _told(row: Row, run_name: str | None) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "run": row.run_id,
        "run_name": run_name or "",
        "status": row.status,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
        "progress": views.progress(row),
        "error": row.error,
        "request": row.request,
        "with_run": row.with_run,
    }
