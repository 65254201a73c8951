"""The table of duels: which two runs met, on which side each stood, and who was preferred."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from backend.errors import NotAllowed, NotFound
from backend.runs.database import Database
from backend.runs.models import Duel as Row
from backend.runs.models import Run, now
from backend.runs.store import ID_LETTERS
from backend.schemas import Query, Verdict

#: one that nobody judged is forgotten after so long
_PATIENCE: Final = timedelta(days=1)


class KeptDuel(NamedTuple):
    """A duel as the server knows it, which is more than may be told before the verdict.

    Attributes:
        id: its name.
        left, right: ids of the runs as they stand.
        query: what both answer.
        verdict: None until it is judged.
        judged_at: when.
    """

    id: str
    left: str
    right: str
    query: Query
    verdict: Verdict | None
    judged_at: datetime | None


class Duels:
    """Queries and changes.

    Args:
        database: an open one.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def begin(self, first: str, second: str, query: Query, *, swapped: bool) -> KeptDuel:
        """Keeps a duel that is to be judged; those that nobody judged for long go.

        Args:
            swapped: whether the second run stands left.

        Raises:
            NotFound: there is no such run.
        """
        with self.database.write() as session:
            for run in (first, second):
                if session.get(Run, run) is None:
                    raise NotFound(f"There is no run {run} any more.")
            given_up = sa.delete(Row).where(
                Row.verdict.is_(None), Row.created_at < now() - _PATIENCE
            )
            session.execute(given_up)
            row = Row(
                id="d-" + "".join(secrets.choice(ID_LETTERS) for _ in range(10)),
                first_id=first,
                second_id=second,
                swapped=swapped,
                query=query.model_dump(mode="json"),
            )
            session.add(row)
            return _kept(row)

    def judge(self, duel_id: str, verdict: Verdict) -> KeptDuel:
        """Keeps a verdict, which cannot be taken back.

        Raises:
            NotFound: there is no such duel.
            NotAllowed: it was judged before.
        """
        with self.database.write() as session:
            row = _row(session, duel_id)
            if row.verdict is not None:
                raise NotAllowed(
                    "This duel was judged already, and who was who is known. Begin another."
                )
            row.verdict, row.judged_at = verdict, now()
            return _kept(row)

    def judged(self) -> list[KeptDuel]:
        """All that were, the earliest first."""
        wanted = sa.select(Row).where(Row.verdict.is_not(None)).order_by(Row.judged_at, Row.id)
        with self.database.read() as session:
            return [_kept(row) for row in session.scalars(wanted)]


def _row(session: Session, duel_id: str) -> Row:
    row = session.get(Row, duel_id)
    if row is None:
        raise NotFound(
            "This duel is not there any more: one of its runs was deleted, or nobody judged it for a "
            "day. Begin another."
        )
    return row


def _kept(row: Row) -> KeptDuel:
    runs = (row.second_id, row.first_id) if row.swapped else (row.first_id, row.second_id)
    told: dict[str, Any] = {"verdict": row.verdict, "judged_at": row.judged_at}
    return KeptDuel(row.id, *runs, Query.model_validate(row.query), **told)
