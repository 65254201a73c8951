"""Sweeps in the database and in the queue.

Rows come first and jobs second, each in one transaction. Whatever dies between the two leaves rows
without jobs, which :meth:`backend.runs.jobs.Jobs.reconcile` shows as interrupted and Resume takes
up. What a cell shows is its own run and nothing else: a finished run from outside is never reused,
even where it was asked for the same, since library versions, features and the code may have
changed in between, and a table must not mix what was measured under different conditions. Features
are shared with it all the same, so only the heads are fitted again.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from backend.errors import Fault, InvalidInput, NotAllowed, NotFound
from backend.runs import bulk, views
from backend.runs.grid import Cell, cells, command, default_name, queue_order
from backend.runs.locks import RunLock
from backend.runs.models import Report, Run, Sweep, now
from backend.runs.plan import plan
from backend.runs.store import ID_LETTERS, Attempt, Store
from backend.schemas import (
    LIVE,
    RESUMABLE,
    Status,
    SweepCell,
    SweepDetail,
    SweepRequest,
    SweepSummary,
)

#: of a run that a terminal has not come to yet: resumable, so that it is not lost with the terminal
WAITS: Final = (
    "Waits for its turn in the terminal that makes this sweep. If that has ended, Resume goes on."
)


class Sweeps:
    """What services and the command line use. Opening it costs nothing.

    Args:
        store: of the runs.
    """

    def __init__(self, store: Store) -> None:
        self.settings = store.settings
        self.store = store
        self._database = store.database

    # --- asking ---------------------------------------------------------------------------------

    def list_sweeps(self) -> list[SweepSummary]:
        """All sweeps, newest first."""
        with self._database.read() as session:
            rows = session.scalars(sa.select(Sweep).order_by(Sweep.created_at.desc(), Sweep.id))
            counts = _counts(session)
            return [_summary(row, counts.get(row.id, {})) for row in rows]

    def get_sweep(self, sweep_id: str) -> SweepDetail:
        """A sweep with its cells; the ones whose run was deleted are empty.

        Raises:
            NotFound: there is no such sweep.
        """
        with self._database.read() as session:
            row = _sweep(session, sweep_id)
            runs = session.scalars(
                sa.select(Run)
                .where(Run.sweep_id == sweep_id)
                .options(selectinload(Run.reports.and_(Report.split == "test")))
                .order_by(Run.place)
            ).all()
            positions = _positions(session) if any(run.status == "queued" for run in runs) else {}
            found = {_place(run): views.summary(run, positions) for run in runs}
            counts = _counts(session, sweep_id)
        request = SweepRequest.model_validate(row.request)
        return SweepDetail(
            summary=_summary(row, counts.get(sweep_id, {})),
            cells=tuple(
                SweepCell(
                    pair=cell.pair,
                    method=cell.method,
                    train_images=cell.train_images,
                    run=found.get(cell),
                )
                for cell in cells(request)
            ),
            command=command(request),
        )

    def get_summary(self, sweep_id: str) -> SweepSummary:
        """One row of the list of sweeps.

        Raises:
            NotFound: there is no such sweep.
        """
        with self._database.read() as session:
            row = _sweep(session, sweep_id)
            return _summary(row, _counts(session, sweep_id).get(sweep_id, {}))

    # --- changing -------------------------------------------------------------------------------

    def launch(self, request: SweepRequest) -> SweepSummary:
        """Makes all runs of a sweep and puts them into the queue.

        Args:
            request: checked, without repeats (:func:`backend.runs.grid.without_repeats`).

        Raises:
            InvalidInput: unknown method, or options that cannot be used.
        """
        sweep_id = self.create(request)
        with self._database.read() as session:
            rows = session.execute(
                sa.select(Run.id, Run.attempt, Run.place).where(Run.sweep_id == sweep_id)
            ).all()
        bulk.enqueue(self.settings, [(Attempt(row.id, row.attempt), row.place) for row in rows])
        return self.get_summary(sweep_id)

    def create(self, request: SweepRequest, *, in_terminal: bool = False) -> str:
        """Adds a sweep with all its runs, in one transaction, places in :func:`queue_order`.

        Args:
            in_terminal: the runs wait for whoever calls (:data:`WAITS`) and not for the queue.

        Returns:
            Its id.
        """
        asked = [cell.request(request) for cell in queue_order(request)]
        plans = list(map(plan, asked))
        state: dict[str, Any] = {"status": "queued"}
        if in_terminal:
            state = {"status": "interrupted", "error": WAITS, "finished_at": now()}
        with self._database.write() as session:
            sweep = Sweep(
                id=_new_ids(session, Sweep, "s-", 1)[0],
                name=request.name or default_name(request),
                request=request.model_dump(mode="json"),
            )
            session.add(sweep)
            session.flush()
            last = session.scalar(sa.select(sa.func.max(Run.place))) or 0
            ids = _new_ids(session, Run, "r-", len(asked))
            session.add_all(
                Run(
                    id=run_id,
                    name=str(cell.name),
                    request=cell.model_dump(mode="json"),
                    configuration=known.configuration,
                    versions=known.versions,
                    seed=cell.seed,
                    place=place,
                    queued_at=now(),
                    sweep_id=sweep.id,
                    **state,
                )
                for place, (run_id, cell, known) in enumerate(
                    zip(ids, asked, plans, strict=True), start=last + 1
                )
            )
            return sweep.id

    def cancel(self, sweep_id: str) -> None:
        """Stops all live runs at once: those that wait end now, the one that runs at its next report.

        Raises:
            NotFound: there is no such sweep.
            NotAllowed: none of its runs is live.
        """
        mine = sa.update(Run).where(Run.sweep_id == sweep_id)
        waits = sa.or_(
            Run.status == "queued", sa.and_(Run.status == "interrupted", Run.error == WAITS)
        )
        with self._database.write() as session:
            name = _sweep(session, sweep_id).name
            ended = session.scalars(
                mine.where(waits)
                .values(status="cancelled", error=None, finished_at=now())
                .returning(Run.id)
            ).all()
            running = session.scalars(
                mine.where(Run.status == "running")
                .values(cancel_requested_at=sa.func.coalesce(Run.cancel_requested_at, _moment()))
                .returning(Run.id)
            ).all()
        if not ended and not running:
            raise NotAllowed(f"No run of {name} is live; there is nothing to stop.")
        for run_id in running:
            if not RunLock(self.settings, run_id).held():
                # nobody works on it, so nobody would see the flag
                self.store.give_up_cancelled(timedelta(0), run_id)
        gone = self._attempts(sweep_id, ("cancelled",))
        bulk.cancel(self.settings, gone)

    def resume(self, sweep_id: str) -> int:
        """Puts every run that had stopped back into the queue, in the sweep's order.

        Returns:
            How many.

        Raises:
            NotFound: there is no such sweep.
            NotAllowed: none of its runs can be resumed.
        """
        again: dict[str, Any] = {"status": "queued", "queued_at": now()}
        again |= dict.fromkeys(("error", "finished_at", "cancel_requested_at", "seconds_left"))
        with self._database.write() as session:
            name = _sweep(session, sweep_id).name
            last = session.scalar(sa.select(sa.func.max(Run.place))) or 0
            stopped = session.execute(
                sa.select(Run.id, Run.attempt)
                .where(Run.sweep_id == sweep_id, Run.status.in_(RESUMABLE))
                .order_by(Run.place, Run.id)
            ).all()
            queued = [
                (Attempt(row.id, row.attempt + 1), last + number)
                for number, row in enumerate(stopped, start=1)
            ]
            if queued:
                values = [
                    {"id": attempt.run_id, "attempt": attempt.number, "place": place, **again}
                    for attempt, place in queued
                ]
                session.execute(sa.update(Run), values)
        if not queued:
            raise NotAllowed(f"No run of {name} has stopped; there is nothing to resume.")
        bulk.enqueue(self.settings, queued)
        return len(queued)

    def rename(self, sweep_id: str, name: str) -> None:
        """Gives a sweep another name; its runs keep theirs.

        Raises:
            InvalidInput: the name is empty or longer than 120 letters.
            NotFound: there is no such sweep.
        """
        name = " ".join(name.split())
        if not 1 <= len(name) <= 120:
            raise InvalidInput(
                "The sweep keeps its name. Choose another one.",
                [Fault("name", f"has {len(name)} letters; 1 to 120 are allowed")],
            )
        with self._database.write() as session:
            _sweep(session, sweep_id).name = name

    def delete(self, sweep_id: str, *, with_runs: bool = False) -> list[str]:
        """Removes a sweep. Its row goes last, so that what was broken off can be done again.

        Args:
            with_runs: remove its runs, too; otherwise they stay as runs like any other.

        Returns:
            The ids of the runs that are gone.

        Raises:
            NotFound: there is no such sweep.
            NotAllowed: it is still going on.
        """
        if self.get_summary(sweep_id).live:
            raise _still_live(sweep_id)
        gone = []
        if with_runs:
            for attempt in self._attempts(sweep_id):
                self.store.delete_run(attempt.run_id)
                gone.append(attempt.run_id)
            bulk.remove(self.settings, gone)
        with self._database.write() as session:
            sweep = _sweep(session, sweep_id)
            if sum(_counts(session, sweep_id).get(sweep_id, {}).get(each, 0) for each in LIVE):
                raise _still_live(sweep_id)
            session.delete(sweep)
        return gone

    # --- the runs -------------------------------------------------------------------------------

    def take(self, sweep_id: str) -> list[str]:
        """Reserves every run that had stopped for this terminal: they wait for it (:data:`WAITS`).

        Returns:
            Their ids, in the sweep's order.
        """
        statement = (
            sa.update(Run)
            .where(Run.sweep_id == sweep_id, Run.status.in_(RESUMABLE))
            .values(status="interrupted", error=WAITS)
        )
        with self._database.write() as session:
            _sweep(session, sweep_id)
            session.execute(statement)
        return [attempt.run_id for attempt in self._attempts(sweep_id, ("interrupted",))]

    def waits(self, run_id: str) -> bool:
        """Whether a run still waits for a terminal: nobody stopped, resumed or deleted it."""
        with self._database.read() as session:
            run = session.get(Run, run_id)
            return run is not None and run.status == "interrupted" and run.error == WAITS

    def _attempts(self, sweep_id: str, statuses: Sequence[Status] | None = None) -> list[Attempt]:
        """The attempts that count, of all its runs or of those with some statuses, in order."""
        with self._database.read() as session:
            rows = session.execute(
                sa.select(Run.id, Run.attempt)
                .where(Run.sweep_id == sweep_id)
                .where(sa.true() if statuses is None else Run.status.in_(statuses))
                .order_by(Run.place, Run.id)
            )
            return [Attempt(run_id, number) for run_id, number in rows]


def _sweep(session: Session, sweep_id: str) -> Sweep:
    sweep = session.get(Sweep, sweep_id)
    if sweep is None:
        raise NotFound(f"There is no sweep {sweep_id}. The Sweeps page lists the ones there are.")
    return sweep


def _place(run: Run) -> Cell:
    """Where a run stands, by what was asked for, whatever it chose to use."""
    asked = run.request
    pair = (asked["image_encoder"], asked["text_encoder"])
    return Cell(pair, asked["method"], asked["train_images"])


def _still_live(sweep_id: str) -> NotAllowed:
    return NotAllowed(f"Sweep {sweep_id} is still going on. Stop it first, then delete it.")


def _summary(row: Sweep, counts: dict[Status, int]) -> SweepSummary:
    return SweepSummary(
        id=row.id,
        name=row.name,
        request=SweepRequest.model_validate(row.request),
        created_at=row.created_at,
        counts=counts,
    )


def _counts(session: Session, sweep_id: str | None = None) -> dict[str, dict[Status, int]]:
    """Runs by status, by sweep."""
    rows = session.execute(
        sa.select(Run.sweep_id, Run.status, sa.func.count())
        .where(Run.sweep_id.is_not(None) if sweep_id is None else Run.sweep_id == sweep_id)
        .group_by(Run.sweep_id, Run.status)
    )
    found: dict[str, dict[Status, int]] = {}
    for owner, status, count in rows:
        found.setdefault(str(owner), {})[cast(Status, status)] = count
    return found


def _positions(session: Session) -> dict[str, int]:
    """Places in the whole queue, by run: 1 is next."""
    waiting = session.scalars(
        sa.select(Run.id).where(Run.status == "queued").order_by(Run.place, Run.id)
    )
    return {run_id: place for place, run_id in enumerate(waiting, start=1)}


def _new_ids(session: Session, table: type[Run] | type[Sweep], mark: str, count: int) -> list[str]:
    """Ids that nothing has yet."""
    taken = set(session.scalars(sa.select(table.id)))
    found: list[str] = []
    while len(found) < count:
        made = mark + "".join(secrets.choice(ID_LETTERS) for _ in range(6))
        if made not in taken:
            taken.add(made)
            found.append(made)
    return found


def _moment() -> sa.BindParameter[datetime]:
    """The present moment as a value of a statement."""
    return sa.literal(now(), Run.cancel_requested_at.type)
