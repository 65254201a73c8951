"""Reads the file that says which captions belong to which item.

    captions.json     [{"file": "a.jpg", "split": "train", "captions": ["...", "..."]}, ...]
    captions.jsonl    the same objects, one a line
    captions.csv      a header with file, caption and, if wanted, split; one caption a line
    captions.parquet  the same columns; one caption a row, or a list of them

What names the item is ``file``, ``image`` or ``audio`` (a path), ``text`` or ``code`` (the words
themselves), or only ``id`` (an item known by its features). ``split`` may be missing; ``caption``
may stand for ``captions``; ``attributes`` (words by name; JSON in a table) and ``id`` are optional.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from backend.catalog.datasets.folders import is_inside, shown
from backend.catalog.datasets.reading import Row
from backend.catalog.datasets.splits import SPLITS
from backend.errors import DatasetError, Fault
from backend.reporting import Report, silent

#: in the order they are looked for; the last ones are what imagefolder data sets call it
CAPTIONS_FILES: Final = (
    "captions.json",
    "captions.jsonl",
    "captions.csv",
    "captions.parquet",
    "metadata.jsonl",
    "metadata.csv",
    "metadata.parquet",
)

#: suffixes that a captions file may have, whatever its name
SUFFIXES: Final = (".json", ".jsonl", ".csv", ".parquet")

#: what may name an item, in the order it is looked for
ITEM_COLUMNS: Final = ("file", "file_name", "image", "audio", "code", "text", "id")

#: csv's own limit of 131,072 characters a field, raised; a longer one is a broken file
_LONGEST_FIELD: Final = 1_000_000
_PARQUET_ROWS: Final = 2_000
_REPORT_EVERY: Final = 2_000
#: what spreadsheets put between fields, depending on their language; the first where none is there
_DELIMITERS: Final = ",;\t"


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
            if not is_inside(folder / name, folder):
                raise DatasetError(
                    f"{folder / name} is a link out of the data set's folder. Put the file itself there."
                )
            return folder / name
    raise DatasetError(
        f"The folder {folder} has no captions file. Add captions.json, a list of "
        '{"file": "a.jpg", "split": "train", "captions": ["..."]}, or captions.jsonl, captions.csv '
        "or captions.parquet."
    )


def read_rows(
    path: Path, columns: Mapping[str, str] | None = None, report: Report = silent
) -> Iterator[Row]:
    """Every entry of a captions file, in order; a table's lines are one entry an item.

    Args:
        path: the file; its suffix says its format.
        columns: the file's own name of a column by what it is here: {"image": "img"}.
        report: told the lines of a table that are read before the first entry is complete.

    Raises:
        DatasetError: the file as a whole cannot be read; one broken entry does not raise.
    """
    empty = True
    for row in _rows(path, columns or {}, report):
        empty = False
        yield row
    if empty:
        raise unreadable(path, "it is empty")


def unreadable(path: Path | str, reason: str) -> DatasetError:
    """The error of a file that cannot be used at all."""
    return DatasetError(
        f"The captions file {path} cannot be used. Correct it and try again.",
        [Fault(Path(path).name, reason)],
    )


def read_text(path: Path) -> str:
    """A whole file as text.

    Raises:
        DatasetError: it cannot be opened or is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise unreadable(path, f"line {line} is not UTF-8; save it as UTF-8") from error


def read_json(path: Path) -> Any:
    """A whole file as JSON.

    Raises:
        DatasetError: it cannot be opened or is no JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno}, column {error.colno} is not valid JSON ({error.msg})"
        raise unreadable(path, reason) from error
    except (RecursionError, ValueError) as error:
        raise unreadable(path, f"it is not valid JSON ({error})") from error


def _rows(path: Path, columns: Mapping[str, str], report: Report) -> Iterator[Row]:
    suffix = path.suffix.lower()
    if suffix in (".csv", ".parquet"):
        lines = _csv(path) if suffix == ".csv" else _parquet(path)
        yield from _grouped(path, lines, columns, report)
        return
    for row in _json_rows(path) if suffix == ".json" else _jsonl_rows(path):
        if columns and isinstance(row.value, dict):
            yield Row(row.where, _renamed(row.value, columns))
        else:
            yield row


def _renamed(entry: dict[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """The entry by the names used here; what else went by such a name is not meant."""
    hidden = {*columns, *columns.values()}
    if set(columns) & set(ITEM_COLUMNS[:-1]):
        hidden |= {*ITEM_COLUMNS[:-1]}
    if "caption" in columns:
        hidden |= {"captions", "text"}
    kept = {name: value for name, value in entry.items() if name not in hidden}
    return kept | {name: entry[own] for name, own in columns.items() if own in entry}


def _json_rows(path: Path) -> Iterator[Row]:
    entries = read_json(path)
    if not isinstance(entries, list):
        raise unreadable(path, f"it must hold a list of objects, not {type(entries).__name__}")
    for number, entry in enumerate(entries, 1):
        yield Row(f"{path.name} row {number}", entry)


def _jsonl_rows(path: Path) -> Iterator[Row]:
    try:
        with path.open("rb") as file:
            # binary lines end at \n alone: text lines also end at U+2028, which JSON allows
            for number, line in enumerate(file, 1):
                where = f"{path.name} line {number}"
                if not line.strip():
                    continue
                try:
                    yield Row(where, json.loads(line.decode("utf-8-sig")))
                except (RecursionError, ValueError) as error:
                    yield Row(where, None, f"not valid JSON ({error})")
    except OSError as error:
        raise unreadable(path, error.strerror or str(error)) from error


def _csv(path: Path) -> Iterator[tuple[str, list[Any] | str]]:
    """The header, then each line or why it is broken; where it stands comes with it."""
    previous = csv.field_size_limit(_LONGEST_FIELD)
    try:
        text = read_text(path)
        reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
        while True:
            before = reader.line_num
            try:
                line: list[Any] | str | None = next(reader, None)
            except csv.Error as error:
                line = f"it is not valid CSV ({error})"
                if "expected after" not in line or before == 0:  # where it ends is not known
                    what = f"what begins in line {before + 1} is not valid CSV ({error})"
                    raise unreadable(path, what) from error
            if line is None:
                return
            if line:
                yield f"{path.name} line {reader.line_num}", line
    finally:
        csv.field_size_limit(previous)


def _delimiter(text: str) -> str:
    """What stands between the names of the columns."""
    header = next(iter(text[:_LONGEST_FIELD].lstrip().splitlines()), "")
    return max(_DELIMITERS, key=header.count)


def _parquet(path: Path) -> Iterator[tuple[str, list[Any] | str]]:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(path) as file:
            for field in file.schema_arrow:
                if field.name in ITEM_COLUMNS and arrow.types.is_struct(field.type):
                    raise unreadable(
                        path,
                        f"its column {field.name} holds the items themselves. Give the folder as a "
                        f"Hub data set: hf://{path.parent}",
                    )
            yield f"{path.name} header", list(file.schema_arrow.names)
            number = 0
            for batch in file.iter_batches(_PARQUET_ROWS):
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    number += 1
                    yield f"{path.name} row {number}", list(values)
    except (OSError, arrow.ArrowException, UnicodeDecodeError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise unreadable(path, f"it is not valid Parquet ({reason})") from error


def _grouped(
    path: Path,
    lines: Iterator[tuple[str, list[Any] | str]],
    columns: Mapping[str, str],
    report: Report,
) -> Iterator[Row]:
    """One entry an item: its lines are joined, in the order of their first line."""
    _, header = next(lines, ("", []))
    places = _places(path, header, columns)
    item = next(name for name in ITEM_COLUMNS if name in places)
    rows: dict[Any, Row] = {}
    broken: list[Row] = []
    for number, (where, line) in enumerate(lines):
        if number % _REPORT_EVERY == 0:
            report(number, 0, "lines")
        if isinstance(line, str) or len(line) != len(header):
            what = "it has another number of fields than the first line"
            broken.append(Row(where, None, line if isinstance(line, str) else what))
            continue
        entry = {name: line[place] for name, place in places.items()}
        key = entry.get("id") or entry[item]
        captions = entry.pop("captions")
        captions = captions if isinstance(captions, list) else [captions]
        if not isinstance(key, str | int):
            broken.append(Row(where, {**entry, "captions": captions}))
        elif key not in rows:
            rows[key] = Row(where, {**_told(entry), "captions": captions})
        else:
            what = _contradiction(key, rows[key].value, entry, item)
            if what:
                broken.append(Row(where, None, what))
            else:
                _captions(rows[key]).extend(captions)
    yield from rows.values()
    yield from broken


def _captions(row: Row) -> list[Any]:
    assert isinstance(row.value, dict)
    captions: list[Any] = row.value["captions"]
    return captions


def _told(entry: dict[str, Any]) -> dict[str, Any]:
    """Attributes are JSON in a table; what is none is left for the check of rows to tell."""
    value = entry.get("attributes")
    if not isinstance(value, str):
        return entry
    try:
        return entry | {"attributes": json.loads(value) if value.strip() else None}
    except (RecursionError, ValueError):
        return entry


def _contradiction(key: Any, first: Any, entry: dict[str, Any], item: str) -> str:
    one, other = (str(each.get("split") or "").strip().lower() for each in (first, entry))
    if SPLITS.get(one, one) != SPLITS.get(other, other):
        return f"{shown(key)} was in another split before; use one split"
    if first[item] != entry[item]:
        return f"{shown(key)} was another item before; use another id"
    return ""


def _places(path: Path, header: Sequence[Any], columns: Mapping[str, str]) -> dict[str, int]:
    """The position of each column that is read, by what it is.

    Raises:
        DatasetError: nothing names the item or its captions.
    """
    names = {str(name).strip().lower(): place for place, name in enumerate(header)}
    own = {name: name for name in (*ITEM_COLUMNS, "captions", "caption", "split", "attributes")}
    if set(columns) & set(ITEM_COLUMNS[:-1]):
        for name in ITEM_COLUMNS[:-1]:
            own.pop(name)
    if "caption" in columns:
        own.pop("captions")
    own |= columns
    places = {name: names[c.strip().lower()] for name, c in own.items() if c.lower() in names}
    item = next((name for name in ITEM_COLUMNS if name in places), None)
    spoken = ("captions", "caption", *(("text",) if item != "text" else ()))
    captions = next((name for name in spoken if name in places), None)
    asked = [f"{own_name} ({what})" for what, own_name in columns.items() if what not in places]
    missing = asked or [
        name for name, found in (("file", item), ("caption", captions)) if found is None
    ]
    if missing or item is None or captions is None:
        raise unreadable(
            path,
            f"its first line must name the columns file (or image, audio, text, code or id), "
            f"caption and, if wanted, split; {' and '.join(missing)} is missing. It names "
            f"{shown([str(name) for name in header])}. Where columns are called otherwise, say so: "
            f"{path.name}?image=COLUMN&caption=COLUMN",
        )
    found = places.pop(captions)
    return {name: place for name, place in places.items() if name != "caption"} | {
        "captions": found
    }
