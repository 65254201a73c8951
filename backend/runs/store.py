"""What is asked of the runs, and what a person changes about them. Plain schemas go out."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from backend.errors import Fault, InvalidInput, NotAllowed, NotFound
from backend.runs import views
from backend.runs.curves import curves
from backend.runs.database import Database
from backend.runs.indexing import drop_index
from backend.runs.locks import RunLock
from backend.runs.models import Report, Run, now
from backend.schemas import (
    LIVE,
    RESUMABLE,
    RunDetail,
    RunRequest,
    RunSummary,
    Status,
)
from backend.settings import Settings

#: no 0/o, 1/l/i: ids are read aloud and typed
ID_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class Attempt(NamedTuple):
    """One beginning of a run."""

    run_id: str
    number: int


class Store:
    """The queries of services; :class:`backend.runs.journal.Journal` is what executing runs use.

    Args:
        settings: where the database lies.
        database: an open one, where there is one already.
    """

    def __init__(self, settings: Settings, database: Database | None = None) -> None:
        self.settings = settings
        self.database = database or Database(settings)
        self._home = settings.home.resolve()

    # --- runs: asking ---------------------------------------------------------------------------

    def list_runs(self) -> list[RunSummary]:
        """All runs, newest first."""
        with self.database.read() as session:
            rows = session.scalars(
                sa.select(Run)
                .options(selectinload(Run.reports.and_(Report.split == "test")))
                .order_by(Run.created_at.desc(), Run.id)
            ).all()
            positions = _positions(session)
            return [views.summary(row, positions) for row in rows]

    def get_run(self, run_id: str) -> RunDetail:
        """Everything about one run; curves are thinned to 1,000 points each.

        Raises:
            NotFound: there is no such run.
        """
        with self.database.read() as session:
            row = run_row(session, run_id)
            return views.detail(row, _positions(session), curves(session, run_id), self._home)

    def get_summary(self, run_id: str) -> RunSummary:
        """One row of the runs table.

        Raises:
            NotFound: there is no such run.
        """
        with self.database.read() as session:
            return views.summary(run_row(session, run_id), _positions(session))

    def attempt(self, run_id: str) -> Attempt:
        """The attempt that counts."""
        with self.database.read() as session:
            return Attempt(run_id, run_row(session, run_id).attempt)

    def place(self, run_id: str) -> int:
        """What orders the queue, lowest first: a number that grows with every attempt."""
        with self.database.read() as session:
            return run_row(session, run_id).place

    def map_state(self, run_id: str) -> str | None:
        """The final map: None (not asked for yet), queued, running, ready or failed."""
        with self.database.read() as session:
            return run_row(session, run_id).map_state

    def has_demonstration(self) -> bool:
        """Whether the demonstration run was ever made and not deleted."""
        with self.database.read() as session:
            return session.scalar(sa.select(sa.exists().where(Run.demonstration))) or False

    # --- runs: changing -------------------------------------------------------------------------

    def create_run(
        self,
        request: RunRequest,
        configuration: Mapping[str, Any],
        versions: Mapping[str, str],
        *,
        demonstration: bool = False,
        run_id: str | None = None,
    ) -> Attempt:
        """Adds a row, queued; whoever calls sees to it that the run is carried out.

        Args:
            request: what was asked for, checked already.
            configuration: every option's effective value.
            versions: of the libraries.
            demonstration: made by the app itself.
            run_id: from :meth:`new_run_id`, where it had to be known before.
        """
        with self.database.write() as session:
            run = Run(
                id=run_id or _new_id(session),
                name=request.name or _name(request),
                status="queued",
                request=request.model_dump(mode="json"),
                configuration=dict(configuration),
                versions=dict(versions),
                seed=request.seed,
                demonstration=demonstration,
                place=_next_place(session),
                queued_at=now(),
            )
            session.add(run)
            return Attempt(run.id, run.attempt)

    def new_run_id(self) -> str:
        """An id that no run has."""
        with self.database.read() as session:
            return _new_id(session)

    def rename_run(self, run_id: str, name: str) -> None:
        """Gives a run another name.

        Raises:
            InvalidInput: the name is empty or longer than 120 letters.
            NotFound: there is no such run.
        """
        name = " ".join(name.split())
        if not 1 <= len(name) <= 120:
            raise InvalidInput(
                "The run keeps its name. Choose another one.",
                [Fault("name", f"has {len(name)} letters; 1 to 120 are allowed")],
            )
        with self.database.write() as session:
            run_row(session, run_id).name = name

    def request_cancel(self, run_id: str) -> Status:
        """Notes the wish to stop: a queued run ends at once, a running one at its next report.

        Returns:
            The status the run has now.

        Raises:
            NotFound: there is no such run.
            NotAllowed: it has ended already.
        """
        with self.database.write() as session:
            run = run_row(session, run_id)
            if run.status not in LIVE:
                raise NotAllowed(f"Run {run_id} is {run.status}; there is nothing to stop.")
            if run.status == "queued":
                run.status, run.finished_at = "cancelled", now()
            else:
                run.cancel_requested_at = run.cancel_requested_at or now()
            return run.status  # type: ignore[return-value]

    def new_attempt(self, run_id: str, *, first: bool = False) -> Attempt:
        """Puts a run that had stopped back into the queue; what it did is kept.

        Args:
            run_id: the run.
            first: before all that wait: what is left to do takes seconds.

        Raises:
            NotFound: there is no such run.
            NotAllowed: it is live or finished.
        """
        with self.database.write() as session:
            run = run_row(session, run_id)
            if run.status not in RESUMABLE:
                raise NotAllowed(
                    f"Run {run_id} is {run.status}; only a run that failed, was cancelled or was "
                    "interrupted can be resumed."
                )
            run.attempt += 1
            run.status = "queued"
            run.place = _first_place(session) if first else _next_place(session)
            run.queued_at = now()
            run.error = run.finished_at = run.cancel_requested_at = run.seconds_left = None
            return Attempt(run_id, run.attempt)

    def delete_run(self, run_id: str) -> None:
        """Removes a run with its metrics, reports, cycles, heads, index and map. Features stay:
        other runs use them.

        Raises:
            NotFound: there is no such run.
            NotAllowed: it is still going on.
        """
        lock = RunLock(self.settings, run_id)
        with self.database.write() as session:
            run = run_row(session, run_id)
            if run.status in LIVE:
                raise NotAllowed(f"Run {run_id} is {run.status}. Stop it first, then delete it.")
            session.delete(run)
        for folder in (self.settings.runs_dir / run_id, self.settings.indexes_dir / run_id):
            shutil.rmtree(folder, ignore_errors=True)
        drop_index(self.settings, run_id)
        lock.forget()

    def interrupt(self, attempt: Attempt, reason: str) -> bool:
        """Marks an attempt that nobody carries out any more; False where it is not live."""
        statement = (
            sa.update(Run)
            .where(Run.id == attempt.run_id, Run.attempt == attempt.number, Run.status.in_(LIVE))
            .values(status="interrupted", error=reason, finished_at=now(), seconds_left=None)
        )
        with self.database.write() as session:
            return session.execute(statement.returning(Run.id)).one_or_none() is not None

    def live_attempts(self, older_than: timedelta) -> list[Attempt]:
        """The attempts of all queued and running runs that were begun some time ago."""
        with self.database.read() as session:
            rows = session.execute(
                sa.select(Run.id, Run.attempt).where(
                    Run.status.in_(LIVE), Run.queued_at < now() - older_than
                )
            )
            return [Attempt(run_id, number) for run_id, number in rows]

    def unfinished_maps(self) -> list[Attempt]:
        """Finished runs whose final map was still to be made."""
        with self.database.read() as session:
            rows = session.execute(
                sa.select(Run.id, Run.attempt).where(
                    Run.status == "finished", Run.map_state.in_(("queued", "running"))
                )
            )
            return [Attempt(run_id, number) for run_id, number in rows]

    def give_up_cancelled(self, patience: timedelta, run_id: str | None = None) -> list[str]:
        """Ends running runs whose wish to stop has not been met for ``patience``.

        Some work cannot look at the wish, for example loading a large encoder. It goes on to its
        next report and then ends, but can write nothing any more, and the person need not wait.

        Args:
            patience: how long the wish has been there.
            run_id: only this run.

        Returns:
            The ids of the runs that were ended.
        """
        statement = (
            sa.update(Run)
            .where(Run.status == "running", Run.cancel_requested_at <= now() - patience)
            .where(sa.true() if run_id is None else Run.id == run_id)
            .values(
                status="cancelled", finished_at=now(), cancel_requested_at=None, seconds_left=None
            )
            .returning(Run.id)
        )
        with self.database.write() as session:
            return list(session.scalars(statement))

    def ask_for_map(self, run_id: str, *, again: bool = False) -> Attempt | None:
        """Promises a finished run its final map where nobody has yet; then the attempt it is of.

        Args:
            again: also where there is one.
        """
        there = (Run.map_state != "ready") if again else Run.map_state.is_not(None)
        statement = (
            sa.update(Run)
            .where(Run.id == run_id, Run.status == "finished", Run.map_state.is_(None) | ~there)
            .values(map_state="queued")
        )
        with self.database.write() as session:
            number = session.scalar(statement.returning(Run.attempt))
            return None if number is None else Attempt(run_id, number)

    def set_map_state(self, run_id: str, state: str) -> bool:
        """Tells how a finished run's final map is getting on; False where the run is gone."""
        statement = sa.update(Run).where(Run.id == run_id).values(map_state=state)
        with self.database.write() as session:
            return session.execute(statement.returning(Run.id)).one_or_none() is not None

    def feature_users(self) -> dict[str, list[str]]:
        """Ids of the runs that use each folder of the feature store."""
        users: dict[str, list[str]] = {}
        with self.database.read() as session:
            for run in session.scalars(sa.select(Run).order_by(Run.created_at)):
                for side in ("image", "text"):
                    for key in run.configuration.get(f"{side}_features", ()):
                        users.setdefault(key, []).append(run.id)
        return users


def run_row(session: Session, run_id: str) -> Run:
    """A run's row.

    Raises:
        NotFound: there is no such run.
    """
    run = session.get(Run, run_id)
    if run is None:
        raise NotFound(f"There is no run {run_id}. The Runs page lists the ones there are.")
    return run


def _positions(session: Session) -> dict[str, int]:
    waiting = session.scalars(
        sa.select(Run.id).where(Run.status == "queued").order_by(Run.place, Run.id)
    )
    return {run_id: place for place, run_id in enumerate(waiting, start=1)}


def _first_place(session: Session) -> int:
    waiting = sa.select(sa.func.min(Run.place)).where(Run.status == "queued")
    # the queue's numbers begin at 1
    return max(1, (session.scalar(waiting) or 2) - 1)


def _next_place(session: Session) -> int:
    return (session.scalar(sa.select(sa.func.max(Run.place))) or 0) + 1


def _new_id(session: Session) -> str:
    while True:
        run_id = "r-" + "".join(secrets.choice(ID_LETTERS) for _ in range(6))
        if session.get(Run, run_id) is None:
            return run_id


def _name(request: RunRequest) -> str:
    def short(value: str) -> str:
        # the options of an address are told elsewhere
        return value.partition("?")[0].rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1]

    def side(first: str, others: tuple[str, ...]) -> str:
        return f"best of {1 + len(others)}" if others else short(first)

    image = side(request.image_encoder, request.image_candidates)
    text = side(request.text_encoder, request.text_candidates)
    return f"{image} + {text} on {short(request.dataset)}"[:120]
