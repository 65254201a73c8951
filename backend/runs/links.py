"""Links to states of the pages, kept in the database under short codes."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.errors import NotFound, StorageError
from backend.runs.database import Database
from backend.runs.models import Link, now

#: letters of a code, more where two states would share one
SHORTEST: Final = 8
#: links that are kept; beyond it, those go that nobody has opened for longest
MOST: Final = 5_000
#: when a link was opened is written down at most so often
_SEEN_EVERY: Final = timedelta(hours=1)


class Links:
    """States by code. The same state always has the same code.

    Args:
        database: an open one.
        most: links that are kept.
    """

    def __init__(self, database: Database, most: int = MOST) -> None:
        self.database = database
        self._most = most

    def keep(self, state: dict[str, Any]) -> str:
        """The code of a state, which is kept unless it is there already.

        Args:
            state: as JSON holds it.

        Raises:
            StorageError: the database cannot be written.
        """
        letters = _letters(state)
        try:
            with self.database.write() as session:
                for length in range(SHORTEST, len(letters) + 1):
                    code = letters[:length]
                    row = session.get(Link, code)
                    if row is not None and row.state != state:
                        continue  # another state begins with the same letters
                    if row is None:
                        session.add(Link(code=code, state=state))
                        self._make_room(session)
                    else:
                        row.seen_at = now()
                    return code
        except DBAPIError as error:
            raise StorageError(
                "This place cannot keep links: its database cannot be written. "
                "The address of the page leads to the run, without query and selection."
            ) from error
        raise StorageError("This link could not be kept; change something and try again.")

    def get(self, code: str) -> dict[str, Any]:
        """The state under a code.

        Raises:
            NotFound: there is none.
        """
        with self.database.read() as session:
            row = session.get(Link, code)
        if row is None:
            raise NotFound(
                "This link is not known here: it was made in another place, or nobody opened it for "
                "so long that it was removed."
            )
        if now() - row.seen_at > _SEEN_EVERY:
            self._note_seen(code)
        return row.state

    def _note_seen(self, code: str) -> None:
        try:
            with self.database.write() as session:
                session.execute(sa.update(Link).where(Link.code == code).values(seen_at=now()))
        except DBAPIError:
            return  # a place that cannot be written still opens what it has

    def _make_room(self, session: Session) -> None:
        session.flush()
        there = session.scalar(sa.select(sa.func.count()).select_from(Link)) or 0
        if there <= self._most:
            return
        unseen = sa.select(Link.code).order_by(Link.seen_at, Link.code).limit(there - self._most)
        session.execute(sa.delete(Link).where(Link.code.in_(unseen.scalar_subquery())))


def _letters(state: dict[str, Any]) -> str:
    """The SHA-256 in small letters and the digits 2 to 7, which are easily read aloud."""
    told = json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(told.encode("utf-8")).digest()
    return base64.b32encode(digest).decode("ascii").rstrip("=").lower()
