"""Webdataset shards: tar files in which members of one name before the first dot are one item.

    train-000.tar:  00001.jpg 00001.txt 00002.jpg 00002.json ...

Pictures (.jpg .png .webp ...) and recordings (.wav .flac ...) are read where they lie and never
unpacked. Captions are in .txt, .caption or .json ({"caption": ...} or {"captions": [...]}). An item's
split is the one in its JSON, else the one in the shard's name (train-000.tar), else a hash decides.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from backend.catalog.address import Address
from backend.catalog.datasets.folders import encodable, is_clutter, is_inside, modality_of, shown
from backend.catalog.datasets.reading import Reading, Row, broken, note
from backend.catalog.datasets.rows import check_rows
from backend.catalog.datasets.splits import SPLITS
from backend.errors import DatasetError, Fault
from backend.media.blobs import Blob
from backend.reporting import Report

OPTIONS: Final = ("layout",)

_CAPTIONS: Final = ("txt", "caption", "json")
_LONGEST_TEXT: Final = 1_000_000
_MOST_SHARDS: Final = 10_000
_FORGET_EVERY: Final = 1_000
_RANGE: Final = re.compile(r"\{(\d{1,9})\.\.(\d{1,9})\}")
_CHOICE: Final = re.compile(r"\{([^{}]+)\}")


def read(path: Path, address: Address, report: Report) -> Reading:
    """Reads the index of every shard; the items stay where they are.

    Args:
        path: a folder of shards, one shard, or a pattern as train-{000..009}.tar.
        address: has no options of its own.
        report: told the items found.

    Raises:
        DatasetError: there is no shard, or a pattern that names too many.
    """
    shards, gone = _shards(path)
    if not shards:
        raise DatasetError(f"There are no shards {path}. Give a folder with *.tar files.", gone)
    reading = Reading(source=path, layout="webdataset shards")
    reading.findings.extend(broken(fault) for fault in gone)
    members = _Members()
    rows = itertools.chain.from_iterable(members.rows(shard, reading) for shard in shards)
    check_rows(rows, members, reading, report)
    return reading


def is_pattern(name: str) -> bool:
    """Whether a file name stands for several shards."""
    return name.endswith(".tar") and bool(_CHOICE.search(name))


def shards_in(folder: Path) -> list[Path]:
    """The shards directly in a folder, in order of their names."""
    return sorted(path for path in folder.glob("*.tar") if not is_clutter(path.name))


def _shards(path: Path) -> tuple[list[Path], list[Fault]]:
    """The shards there are, and a fault for each that is named and is not there or a link out."""
    if path.is_dir():
        named = shards_in(path)
    elif is_pattern(path.name):
        named = [path.parent / name for name in _expanded(path.name)]
    else:
        named = [path]
    folder = path if path.is_dir() else path.parent
    found: list[Path] = []
    faults: list[Fault] = []
    for shard in named:
        if not shard.is_file():
            faults.append(Fault(shard.name, "there is no such shard"))
        elif not is_inside(shard, folder):
            faults.append(Fault(shard.name, "is a link out of the folder of shards"))
        else:
            found.append(shard)
    return found, faults


def _expanded(name: str) -> list[str]:
    """The names that a pattern stands for, in order."""
    names = [name]
    while True:
        match = _CHOICE.search(names[0])
        if match is None:
            return names
        if len(names) * len(_options(match.group(0))) > _MOST_SHARDS:
            raise DatasetError(f"{name} stands for more than {_MOST_SHARDS:,} shards. Name fewer.")
        names = [
            each[: match.start()] + option + each[match.end() :]
            for each in names
            # every name has the same pattern at another place: ranges may differ in width
            for match in [_CHOICE.search(each)]
            if match is not None
            for option in _options(match.group(0))
        ]


def _options(pattern: str) -> Sequence[str]:
    span = _RANGE.fullmatch(pattern)
    if span is None:
        return pattern[1:-1].split(",")
    first, last = int(span.group(1)), int(span.group(2))
    if not 0 <= last - first < _MOST_SHARDS:
        raise DatasetError(
            f"{pattern} stands for {max(0, last - first + 1):,} shards. Name from 1 to "
            f"{_MOST_SHARDS:,}."
        )
    return [str(number).zfill(len(span.group(1))) for number in range(first, last + 1)]


class _Members:
    """Members of shards, as the rows of a captions file; holds one item at a time."""

    def __init__(self) -> None:
        self._name = ""
        self._blob = Blob(Path())

    def find(self, name: Any) -> tuple[tuple[str, int], str]:
        """The item that was read last."""
        if name is None:
            return ("", 0), "there is no picture and no recording of this name"
        assert name == self._name and self._blob.size is not None
        return (name, self._blob.size), ""

    def blob(self, item_id: str) -> Blob:
        """The bytes of the item that was read last."""
        assert item_id == self._name
        return self._blob

    def rows(self, shard: Path, reading: Reading) -> Iterator[Row]:
        """The items of one shard."""
        others: Counter[str] = Counter()
        split = next(
            (SPLITS[w] for w in re.split(r"[^a-z]+", shard.stem.lower()) if w in SPLITS), None
        )
        try:
            with shard.open("rb") as file:
                members = _members(file, shard, reading)
                for key, group in itertools.groupby(members, lambda member: member[0]):
                    yield from self._item(shard, key, list(group), split, file, others)
        except OSError as error:
            what = f"cannot be read ({error.strerror or error})"
            reading.findings.append(broken(Fault(shard.name, what)))
        for ending, count in sorted(others.items()):
            what = f"{count:,} members that end in .{ending} are not read"
            reading.findings.append(note(shard.name, what))

    def _item(
        self,
        shard: Path,
        key: str,
        group: list[tuple[str, str, int, int]],
        split: str | None,
        file: BinaryIO,
        others: Counter[str],
    ) -> Iterator[Row]:
        where = f"{shard.name} sample {shown(key)[1:-1]}"
        entry: dict[str, Any] = {"id": f"{shard.stem}/{key}", "split": split}
        texts: dict[str, str] = {}
        for _, ending, offset, size in group:
            if ending in _CAPTIONS:
                if size > _LONGEST_TEXT:
                    yield Row(where, None, f".{ending} has {size:,} bytes, too many for a caption")
                    continue
                file.seek(offset)
                texts[ending] = file.read(size).decode("utf-8-sig", "replace")
            elif modality_of(f"x.{ending}") is None:
                others[ending] += 1
            elif "file" in entry:
                yield Row(where, None, f"has two items; .{ending} is not used")
            else:
                self._name = f"{shard.stem}/{key}.{ending}"
                self._blob = Blob(shard, offset, size)
                entry["file"] = self._name
        if "file" not in entry and not texts:
            return  # nothing of a pair: told by its endings
        fault = _tell(entry, texts)
        if fault:
            yield Row(where, None, fault)
        entry.setdefault("file", None)
        # without a file this must not pass for an item known by its id alone
        if entry["file"] is None:
            yield Row(where, None, "there is no picture and no recording of this name")
        elif not fault or "captions" in entry:
            yield Row(where, entry)


def _tell(entry: dict[str, Any], texts: dict[str, str]) -> str:
    """Adds captions, split and attributes; returns what is wrong with the JSON."""
    fault = ""
    if "json" in texts:
        try:
            told = json.loads(texts["json"])
        except (RecursionError, ValueError) as error:
            told, fault = {}, f".json is not valid JSON ({error})"
        if not isinstance(told, dict):
            told, fault = {}, f".json must be an object, not {shown(told)}"
        if told.get("split") not in (None, ""):
            entry["split"] = told["split"]  # one that is not known is a fault: it may be held out
        entry["attributes"] = told.get("attributes")
        captions = told.get("captions", told.get("caption", told.get("text")))
        if captions is not None:
            entry["captions"] = captions
    plain = texts.get("txt", texts.get("caption"))
    if plain is not None and "captions" not in entry:
        entry["captions"] = plain.strip()
    return fault


def _members(file: BinaryIO, shard: Path, reading: Reading) -> Iterator[tuple[str, str, int, int]]:
    """Key, ending, offset and size of each regular member; what is wrong becomes a finding."""

    def wrong(what: str, name: str = "") -> None:
        where = f"{shard.name} member {shown(name)}" if name else shard.name
        reading.findings.append(broken(Fault(where, what)))

    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    last = 0
    try:
        with tarfile.open(fileobj=file, mode="r:", errorlevel=1) as archive:
            for number, member in enumerate(iter(archive.next, None)):
                if number % _FORGET_EVERY == 0:
                    vars(archive)["members"] = []  # it keeps every member that it has seen
                last = archive.offset
                name = member.name
                if member.isdir() or is_clutter(name.rpartition("/")[2]):
                    continue
                if not member.isreg() or member.issparse():
                    wrong("is a link or no plain file", name)
                elif "\0" in name or not encodable(name):
                    wrong("has a name that cannot be read", name)
                elif member.offset_data + member.size > length:
                    wrong("is cut off; the shard ends before it", name)
                elif "." not in name.rpartition("/")[2]:
                    wrong("has no ending that says what it is", name)
                else:
                    folder, slash, rest = name.rpartition("/")
                    key, _, ending = rest.partition(".")
                    yield folder + slash + key, ending.lower(), member.offset_data, member.size
    except (tarfile.TarError, ValueError, OverflowError, EOFError, RecursionError) as error:
        wrong(f"is damaged after byte {last:,} ({error}); what comes before is used")
        return
    file.seek(last)
    end = file.read(512)
    if end.strip(b"\0"):
        wrong(f"is damaged after byte {last:,}; what comes before is used")
