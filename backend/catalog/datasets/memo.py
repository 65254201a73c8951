"""What was found out about files before: their hashes, and whether they can be decoded.

A SQLite file that only saves time: when it is lost, damaged or cannot be written, everything is
found out again. Several processes may use it at once.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeAlias

from backend.media.blobs import Blob
from backend.settings import Settings

#: size and time of change of a file; a hash holds as long as they do
Stamp: TypeAlias = tuple[int, int]

_TABLES: Final = """
create table if not exists content (
    path text, offset integer, size integer, file_size integer, mtime_ns integer, key text,
    primary key (path, offset, size)
) without rowid;
create table if not exists verdicts (
    test text, key text, verdict text, primary key (test, key)
) without rowid;
"""
_PATIENCE_S: Final = 20.0
_AT_ONCE: Final = 400

#: a file changed within this time of being read may change again under the same time of change
_SETTLED_NS: Final = 2_000_000_000


class Memo:
    """The file, open; use it as a context manager.

    Args:
        path: made when missing; None remembers nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._database = _opened(path) if path is not None else None

    def __enter__(self) -> Memo:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._database is not None:
            self._database.close()
        self._database = None

    def keys(self, blobs: Sequence[Blob], stamps: dict[str, Stamp]) -> dict[Blob, str]:
        """The content keys of the blobs whose files have not changed since.

        Args:
            blobs: what is asked for.
            stamps: size and time of change of each of their files now, by path.
        """
        wanted: dict[str, dict[tuple[int, int], Blob]] = {}
        for blob in blobs:
            wanted.setdefault(str(blob.path), {})[blob.offset, _size(blob)] = blob
        found: dict[Blob, str] = {}
        for path, offset, size, file_size, mtime_ns, key in self._rows_of(wanted):
            blob_asked = wanted[path].get((offset, size))
            if blob_asked is not None and stamps.get(path) == (file_size, mtime_ns):
                found[blob_asked] = key
        return found

    def _rows_of(self, wanted: dict[str, dict[tuple[int, int], Blob]]) -> Iterator[tuple[Any, ...]]:
        """What is known of files; of one with many parts, between the first and the last asked."""
        query = "select path, offset, size, file_size, mtime_ns, key from content where"
        alone = [path for path, parts in wanted.items() if len(parts) == 1]
        yield from self._select(f"{query} path in", alone)
        for path, parts in wanted.items():
            if len(parts) > 1:
                offsets = [offset for offset, _ in parts]
                between = f"{query} offset between ? and ? and path in"
                yield from self._select(between, [path], min(offsets), max(offsets))

    def remember_keys(self, found: dict[Blob, str], stamps: dict[str, Stamp]) -> None:
        """Keeps keys for later, but not those of files that have only just been written."""
        now = time.time_ns()
        rows = [
            (str(blob.path), blob.offset, _size(blob), *stamp, key)
            for blob, key in found.items()
            if now - (stamp := stamps[str(blob.path)])[1] > _SETTLED_NS
        ]
        self._insert("insert or replace into content values (?, ?, ?, ?, ?, ?)", rows)

    def verdicts(self, test: str, keys: Sequence[str]) -> dict[str, str]:
        """What a test said of contents before, by key; empty for those that passed."""
        query = "select key, verdict from verdicts where test = ? and key in"
        return dict(self._select(query, keys, test))

    def remember_verdicts(self, test: str, verdicts: dict[str, str]) -> None:
        """Keeps what a test said."""
        rows = [(test, key, verdict) for key, verdict in verdicts.items()]
        self._insert("insert or replace into verdicts values (?, ?, ?)", rows)

    def _select(
        self, query: str, values: Sequence[str], *before: str | int
    ) -> Iterator[tuple[Any, ...]]:
        if self._database is None:
            return
        for start in range(0, len(values), _AT_ONCE):
            some = values[start : start + _AT_ONCE]
            marks = f"{query} ({', '.join('?' * len(some))})"
            try:
                yield from self._database.execute(marks, (*before, *some)).fetchall()
            except sqlite3.Error:  # only time is lost
                return

    def _insert(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        some = list(rows)
        if self._database is None or not some:
            return
        with contextlib.suppress(sqlite3.Error), self._database:
            self._database.execute("begin immediate")
            self._database.executemany(statement, some)


def _size(blob: Blob) -> int:
    """The size as it is stored: -1 for all up to the file's end."""
    return -1 if blob.size is None else blob.size


def memo_path(settings: Settings) -> Path:
    """Where a home's memo is: among what can be rebuilt."""
    return settings.indexes_dir / "contents.db"


def _opened(path: Path) -> sqlite3.Connection | None:
    """The database; a damaged one is begun anew, one that cannot be written is left alone."""
    for _ in range(2):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(
                path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
            )
        except (sqlite3.Error, OSError):
            return None
        try:
            database.execute("pragma journal_mode = wal")
            database.execute("pragma synchronous = off")
            database.executescript(_TABLES)
            return database
        except sqlite3.OperationalError:
            database.close()
            return None
        except sqlite3.DatabaseError:
            database.close()
            with contextlib.suppress(OSError):
                path.unlink()
    return None
