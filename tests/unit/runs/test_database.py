"""Migrations, transactions and pragmas, on real files."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import IntegrityError, StatementError

from backend.errors import StorageError
from backend.runs.database import Database, alembic_config, create_engine, migrate
from backend.runs.library import Library
from backend.runs.models import Artefact, Base, Run
from backend.settings import Settings


def add_run(database: Database, run_id: str, **values: object) -> None:
    with database.write() as session:
        session.add(
            Run(
                id=run_id,
                name="a run",
                request={},
                configuration={},
                versions={},
                seed=0,
                **{"status": "queued", **values},  # type: ignore[arg-type]
            )
        )


@pytest.fixture
def database(settings: Settings) -> Database:
    return Database(settings)


def test_migrations_from_nothing_give_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []
        head = ScriptDirectory.from_config(alembic_config(connection)).get_current_head()
        assert context.get_current_revision() == head


def test_the_comparison_notices_a_missing_column(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE runs DROP COLUMN unit"))
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) != []


def test_opening_again_keeps_what_is_there(settings: Settings, database: Database) -> None:
    add_run(database, "r-1")
    with Database(settings).read() as session:
        assert session.get(Run, "r-1") is not None


def test_down_and_up_again(settings: Settings, database: Database) -> None:
    from alembic import command

    with database.engine.connect().execution_options(write=True) as connection:
        with connection.begin():
            command.downgrade(alembic_config(connection), "base")
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    migrate(database.engine)
    add_run(database, "r-1")


def test_many_may_open_an_empty_home_at_once(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        databases = list(pool.map(lambda _: Database(settings), range(8)))
    add_run(databases[0], "r-1")
    with databases[-1].read() as session:
        assert session.get(Run, "r-1") is not None


def test_pragmas(database: Database) -> None:
    with database.engine.connect() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert values == {
        "journal_mode": "wal",
        "synchronous": 1,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }


def test_writers_read_and_change_without_losing_a_count(database: Database) -> None:
    """Read-then-write from many threads: deferred transactions would fail or lose counts."""
    add_run(database, "r-1")

    def count(_: int) -> None:
        with database.write() as session:
            run = session.get(Run, "r-1")
            assert run is not None
            run.done += 1

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(count, range(60)))
    with database.read() as session:
        run = session.get(Run, "r-1")
        assert run is not None and run.done == 60


def test_a_reader_does_not_wait_for_a_writer(database: Database) -> None:
    add_run(database, "r-1")
    seen: list[str] = []

    def read() -> None:
        with database.read() as session:
            run = session.get(Run, "r-1")
            assert run is not None
            seen.append(run.name)

    with database.write() as session:
        run = session.get(Run, "r-1")
        assert run is not None
        run.name = "another name"
        session.flush()
        reader = threading.Thread(target=read)
        reader.start()
        reader.join(timeout=5)
    assert seen == ["a run"]


def test_an_exception_rolls_back(database: Database) -> None:
    with pytest.raises(RuntimeError), database.write() as session:
        session.add(Artefact(run_id="none", name="heads", path="heads"))
        raise RuntimeError
    with database.read() as session:
        assert session.scalars(sa.select(Artefact)).all() == []


def test_foreign_keys_hold(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(Artefact(run_id="none", name="heads", path="heads"))


def test_only_known_statuses_are_stored(database: Database) -> None:
    with pytest.raises(IntegrityError):
        add_run(database, "r-1", status="lost")


def test_times_are_kept_in_utc(database: Database) -> None:
    elsewhere = timezone(timedelta(hours=9))
    add_run(database, "r-1", created_at=datetime(2026, 1, 2, 3, tzinfo=elsewhere))
    with database.read() as session:
        run = session.get(Run, "r-1")
        assert run is not None
        assert run.created_at == datetime(2026, 1, 1, 18, tzinfo=UTC)
        assert run.created_at.utcoffset() == timedelta(0)


def test_times_without_a_zone_are_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="without a time zone"):
        add_run(database, "r-1", created_at=datetime(2026, 1, 2))


def test_a_home_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError, match="Set ISTHMUS_HOME"):
        Database(Settings(home=blocked))


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE workers (id INTEGER)"))
    with pytest.raises(sa.exc.OperationalError):
        migrate(engine)
    assert sa.inspect(engine).get_table_names() == ["workers"]


def test_what_was_remembered_before_modalities_is_carried_over_and_back(settings: Settings) -> None:
    from alembic import command

    settings.make_dirs()
    engine = create_engine(settings.run_database_url)
    migrate(engine, "0001")
    moment = "2026-01-02 03:04:05.000000"
    with engine.execution_options(write=True).begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO datasets VALUES"
                " (:id, 'Mine', 'd', 0, :splits, '[\"row 1\"]', 'f', :at)"
            ),
            {"id": "/mine", "splits": '{"train": {"images": 2, "captions": 3}}', "at": moment},
        )
        connection.execute(
            sa.text("INSERT INTO encoders VALUES ('/vit', 'image', :info, :at)"),
            {"info": _OLD_ENCODER, "at": moment},
        )
    database = Database(settings)
    library = Library(settings, database)
    (dataset,), (encoder,) = library.list_datasets(), library.list_encoders("image")
    assert (dataset.id, dataset.modality, dataset.set_aside) == ("/mine", "image", ("row 1",))
    assert dataset.splits["train"].captions == 3
    assert (encoder.id, encoder.modality, encoder.dimension) == ("/vit", "image", 192)
    with database.engine.connect().execution_options(write=True) as connection:
        with connection.begin():
            command.downgrade(alembic_config(connection), "0001")
            rows = connection.execute(sa.text("SELECT id, side, info FROM encoders")).all()
    assert [(row.id, row.side) for row in rows] == [("/vit", "image")]
    assert json.loads(rows[0].info)["side"] == "image"


_OLD_ENCODER = json.dumps(
    {
        "id": "/vit",
        "name": "vit",
        "side": "image",
        "description": "In /vit",
        "built_in": False,
        "dimension": 192,
        "parameters": 5,
        "licence": None,
        "available": True,
    }
)
