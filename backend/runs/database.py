"""Opening the database: pragmas, transactions, migrations.

>>> database = Database(settings)
>>> with database.read() as session: ...   # a consistent picture, never waits for a writer
>>> with database.write() as session: ...  # committed at the end, rolled back on an exception
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from filelock import FileLock
from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker

from backend.errors import StorageError
from backend.settings import Settings

#: how long a transaction waits for another process's write before it gives up
BUSY_SECONDS = 10
MIGRATIONS = Path(__file__).resolve().parent / "migrations"


class Database:
    """Runs and results; SQLite under data/ or whatever ``ISTHMUS_DATABASE_URL`` names.

    Opening it brings the tables up to date, under a file lock, since app and worker start together.

    Raises:
        StorageError: the folder or the file may not be written.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            settings.make_dirs()
        except OSError as error:
            raise StorageError(
                f"The folder {settings.home} cannot be written ({error.strerror}). "
                "Set ISTHMUS_HOME to a folder that can."
            ) from error
        self.engine = create_engine(settings.run_database_url)
        self._readers = sessionmaker(self.engine, expire_on_commit=False)
        self._writers = sessionmaker(
            self.engine.execution_options(write=True), expire_on_commit=False
        )
        with FileLock(settings.data_dir / "migrations.lock"):
            migrate(self.engine)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one moment."""
        with self._readers() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that has the write lock from its first statement on."""
        with self._writers.begin() as session:
            yield session

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()


def create_engine(url: str) -> sa.Engine:
    """An engine for ``url``; on SQLite with WAL, foreign keys and real transactions.

    sqlite3 by itself opens no transaction before a SELECT and upgrades one in the middle, which
    fails at once with "database is locked" where another process has written in between. So
    transactions are begun here: deferred ones for reading, IMMEDIATE ones for writing, which wait
    for their turn instead.
    """
    engine = sa.create_engine(url, pool_pre_ping=not url.startswith("sqlite"))
    if engine.dialect.name != "sqlite":
        return engine

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None
        # first of all, since switching to WAL itself can meet another process's lock
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        write = connection.get_execution_options().get("write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Brings the tables to ``revision``, in one transaction: all of it happens or nothing."""
    with engine.connect().execution_options(write=True) as connection:
        sqlite = engine.dialect.name == "sqlite"
        raw = connection.connection.dbapi_connection
        if sqlite and raw is not None:
            # batch migrations rebuild tables; dropping the old one must not delete what refers
            # to it, and this switch is ignored inside a transaction
            raw.cursor().execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                command.upgrade(alembic_config(connection), revision)
        finally:
            if sqlite:
                connection.invalidate()


def alembic_config(connection: sa.Connection) -> Config:
    """Alembic's configuration, made here so that no alembic.ini has to travel with the package."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
