"""A folder of pictures or recordings with a captions file; or the file alone, of texts or code."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from backend.catalog.address import Address
from backend.catalog.datasets.captions_file import captions_file, read_rows
from backend.catalog.datasets.folders import Folder, is_inside
from backend.catalog.datasets.reading import Reading
from backend.catalog.datasets.rows import check_rows
from backend.errors import DatasetError
from backend.reporting import Report

OPTIONS: Final = ("layout", "images", "image", "audio", "text", "code", "caption", "id")

#: options that name a column of the file
_COLUMNS: Final = ("image", "audio", "text", "code", "caption", "id")


def read(path: Path, address: Address, report: Report) -> Reading:
    """Reads the set.

    Args:
        path: the folder, or its captions file under any name.
        address: ``images`` names the folder of the files; ``image``, ``audio``, ``text``, ``code``,
            ``caption`` and ``id`` name columns that are called otherwise in the file.
        report: told the rows checked.

    Raises:
        DatasetError: the captions file cannot be read.
    """
    file = captions_file(path) if path.is_dir() else path
    columns = {name: address.get(name) for name in _COLUMNS if address.get(name)}
    folder = items_folder(file.parent, address.get("images"))
    reading = Reading(source=file)
    check_rows(read_rows(file, columns, report), Folder(folder), reading, report)
    modality = reading.records[0].modality if reading.records else "image"
    kind = {"image": "pictures with", "audio": "recordings with"}.get(modality, "the rows of")
    reading.layout = f"{kind} {file.name}"
    return reading


def items_folder(folder: Path, asked: str = "") -> Path:
    """Where the files are: the folder asked for, else ``images/`` or ``audio/``, else the folder.

    Raises:
        DatasetError: there is no such folder, or it is a link that leads elsewhere.
    """
    if asked:
        given = folder / Path(asked).expanduser()
        if "\0" in asked or not given.is_dir():
            raise DatasetError(f"There is no folder {given}. Correct the option images.")
        return given
    items = next((folder / name for name in ("images", "audio") if (folder / name).is_dir()), None)
    if items is None:
        return folder
    if not is_inside(items, folder):
        raise DatasetError(
            f"{items} is a link out of the data set's folder. Put the files there, or give the "
            "folder that it leads to, with the captions file in it."
        )
    return items
