"""Reads the file that says which captions belong to which image.

    captions.json    [{"file": "a.jpg", "split": "train", "captions": ["...", "..."]}, ...]
    captions.jsonl   the same objects, one a line
    captions.csv     a header with file, caption and, if wanted, split; one caption a line

``split`` may be missing; ``caption`` may stand for ``captions``; ``attributes`` (words by name) is
optional.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.errors import DatasetError, Fault

#: in the order they are looked for
CAPTIONS_FILES: Final = ("captions.json", "captions.jsonl", "captions.csv")

#: csv's own limit of 131,072 characters a field, raised; a longer one is a broken file
_LONGEST_FIELD: Final = 1_000_000


@dataclass(frozen=True)
class Row:
    """One entry as it stands in the file, not yet checked.

    Attributes:
        where: "captions.json row 12", from 1; lines are counted in line-based files.
        value: whatever was there.
        fault: why the entry could not even be parsed; empty when it could.
    """

    where: str
    value: Any
    fault: str = ""


def captions_file(folder: Path) -> Path:
    """The captions file of a data set's folder.

    Raises:
        DatasetError: there is none, or no such folder.
    """
    if not folder.is_dir():
        raise DatasetError(
            f"There is no folder {folder}. Give the folder that holds images/ and captions.json."
        )
    for name in CAPTIONS_FILES:
        if (folder / name).is_file():
            return folder / name
    raise DatasetError(
        f"The folder {folder} has no captions file. Add captions.json, a list of "
        '{"file": "a.jpg", "split": "train", "captions": ["..."]}, or captions.jsonl or '
        "captions.csv."
    )


def read_rows(path: Path) -> list[Row]:
    """Every entry of a captions file, in order.

    Raises:
        DatasetError: the file as a whole cannot be read; one broken entry does not raise.
    """
    readers = {".json": _json_rows, ".jsonl": _jsonl_rows, ".csv": _csv_rows}
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise _unreadable(path, f"line {line} is not UTF-8; save it as UTF-8") from error
    rows = list(readers[path.suffix](path.name, text))
    if not rows:
        raise _unreadable(path, "it is empty")
    return rows


def _unreadable(path: Path, reason: str) -> DatasetError:
    return DatasetError(
        f"The captions file {path} cannot be used. Correct it and try again.",
        [Fault(path.name, reason)],
    )


def _json_rows(name: str, text: str) -> Iterator[Row]:
    try:
        entries = json.loads(text)
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno} is not valid JSON ({error.msg})"
        raise _unreadable(Path(name), reason) from error
    except (RecursionError, ValueError) as error:
        raise _unreadable(Path(name), f"it is not valid JSON ({error})") from error
    if not isinstance(entries, list):
        raise _unreadable(
            Path(name), f"it must hold a list of objects, not {type(entries).__name__}"
        )
    for number, entry in enumerate(entries, 1):
        yield Row(f"{name} row {number}", entry)


def _jsonl_rows(name: str, text: str) -> Iterator[Row]:
    # split at \n alone: splitlines() also cuts at U+2028, which JSON allows inside a string
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{name} line {number}"
        try:
            yield Row(where, json.loads(line))
        except (RecursionError, ValueError) as error:
            yield Row(where, None, f"not valid JSON ({error})")


def _csv_rows(name: str, text: str) -> Iterator[Row]:
    """One row a file: its lines are joined, in the order of their first line."""
    previous = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield from _grouped(name, csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise _unreadable(Path(name), f"it is not valid CSV ({error})") from error
    finally:
        csv.field_size_limit(previous)


def _grouped(name: str, reader: csv.DictReader[str]) -> Iterator[Row]:
    columns = {(column or "").strip().lower(): column for column in reader.fieldnames or ()}
    missing = [column for column in ("file", "caption") if column not in columns]
    if missing:
        raise _unreadable(
            Path(name),
            f"its first line must name the columns file, caption and, if wanted, split; "
            f"{' and '.join(missing)} is missing",
        )
    rows: dict[str, Row] = {}
    broken: list[Row] = []
    for line in reader:
        where = f"{name} line {reader.line_num}"
        file, caption = line[columns["file"]], line[columns["caption"]]
        split = line[columns["split"]] if "split" in columns else None
        if line.get(None) or caption is None:
            broken.append(Row(where, None, "it has another number of fields than the first line"))
        elif file not in rows:
            rows[file] = Row(where, {"file": file, "split": split, "captions": [caption]})
        elif rows[file].value["split"] != split:
            broken.append(Row(where, None, f"{file} was in another split before; use one split"))
        else:
            rows[file].value["captions"].append(caption)
    yield from rows.values()
    yield from broken
