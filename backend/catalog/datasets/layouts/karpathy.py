"""Karpathy's JSON files: dataset_coco.json, dataset_flickr30k.json, dataset_flickr8k.json.

    {"images": [{"filepath": "val2014", "filename": "COCO_val2014_000000391895.jpg",
                 "split": "test", "sentences": [{"raw": "A man with a red helmet ..."}, ...]}]}

Source of the format and the splits: Karpathy and Fei-Fei 2015. "restval" counts as train, as is usual.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from backend.catalog.address import Address
from backend.catalog.datasets.captions_file import read_json
from backend.catalog.datasets.folders import Folder, is_inside, shown
from backend.catalog.datasets.layouts.captions_files import items_folder
from backend.catalog.datasets.reading import Reading, Row
from backend.catalog.datasets.rows import check_rows
from backend.errors import DatasetError, Fault
from backend.reporting import Report

OPTIONS: Final = ("layout", "images")

#: entries that are looked for to find the folder that holds the pictures
_TRIED: Final = 50


def read(path: Path, address: Address, report: Report) -> Reading:
    """Reads the set.

    Args:
        path: the JSON file, or a folder with one named dataset_*.json.
        address: ``images`` names the folder of the pictures; without it they are looked for beside
            the file and in the folders beside it.
        report: told the rows checked.

    Raises:
        DatasetError: the file is no JSON of this form.
    """
    file = found_in(path) if path.is_dir() else path
    if file is None:
        raise DatasetError(f"The folder {path} has no dataset_*.json. Give the JSON file itself.")
    entries = _entries(file, read_json(file))
    folder = Folder(_pictures_folder(file.parent, address.get("images"), entries))
    reading = Reading(source=file, layout=f"Karpathy's {file.name}")
    return check_rows(_rows(file.name, entries, folder), folder, reading, report, len(entries))


def found_in(folder: Path) -> Path | None:
    """The one JSON file of this form in a folder, by its name."""
    files = [file for file in folder.glob("dataset_*.json") if is_inside(file, folder)]
    return files[0] if len(files) == 1 else None


def _entries(file: Path, content: Any) -> list[Any]:
    entries = content.get("images") if isinstance(content, dict) else None
    if isinstance(content, dict) and "annotations" in content:
        raise DatasetError(
            f"{file} is of COCO's own form, which has no test split that can be used. Give Karpathy's "
            "dataset_coco.json, or write its captions into a captions.jsonl.",
            [Fault(file.name, 'it has "annotations" beside "images"')],
        )
    if not isinstance(entries, list) or not entries:
        raise DatasetError(
            f"{file} is not a JSON file of Karpathy's form. Correct it and try again.",
            [Fault(file.name, 'it must be an object with "images", a list of objects')],
        )
    return entries


def _pictures_folder(beside: Path, asked: str, entries: Sequence[Any]) -> Path:
    """The folder in which most of the first entries are found."""
    usual = items_folder(beside, asked)
    if asked:
        return usual
    below = sorted(entry for entry in beside.iterdir() if entry.is_dir())
    below = [entry for entry in below if is_inside(entry, beside)]
    best, most = usual, 0
    for candidate in dict.fromkeys([usual, beside, *below]):
        folder = Folder(candidate)
        found = sum(bool(_file(entry, folder)[0]) for entry in entries[:_TRIED])
        if found > most:
            best, most = candidate, found
    return best


def _file(entry: Any, folder: Folder) -> tuple[str, Any]:
    """Where an entry's picture is, empty when nowhere; and its name as it is given."""
    if not isinstance(entry, dict):
        return "", None
    name, path = entry.get("filename"), entry.get("filepath")
    names = [name]
    if isinstance(name, str) and isinstance(path, str) and path:
        names.insert(0, f"{path}/{name}")
    for given in names:
        (found, _), fault = folder.find(given)
        if not fault:
            return found, given
    return "", names[0]


def _rows(file: str, entries: list[Any], folder: Folder) -> Iterator[Row]:
    for number, entry in enumerate(entries, 1):
        where = f"{file} image {number}"
        if not isinstance(entry, dict):
            what = f'must be an object with "filename" and "sentences", not {shown(entry)}'
            yield Row(where, None, what)
            continue
        found, given = _file(entry, folder)
        sentences = entry.get("sentences")
        captions = (
            [each.get("raw") if isinstance(each, dict) else each for each in sentences]
            if isinstance(sentences, list)
            else sentences
        )
        yield Row(
            where, {"file": found or given, "split": entry.get("split"), "captions": captions}
        )
