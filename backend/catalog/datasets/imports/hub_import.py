"""Writes rows of a data set of the Hub down once, as pictures and captions.jsonl.

    <draft>/rows.jsonl    what came, one row a line, broken ones too
    <draft>/state.json    how far that is: committed after every few rows
    <draft>/images/       pictures, decoded and written anew; recordings as they came

A break loses the rows since the last commit. The captions of several rows with one id are joined at
the end.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Final

from backend.catalog.address import Address
from backend.catalog.datasets.decoding import clean_picture, recording_fault_of
from backend.catalog.datasets.folders import AUDIO_SUFFIXES
from backend.catalog.datasets.imports.hub_columns import Columns, captions_in, choose, kinds
from backend.catalog.datasets.imports.hub_stream import (
    Repository,
    Split,
    bytes_of,
    classes_of,
    open_splits,
    streamed,
)
from backend.catalog.datasets.leftovers import write_leftovers
from backend.catalog.datasets.reading import as_fault, broken, note
from backend.catalog.datasets.splits import SPLITS
from backend.errors import DatasetError, Fault, InvalidInput
from backend.reporting import Report
from backend.schemas import Finding

_THREADS: Final = 2
_AT_ONCE: Final = 32
_COMMIT_AFTER_S: Final = 1.0
_PER_FOLDER: Final = 1_000


def fetch_rows(
    repository: Repository, address: Address, draft: Path, max_pixels: int, report: Report
) -> None:
    """Fills a draft, going on where it was left, and completes it.

    Args:
        repository: what is read.
        address: options config, split, limit and the columns.
        draft: the folder; made when missing.
        max_pixels: larger pictures are set aside.
        report: told the rows fetched; may raise ``Cancelled``, and what has come is kept.

    Raises:
        DatasetError: it cannot be read, or its columns are not known.
        OSError: the disk is full.
    """
    splits = _asked(open_splits(repository, address.get("config")), address)
    limit = _limit(address)
    fetch = _Fetch(repository, draft, max_pixels, limit, report)
    for name, split in splits.items():
        if name not in fetch.finished:
            fetch.split(name, split, address)
    fetch.complete(splits)


def _asked(splits: dict[str, Split], address: Address) -> dict[str, Split]:
    wanted = [name.strip() for name in address.get("split").split(",") if name.strip()]
    gone = [name for name in wanted if name not in splits]
    if gone:
        raise DatasetError(
            f"{address.base} has the splits {', '.join(splits)}. Name some of those.",
            [Fault("split", f"there is no split {name}") for name in gone],
        )
    return {name: splits[name] for name in wanted or splits}


def _limit(address: Address) -> int:
    """Items of each split at most; 0 for all."""
    given = address.get("limit")
    if given and not (given.isdecimal() and 0 < int(given) < 2**31):
        raise DatasetError(
            "The limit cannot be used.",
            [Fault("limit", f"must be a number of items from 1, not {given[:40]}")],
        )
    return int(given or 0)


class _Fetch:
    """A draft that is being filled."""

    def __init__(
        self, repository: Repository, draft: Path, max_pixels: int, limit: int, report: Report
    ) -> None:
        self._repository = repository
        self._draft = draft
        self._max_pixels = max_pixels
        self._limit = limit
        self._report = report
        self._rows = draft / "rows.jsonl"
        self._seen: set[str] = set()
        state = _read_state(draft)
        self.finished: list[str] = state.get("finished", [])
        self._bytes = int(state.get("bytes", 0))
        self._done = int(state.get("rows", 0))
        self._open: dict[str, Any] = state.get("open", {})

    def split(self, name: str, split: Split, address: Address) -> None:
        """Fetches one split, from where it was left."""
        if self._open.get("split") != name:
            self._open = {"split": name, "number": 0, "items": 0, "state": None}
        rows = streamed(
            split, self._open["state"], self._repository.name, self._report, self._done, 0
        )
        first = next(rows, None)
        if first is not None:
            columns = choose(address, kinds(split.features, first[0]), classes_of(split.features))
            self._seen = self._known(name) if columns.id else set()
            self._write(columns, itertools.chain([first], rows))
        self.finished.append(name)
        self._open = {}
        self._commit()

    def _write(self, columns: Columns, rows: Iterator[Any]) -> None:
        """Writes rows down until there are no more, or as many as are wanted."""
        self._draft.mkdir(parents=True, exist_ok=True)
        committed = time.monotonic()
        with self._rows.open("ab") as file, ThreadPoolExecutor(_THREADS, "pictures") as pool:
            file.truncate(self._bytes)  # what came after the last commit comes again
            try:
                while some := list(itertools.islice(rows, _AT_ONCE)):
                    if not self._write_some(columns, some, file, pool):
                        break
                    if time.monotonic() - committed > _COMMIT_AFTER_S:
                        self._settle(file)
                        committed = time.monotonic()
            finally:
                self._settle(file)

    def _write_some(
        self, columns: Columns, some: Sequence[Any], file: BinaryIO, pool: ThreadPoolExecutor
    ) -> bool:
        """Writes a few rows down; False when there are as many as are wanted."""
        name, number = self._open["split"], self._open["number"]
        told = [self._entry(name, columns, number + i, row) for i, (row, _) in enumerate(some)]
        values = [
            None if "repeats" in entry else row for entry, (row, _) in zip(told, some, strict=True)
        ]
        made = pool.map(lambda value: self._content(value, columns), values)
        for entry, (_, state), content in zip(told, some, made, strict=True):
            fresh = "repeats" not in entry
            if fresh and self._limit and self._open["items"] >= self._limit:
                return False
            self._keep(entry, columns, Path(name) / _place(self._open["number"]), content)
            file.write(json.dumps(entry, default=_unsaid).encode() + b"\n")
            self._done += 1
            self._open["number"] += 1
            self._open["items"] += fresh
            self._open["state"] = state
            self._report(self._done, 0, "rows fetched")
        return True

    def _settle(self, file: BinaryIO) -> None:
        """Commits what is written."""
        file.flush()
        self._bytes = file.tell()
        self._commit()

    def _entry(
        self, name: str, columns: Columns, number: int, row: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A row as it is written down, without its item."""
        own = row.get(columns.split) if columns.split else None
        if isinstance(own, int) and columns.split in columns.classes:
            own = dict(enumerate(columns.classes[columns.split])).get(own)
        known = isinstance(own, str) and own.strip().lower() in SPLITS
        entry: dict[str, Any] = {
            "where": f"{name} row {number + 1}",
            "split": own if known else SPLITS.get(name.lower()),
            "captions": captions_in(row, columns),
        }
        labels = {
            column: names[row[column]]
            for column, names in columns.classes.items()
            if isinstance(row.get(column), int) and 0 <= row[column] < len(names)
        }
        if labels:
            entry["attributes"] = labels
        if columns.id:
            given = row.get(columns.id)
            if given is None or not str(given).strip():
                return entry | {"fault": f"its {columns.id} is empty"}
            entry["id"] = str(given)
            if entry["id"] in self._seen:
                entry["repeats"] = True
            self._seen.add(entry["id"])
        return entry

    def _content(self, row: Mapping[str, Any] | None, columns: Columns) -> tuple[bytes, str, str]:
        """The bytes to write, the suffix of their file, and what is wrong with them."""
        if row is None:
            return b"", "", ""
        value = row.get(columns.item)
        if columns.modality in ("text", "code"):
            if not isinstance(value, str):
                return b"", "", f"column {columns.item} must be words"
            return value.encode("utf-8", "replace"), "", ""
        try:
            data, path = bytes_of(value, self._repository)
            suffix = os.path.splitext(path.partition("::")[0])[1].lower()
            if columns.modality == "audio":
                suffix = suffix if suffix in AUDIO_SUFFIXES else _sound_suffix(data)
                return data, suffix, recording_fault_of(data)
            suffix = ".jpg" if data.startswith(b"\xff\xd8") or suffix == ".webp" else ".png"
            return clean_picture(data, suffix, self._max_pixels), suffix, ""
        except DatasetError:  # the connection broke: no fault of this row
            raise
        except InvalidInput as error:
            return b"", "", error.summary
        except ValueError as error:
            return b"", "", f"its {columns.modality} cannot be read ({error})"

    def _keep(
        self, entry: dict[str, Any], columns: Columns, place: Path, content: tuple[bytes, str, str]
    ) -> None:
        """Writes the item down and adds to the row where it is."""
        data, ending, what = content
        if what or "fault" in entry:
            entry.setdefault("fault", what)
        elif "repeats" in entry:
            return
        elif columns.modality in ("text", "code"):
            entry[columns.modality] = data.decode()
        else:
            file = self._draft / "images" / f"{place}{ending}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            entry["file"] = f"{place.as_posix()}{ending}"

    def _known(self, split: str) -> set[str]:
        """Ids that came before a break."""
        return {entry["id"] for entry in self._entries() if entry.get("id")}

    def _entries(self) -> Iterator[dict[str, Any]]:
        if not self._rows.is_file():
            return
        with self._rows.open("rb") as file:
            while file.tell() < self._bytes:
                yield json.loads(file.readline())

    def _commit(self) -> None:
        self._draft.mkdir(parents=True, exist_ok=True)
        state = {
            "finished": self.finished,
            "bytes": self._bytes,
            "rows": self._done,
            "open": self._open,
            "revision": self._repository.revision,
        }
        draft = self._draft / "state.tmp"
        draft.write_text(json.dumps(state, default=str), "utf-8")
        draft.replace(self._draft / "state.json")

    def complete(self, splits: Mapping[str, Any]) -> None:
        """Writes captions.jsonl and what was left out, and removes what only the fetching needs."""
        findings: list[Finding] = []
        unknown = [name for name in splits if name.lower() not in SPLITS]
        if unknown:
            what = f"{', '.join(unknown)}: no known name of a split, so a hash of each id decides"
            findings.append(note("splits", what))
        kept = 0
        with (self._draft / "captions.jsonl").open("w", encoding="utf-8") as file:
            for entry in _joined(self._entries(), findings):
                file.write(json.dumps(entry) + "\n")
                kept += 1
        if not kept:
            (self._draft / "state.json").unlink(missing_ok=True)  # nothing to go on from
            raise DatasetError(
                "not a single row can be used. Check which columns are named.",
                [as_fault(finding) for finding in findings],
            )
        write_leftovers(self._draft, findings)
        for name in ("rows.jsonl", "state.json"):
            (self._draft / name).unlink(missing_ok=True)


def revision_of(draft: Path) -> str | None:
    """The commit of which a draft holds the beginning."""
    found = _read_state(draft).get("revision")
    return found if isinstance(found, str) else None


def _read_state(draft: Path) -> dict[str, Any]:
    try:
        state = json.loads((draft / "state.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _joined(entries: Iterator[dict[str, Any]], findings: list[Finding]) -> Iterator[dict[str, Any]]:
    """Rows with one id as one item; rows without an id as they came; faults as findings."""
    items: dict[str, dict[str, Any]] = {}
    for entry in entries:
        where = entry.pop("where")
        if "fault" in entry:
            findings.append(broken(Fault(where, entry["fault"])))
        elif "id" not in entry:
            yield entry
        elif entry.pop("repeats", False):
            if entry["id"] in items:
                items[entry["id"]]["captions"] += entry["captions"]
            else:
                what = f"belongs to {entry['id']}, which is set aside"
                findings.append(broken(Fault(where, what)))
        else:
            items[entry["id"]] = entry
    yield from items.values()


def _place(number: int) -> str:
    """Where a row's file is in its split: a folder of thousands is slow to look into."""
    return f"{number // _PER_FOLDER:04d}/{number:07d}"


def _unsaid(value: object) -> None:
    """What is no text, as a date or bytes; a caption of it is told as missing words."""


def _sound_suffix(data: bytes) -> str:
    marks = {b"RIFF": ".wav", b"fLaC": ".flac", b"OggS": ".ogg"}
    return marks.get(data[:4], ".mp3")
