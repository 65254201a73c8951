"""Links: the same state has the same code, and there is always room for another."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from backend.errors import NotFound, StorageError
from backend.runs import links
from backend.runs.database import Database
from backend.runs.links import Links
from backend.runs.models import Link, now
from backend.settings import Settings


@pytest.fixture
def database(settings: Settings) -> Database:
    return Database(settings)


def test_a_state_comes_back_also_to_another_process(settings: Settings, database: Database) -> None:
    state = {"page": "map", "view": {"camera": {"x": [0.1, 2.5]}}, "run": "r-ünï"}
    code = Links(database).keep(state)
    assert Links(Database(settings)).get(code) == state


def test_the_same_state_has_the_same_short_code(database: Database) -> None:
    kept = Links(database)
    code = kept.keep({"page": "map", "run": "a"})
    assert kept.keep({"run": "a", "page": "map"}) == code
    assert kept.keep({"page": "map", "run": "b"}) != code
    assert len(code) == 8 and set(code) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_states_that_would_share_a_code_get_longer_ones(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = iter(["abcdefghxx", "abcdefghyy", "abcdefghyy"])
    monkeypatch.setattr(links, "_letters", lambda state: next(same))
    kept = Links(database)
    assert [kept.keep({"n": 1}), kept.keep({"n": 2}), kept.keep({"n": 2})] == [
        "abcdefgh",
        "abcdefghy",
        "abcdefghy",
    ]
    assert kept.get("abcdefgh") == {"n": 1} and kept.get("abcdefghy") == {"n": 2}


def test_those_that_nobody_opened_for_longest_make_room(database: Database) -> None:
    kept = Links(database, most=3)
    codes = [kept.keep({"n": number}) for number in range(3)]
    with database.write() as session:  # as though they were of other days
        for age, code in zip((3, 5, 1), codes, strict=True):
            moment = now() - timedelta(days=age)
            session.execute(sa.update(Link).where(Link.code == code).values(seen_at=moment))
    kept.get(codes[1])  # the oldest is opened once more
    kept.keep({"n": 3})
    assert [kept.get(code)["n"] for code in codes[1:]] == [1, 2]
    with pytest.raises(NotFound, match="not known here"):
        kept.get(codes[0])


@pytest.mark.skipif(os.name == "nt", reason="asks for the rights of a POSIX file")
def test_a_database_that_cannot_be_written_says_so_and_still_opens_links(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    code = Links(database).keep({"page": "map"})
    with database.write() as session:
        session.execute(sa.update(Link).values(seen_at=now() - timedelta(days=9)))
    database.close()
    file = settings.data_dir / "isthmus.db"
    readonly = Database.__new__(Database)
    readonly.engine = sa.create_engine(f"sqlite:///file:{file}?mode=ro&uri=true")
    readonly._readers = sa.orm.sessionmaker(readonly.engine)
    readonly._writers = sa.orm.sessionmaker(readonly.engine)
    assert Links(readonly).get(code) == {"page": "map"}
    with pytest.raises(StorageError, match="cannot keep links"):
        Links(readonly).keep({"page": "drift"})
