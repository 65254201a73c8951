"""Folders named as classes, for zero-shot classification: the name in a sentence is the caption.

    root/cat/1.jpg, root/dog/7.jpg               splits by a hash of the id (cat/1.jpg)
    root/train/cat/1.jpg, root/test/dog/7.jpg    splits as the folders say

Every template gives one caption an item: "a photo of a {}." with the class for ``{}``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from backend.catalog.address import Address
from backend.catalog.datasets.folders import (
    Folder,
    encodable,
    is_clutter,
    is_inside,
    modality_of,
    shown,
)
from backend.catalog.datasets.reading import Reading, Row, note
from backend.catalog.datasets.rows import check_rows
from backend.catalog.datasets.splits import SPLITS
from backend.errors import DatasetError, Fault
from backend.reporting import Report

OPTIONS: Final = ("layout", "template")

DEFAULT_TEMPLATE: Final = "a photo of a {}."

#: so that nobody takes recall for the accuracy of a zero-shot classifier
RECALL: Final = (
    "all items of a class have the same captions, and recall counts an item's own alone: it is far "
    "below the share of items whose class is found"
)


def read(path: Path, address: Address, report: Report) -> Reading:
    """Reads the set.

    Args:
        path: the folder of class folders, or of split folders with class folders in them.
        address: each ``template`` gives a caption; without, "a photo of a {}.".
        report: told the files looked at.

    Raises:
        DatasetError: a template without ``{}``, or no folder of a class.
    """
    templates = templates_of(address)
    if not looks_so(path):
        raise DatasetError(f"The folder {path} has no folders of classes with pictures in them.")
    folder = Folder(path)
    names = _folders(path)
    bare = [name for name in names if name.lower() in SPLITS and _holds_items(path / name)]
    if len(bare) > 1 and len(bare) == len(names):
        raise DatasetError(
            f"The folders {' and '.join(bare)} of {path} are splits, but nothing says what is in their "
            "files. Add a captions file to the folder, or put the files into folders of classes."
        )
    splits = _splits(path, names)
    reading = Reading(source=path, layout="folders of classes")
    reading.findings.append(note("captions", RECALL))
    rows: Iterator[Row] = (
        _split_rows(path, names, splits, templates)
        if splits
        else _class_rows(path, "", names, None, templates)
    )
    return check_rows(rows, folder, reading, report)


def templates_of(address: Address) -> tuple[str, ...]:
    """The sentences that captions are made of.

    Raises:
        DatasetError: one has no ``{}``; lists all such.
    """
    templates = address.all("template") or (DEFAULT_TEMPLATE,)
    wrong = [template for template in templates if "{}" not in template]
    if wrong:
        raise DatasetError(
            "A template must hold {} where the class's name belongs.",
            [Fault("template", f"{shown(template)} has no {{}}") for template in wrong],
        )
    return templates


def spoken_name(name: str) -> str:
    """A class's name as it stands in a sentence."""
    return " ".join(name.replace("_", " ").replace("-", " ").split()) or name


def looks_so(path: Path) -> bool:
    """Whether some folder below holds pictures or recordings as a class does."""
    for name in _folders(path):
        below = path / name
        if _holds_items(below):
            return True
        if name.lower() in SPLITS and any(_holds_items(below / each) for each in _folders(below)):
            return True
    return False


def _split_rows(
    path: Path, names: Sequence[str], splits: Sequence[str], templates: Sequence[str]
) -> Iterator[Row]:
    for name in names:
        if name in splits:
            classes = _folders(path / name)
            yield from _class_rows(path, f"{name}/", classes, SPLITS[name.lower()], templates)
            yield from _odd_files(path, name, "is not in a class's folder")
        else:
            what = f"is beside folders of splits ({', '.join(splits)}), so it is not read"
            yield Row(f"folder {name}", None, what)
    yield from _odd_files(path, "", "is not in a class's folder")


def _class_rows(
    path: Path, below: str, names: Sequence[str], split: str | None, templates: Sequence[str]
) -> Iterator[Row]:
    """One row an item of each class folder; every other file and folder is a fault."""
    if not below:
        yield from _odd_files(path, "", "is not in a class's folder")
    for name in names:
        if not _inside(path / below / name):
            yield Row(f"folder {below}{name}", None, "is a link out of the data set's folder")
        spoken = spoken_name(name)
        captions = [template.replace("{}", spoken) for template in templates]
        for entry in _entries(path / below / name):
            file = f"{below}{name}/{entry.name}"
            if not encodable(file):
                yield Row(f"folder {below}{name}", None, f"{shown(file)} has no readable name")
            elif entry.is_dir(follow_symlinks=False):
                yield Row(f"folder {file}", None, "folders inside a class's folder are not read")
            elif modality_of(entry.name) is None:
                yield Row(f"file {file}", None, "is neither a picture nor a recording, by its name")
            else:
                told = {"file": file, "captions": captions, "attributes": {"class": spoken}}
                yield Row(f"file {file}", told | ({"split": split} if split else {}))


def _odd_files(path: Path, below: str, what: str) -> Iterator[Row]:
    for entry in _entries(path / below):
        if not entry.is_dir():
            name = (Path(below) / entry.name).as_posix()
            yield Row(f"file {name if encodable(name) else shown(name)}", None, what)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, in order, without what systems leave there; nothing behind a link out."""
    if not _inside(folder):
        return []
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not is_clutter(entry.name)]
    except OSError:
        return []
    return sorted(found, key=lambda entry: entry.name)


def _inside(folder: Path) -> bool:
    """Whether a folder is no link, or one that leads to a folder beside it."""
    return not folder.is_symlink() or is_inside(folder, folder.parent)


def _folders(path: Path) -> list[str]:
    """Folders inside, by name; links to folders are among them."""
    return [entry.name for entry in _entries(path) if entry.is_dir() and encodable(entry.name)]


def _holds_items(folder: Path) -> bool:
    return any(modality_of(e.name) is not None for e in _entries(folder) if not e.is_dir())


def _splits(path: Path, names: Sequence[str]) -> list[str]:
    """Folders named as splits that hold folders; a class may be called train, too.

    One with files beside its folders is a split where another one surely is.
    """
    some = [name for name in names if name.lower() in SPLITS and _folders(path / name)]
    return some if any(not _holds_items(path / name) for name in some) else []
