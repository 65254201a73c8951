"""Checks the entries of a captions file: what is usable becomes a record, the rest a fault.

Nothing is dropped without a fault, and nothing is read from outside the data set's folder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, TypeAlias

from backend.catalog.captions_file import Row
from backend.errors import Fault
from backend.reporting import Report

#: names that other data sets use; "restval" is Karpathy's second part of COCO's training images
SPLITS: Final[dict[str, str]] = {
    "train": "train",
    "training": "train",
    "restval": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}

_REPORT_EVERY: Final = 500


@dataclass(frozen=True)
class ImageRecord:
    """One image with its captions.

    Attributes:
        id: its path below the folder of images, with forward slashes.
        path: where the file is.
        split: "train", "val" or "test".
        captions: at least one.
        attributes: what the map may colour by, e.g. {"shape": "star"}; often empty.
    """

    id: str
    path: Path
    split: str
    captions: tuple[str, ...]
    attributes: dict[str, str] = field(default_factory=dict)


#: a value, or why there is none
Checked: TypeAlias = tuple[Any, str]


def check_rows(
    rows: Sequence[Row], images: Path, report: Report
) -> tuple[list[ImageRecord], list[int], list[Fault]]:
    """Turns entries into records.

    Args:
        rows: as read from the captions file.
        images: the folder that image names are relative to.
        report: told the rows checked.

    Returns:
        The usable records; the size in bytes of each one's file; a fault for everything left out.
    """
    records: list[ImageRecord] = []
    sizes: list[int] = []
    faults: list[Fault] = []
    seen: dict[str, str] = {}
    folder = _Folder(images)
    for number, row in enumerate(rows):
        if number % _REPORT_EVERY == 0:
            report(number, len(rows), "rows")
        record, size, what = _check_row(row, folder)
        if record is not None and record.id in seen:
            what = [f"{record.id} was given before, in {seen[record.id]}"]
            record = None
        faults += [Fault(row.where, reason) for reason in what]
        if record is not None:
            seen[record.id] = row.where
            records.append(record)
            sizes.append(size)
    report(len(rows), len(rows), "rows")
    return records, sizes, faults


def split_of(image_id: str) -> str:
    """The split of an image that came without one: 80 / 10 / 10 percent, by a hash of its id alone.

    It stays the same however the set grows.
    """
    percent = stable_number(image_id) % 100
    return "train" if percent < 80 else "val" if percent < 90 else "test"


def stable_number(text: str) -> int:
    """A number that depends on the text alone, on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _check_row(row: Row, folder: _Folder) -> tuple[ImageRecord | None, int, list[str]]:
    """The record, its file's size, and every fault; a record may still lack a caption."""
    if row.fault:
        return None, 0, [row.fault]
    entry = row.value
    if not isinstance(entry, dict):
        return None, 0, [f'must be an object with "file" and "captions", not {_shown(entry)}']
    (file, size), no_file = folder.find(entry.get("file"))
    split, no_split = _split(entry.get("split"), file)
    captions, lost = _captions(entry)
    attributes, no_attributes = _attributes(entry.get("attributes"))
    faults = [fault for fault in (no_file, no_split, *lost, no_attributes) if fault]
    if no_file or no_split or not captions:
        return None, 0, faults
    return ImageRecord(file, folder.path / file, split, captions, attributes), size, faults


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _split(value: Any, file: str) -> Checked:
    if value is None or value == "":
        return split_of(file), ""
    known = SPLITS.get(value.strip().lower()) if isinstance(value, str) else None
    if known is None:
        return "", f"split must be train, val or test, not {_shown(value)}"
    return known, ""


def _captions(entry: dict[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    """The usable captions and a fault for each other one."""
    value = entry.get("captions", entry.get("caption"))
    if value is None:
        return (), ["captions are missing"]
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not value:
        return (), [f"captions must be a list of sentences, not {_shown(value)}"]
    kept: list[str] = []
    faults: list[str] = []
    for number, caption in enumerate(value, 1):
        if not isinstance(caption, str):
            faults.append(f"caption {number} must be text, not {_shown(caption)}")
        elif not caption.strip():
            faults.append(f"caption {number} is empty")
        elif not _encodable(caption):
            faults.append(f"caption {number} has half a character (a lone surrogate)")
        else:
            kept.append(caption)
    return tuple(kept), faults


def _attributes(value: Any) -> Checked:
    if value is None:
        return {}, ""
    good = isinstance(value, dict) and all(isinstance(word, str) for word in value.values())
    return (value, "") if good else ({}, f"attributes must be words by name, not {_shown(value)}")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Folder:
    """A folder of images that no name and no link leads out of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real = path.resolve()
        #: regular files directly inside, by name: they need no further look
        self._sizes: dict[str, int] = {}
        if path.is_dir():
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        self._sizes[entry.name] = entry.stat(follow_symlinks=False).st_size

    def find(self, name: Any) -> tuple[tuple[str, int], str]:
        """The image's id and size, or why it cannot be used."""
        nothing = ("", 0)
        if not isinstance(name, str) or not name.strip():
            given = "is missing" if name is None else f"must be a file name, not {_shown(name)}"
            return nothing, f"file {given}"
        if "\0" in name or not _encodable(name):
            return nothing, f"file {_shown(name)} has characters that no file name has"
        posix = PurePosixPath(name.replace("\\", "/"))
        drive = len(name) > 1 and name[1] == ":"
        if posix.is_absolute() or ".." in posix.parts or drive:
            return nothing, f"file {_shown(name)} leads out of the folder of images"
        if posix.as_posix() in self._sizes:
            return (posix.as_posix(), self._sizes[posix.as_posix()]), ""
        return self._look(posix, name)

    def _look(self, posix: PurePosixPath, name: str) -> tuple[tuple[str, int], str]:
        """Files in folders below, and links."""
        nothing = ("", 0)
        try:
            real = (self.path / posix).resolve()
            if not real.is_relative_to(self._real):
                return nothing, f"file {_shown(name)} is a link out of the folder of images"
            if not real.is_file():
                return nothing, f"there is no image {_shown(name)}"
            return (posix.as_posix(), real.stat().st_size), ""
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            return nothing, f"file {_shown(name)} cannot be looked at ({error})"
