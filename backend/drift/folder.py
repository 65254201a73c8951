"""Chains as a folder of tables and pictures, in the layout of Mollah et al. 2025, written and read.

So chains made here can be scored by others, and those made elsewhere here. Tables are UTF-8. Everything is
joined by file name without suffix: a table and a folder may have any order, and one that lacks an item
shifts no other. What is wrong anywhere is told at once, before anything is used.

A generation is written item by item and each file appears when it is whole.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from PIL import Image

from backend.catalog.datasets.folders import is_clutter, is_inside, modality_of, shown
from backend.drift.names import (
    PROTOCOLS,
    Protocol,
    entry_name,
    generation_of,
    safe_stem,
    side_at,
    stem_of,
    wrong_with,
)
from backend.errors import Fault, InvalidInput, StorageError
from backend.reporting import Report, silent
from backend.schemas import Side
from backend.whole_files import whole_file

COLUMNS: Final = ("filename", "caption")
_NAMED: Final = 3  # items named in a fault

T = TypeVar("T")


@dataclass(frozen=True)
class ChainFolder:
    """Chains that were found whole.

    Attributes:
        root: the folder.
        items: of each protocol that is there, what generation 0 has, in order.
        generations: of each protocol, ascending from 0.
        missing: items that a generation lacks, by protocol and generation; only where that was allowed.
    """

    root: Path
    items: dict[Protocol, tuple[str, ...]]
    generations: dict[Protocol, tuple[int, ...]]
    missing: dict[tuple[Protocol, int], tuple[str, ...]]

    def captions(self, protocol: Protocol, generation: int) -> Iterator[tuple[str, str]]:
        """Items and their captions at a generation of texts, one after the other.

        Raises:
            InvalidInput: the table was changed since it was looked at.
        """
        for where, row in _table(self.root / protocol / entry_name(protocol, generation)):
            if isinstance(row, str):
                raise InvalidInput(
                    "These chains have changed. Open them again.", [Fault(where, row)]
                )
            yield stem_of(row[0]), row[1]

    def pictures(self, protocol: Protocol, generation: int) -> Iterator[tuple[str, Path]]:
        """Items and their files at a generation of pictures, by name."""
        folder = self.root / protocol / entry_name(protocol, generation)
        for name in sorted(os.listdir(folder)):
            if not is_clutter(name):
                yield stem_of(name), folder / name


def open_chains(root: Path, incomplete: bool = False, report: Report = silent) -> ChainFolder:
    """Looks at a whole folder of chains.

    Args:
        root: holds text-first/, image-first/ or both.
        incomplete: generations may lack items, and generations may be missing; then they are told in
            what is returned and count nowhere.
        report: told the generations read of each; may raise ``Cancelled``.

    Raises:
        InvalidInput: nothing is there, or something cannot be used; lists everything, with its place.
    """
    faults: list[Fault] = []
    folder = ChainFolder(root, {}, {}, {})
    there = [protocol for protocol in PROTOCOLS if (root / protocol).is_dir()]
    if not there:
        raise InvalidInput(
            f"{root} holds no chains. Give the folder that holds text-first/ or image-first/, with "
            "gen-0.csv or gen-0/, and so on."
        )
    for protocol in there:
        if not is_inside(root / protocol, root):
            faults.append(
                Fault(protocol, "is a link out of the folder; put the folder itself there")
            )
            continue
        numbers = _generations(root, protocol, incomplete, faults)
        folder.generations[protocol] = tuple(numbers)
        first: dict[str, None] = {}
        for done, number in enumerate(numbers):
            report(done, len(numbers), "generations")
            items = _items(root, protocol, number, faults)
            if number == 0:
                first = items
                folder.items[protocol] = tuple(items)
                continue
            gone = _held_against(first, items, f"{protocol}/{entry_name(protocol, number)}", faults)
            if gone:
                folder.missing[protocol, number] = gone
    if not incomplete:
        for (protocol, number), gone in folder.missing.items():
            where = f"{protocol}/{entry_name(protocol, number)}"
            told = f"lacks {len(gone)} of {len(folder.items[protocol])} items: {_named(gone)}"
            faults.append(Fault(where, told))
    if faults:
        raise InvalidInput(f"The chains in {root} cannot be used. Correct them.", faults)
    return folder


def with_protocol(root: Path) -> Path:
    """Puts chains of one protocol, whose own folder was left out, where they belong.

    Args:
        root: may be changed.
    """
    first: dict[Protocol, str] = {each: entry_name(each, 0) for each in PROTOCOLS}
    for protocol, name in first.items():
        if (root / name).exists() and not any((root / each).exists() for each in PROTOCOLS):
            entries = list(root.iterdir())
            (root / protocol).mkdir()
            for entry in entries:
                entry.rename(root / protocol / entry.name)
    return root


def write_captions(
    root: Path, protocol: Protocol, generation: int, rows: Iterable[tuple[str, str]]
) -> int:
    """Writes a generation of texts.

    Args:
        root: made where it is missing.
        rows: items and captions, each item once.

    Returns:
        How many there were.

    Raises:
        InvalidInput: it is a generation of pictures, or an item comes twice; nothing is written.
        StorageError: the disk is full or may not be written.
    """
    target = _target(root, protocol, generation, "text")
    count = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as draft, draft.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for stem, caption in _once(rows):
                table.writerow((f"{stem}.png", caption))
                count += 1
    except OSError as error:
        raise _not_written(target, error) from error
    return count


def write_pictures(
    root: Path, protocol: Protocol, generation: int, rows: Iterable[tuple[str, Image.Image]]
) -> int:
    """Writes a generation of pictures as PNG.

    Those that are there already are replaced; others in the folder stay.

    Args:
        root: made where it is missing.
        rows: items and pictures, each item once. One picture is held at a time.

    Returns:
        How many there were.

    Raises:
        InvalidInput: it is a generation of texts, or an item comes twice.
        StorageError: the disk is full or may not be written.
    """
    folder = _target(root, protocol, generation, "image")
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stem, picture in _once(rows):
            with whole_file(folder / f"{stem}.png") as draft:
                picture.save(draft, format="PNG")
            count += 1
    except OSError as error:
        raise _not_written(folder, error) from error
    return count


def _target(root: Path, protocol: Protocol, generation: int, side: Side) -> Path:
    name = f"generation {generation} of {protocol}"
    if generation < 0 or side_at(protocol, generation) != side:
        raise InvalidInput(f"{name} holds no {'texts' if side == 'text' else 'pictures'}.")
    return root / protocol / entry_name(protocol, generation)


def _once(rows: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Rows under the stems of their items.

    Raises:
        InvalidInput: an item comes a second time.
    """
    seen: set[str] = set()
    for item, content in rows:
        stem = safe_stem(item)
        if stem in seen:
            raise InvalidInput(f"{shown(item)} comes twice in one generation. Give each item once.")
        seen.add(stem)
        yield stem, content


def _not_written(path: Path, error: OSError) -> StorageError:
    reason = error.strerror or str(error)
    return StorageError(f"{path} cannot be written ({reason}). Free some space or choose a folder.")


def _generations(
    root: Path, protocol: Protocol, incomplete: bool, faults: list[Fault]
) -> list[int]:
    """The generations that are there; what is wrong with their names is noted."""
    found: set[int] = set()
    for name in sorted(os.listdir(root / protocol)):
        told = generation_of(name)
        if told is None:
            if name.startswith("gen-"):
                faults.append(
                    Fault(f"{protocol}/{name}", "is no generation; call it gen-0, gen-1.csv ...")
                )
            continue
        number, side = told
        path = root / protocol / name
        if side != side_at(protocol, number):
            expected = entry_name(protocol, number)
            faults.append(
                Fault(f"{protocol}/{name}", f"is of the other modality; {expected} is expected")
            )
        elif not is_inside(path, root) or path.is_dir() != (side == "image"):
            kind = "folder" if side == "image" else "file"
            faults.append(Fault(f"{protocol}/{name}", f"is no {kind} of this folder"))
        else:
            found.add(number)
    gone = [number for number in range(max(found, default=0) + 1) if number not in found]
    if 0 in gone or (gone and not incomplete):
        names = _named([entry_name(protocol, number) for number in gone])
        faults.append(Fault(protocol, f"lacks {names}"))
    return sorted(found)


def _items(root: Path, protocol: Protocol, number: int, faults: list[Fault]) -> dict[str, None]:
    """Items of a generation, in order; what is wrong with its rows or files is noted."""
    path = root / protocol / entry_name(protocol, number)
    told = _table(path) if side_at(protocol, number) == "text" else _files(path, root)
    items: dict[str, None] = {}
    for where, row in told:
        wrong = row if isinstance(row, str) else ""
        item = "" if isinstance(row, str) else stem_of(row[0])
        if not wrong and item in items:
            wrong = f"{shown(item)} is there already; keep one"
        if wrong:
            faults.append(Fault(f"{protocol}/{where}", wrong))
        else:
            items[item] = None
    return items


def _held_against(
    first: dict[str, None], items: dict[str, None], where: str, faults: list[Fault]
) -> tuple[str, ...]:
    """Items of generation 0 that a later one lacks; items that it has beyond are noted."""
    strangers = [item for item in items if item not in first]
    if strangers and first:
        told = f"has {len(strangers)} items that generation 0 has not: {_named(strangers)}"
        faults.append(Fault(where, told))
    return tuple(item for item in first if item not in items)


def _table(path: Path) -> Iterator[tuple[str, Sequence[str] | str]]:
    """(file name, caption) of each line of a table, or what is wrong with it, and where it stands."""
    try:
        with path.open("rb") as file:
            yield from _rows(path.name, file)
    except OSError as error:
        yield path.name, f"cannot be read ({error.strerror or error})"


def _rows(name: str, file: Iterable[bytes]) -> Iterator[tuple[str, Sequence[str] | str]]:
    try:
        # by line, so that a fault has its number; a caption may go over several
        lines = (line.decode("utf-8-sig" if at == 0 else "utf-8") for at, line in enumerate(file))
        reader = csv.reader(lines, strict=True)
        header = [column.strip().lower() for column in next(reader, [])]
        if not set(COLUMNS) <= set(header):
            yield f"{name} line 1", f"must name the columns {' and '.join(COLUMNS)}"
            return
        places = [header.index(column) for column in COLUMNS]
        for row in reader:
            where = f"{name} line {reader.line_num}"
            if not row:
                continue
            if len(row) != len(header):
                yield where, f"has {len(row)} fields, the first line {len(header)}"
            else:
                filename, caption = (row[place] for place in places)
                yield where, wrong_with(filename) or (filename, caption)
    except UnicodeDecodeError:
        yield f"{name} line {reader.line_num + 1}", "is not UTF-8; save the table as UTF-8"
    except csv.Error as error:
        yield f"{name} line {reader.line_num}", f"is not valid CSV ({error})"


def _files(folder: Path, root: Path) -> Iterator[tuple[str, Sequence[str] | str]]:
    """The file name of each picture of a folder, or what is wrong with it."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield folder.name, f"cannot be read ({error.strerror or error})"
        return
    for entry in entries:
        where = f"{folder.name}/{entry.name}"
        if is_clutter(entry.name):
            continue
        if not is_inside(Path(entry.path), root) or not entry.is_file():
            yield where, "is no file of this folder"
        elif modality_of(entry.name) != "image":
            yield where, "is no picture"
        elif entry.stat().st_size == 0:
            yield where, "is empty"
        else:
            yield where, (entry.name, "")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(shown(name) for name in names[:_NAMED]) + more
