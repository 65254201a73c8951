"""A file of labels beside the pictures, for zero-shot classification: labels.json.

    {"classes": ["grand_piano", "ketch"],
     "display": {"ketch": "sailboat"},
     "items": [{"file": "ketch/7.jpg", "label": "ketch", "split": "test"}, {"file": "1.jpg", "label": 0}]}

``display`` (a list as long as the classes, or names by class) is how classes are spoken; a class
without is spoken by its name. A label is a class's name or its place from 0. Items may have a split,
captions and attributes; without captions, each template gives one, as for folders of classes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from backend.catalog.address import Address
from backend.catalog.datasets.captions_file import read_json
from backend.catalog.datasets.folders import Folder, encodable, is_inside, shown
from backend.catalog.datasets.layouts.captions_files import items_folder
from backend.catalog.datasets.layouts.class_folders import RECALL, spoken_name, templates_of
from backend.catalog.datasets.reading import Reading, Row, note
from backend.catalog.datasets.rows import check_rows
from backend.errors import DatasetError, Fault
from backend.reporting import Report

OPTIONS: Final = ("layout", "images", "template")

_NAME: Final = "labels.json"
#: how such a file begins; others are asked for by ``layout=labels``
_BEGIN: Final = re.compile(rb'(\xef\xbb\xbf)?\s*\{\s*"(classes|display|items)"\s*:')
_LOOKED_AT: Final = 1000


def read(path: Path, address: Address, report: Report) -> Reading:
    """Reads the set.

    Args:
        path: the folder with labels.json, or such a file under any name.
        address: ``images`` names the folder of the files; each ``template`` gives a caption to items
            that have none, without, "a photo of a {}.".
        report: told the rows checked.

    Raises:
        DatasetError: the file is no JSON of this form; lists every fault.
    """
    templates = templates_of(address)
    file = path / _NAME if path.is_dir() else path
    if not is_inside(file, file.parent):
        raise DatasetError(
            f"{file} is a link out of the data set's folder. Put the file itself there."
        )
    classes, spoken, items = _content(file, read_json(file))
    folder = Folder(items_folder(file.parent, address.get("images")))
    reading = Reading(source=file, layout=f"items labelled by {file.name}")
    if any(not _told(item) for item in items):
        reading.findings.append(note("captions", RECALL))
    rows = _rows(file.name, items, classes, spoken, templates)
    return check_rows(rows, folder, reading, report, len(items))


def found_in(folder: Path) -> Path | None:
    """The file of this form in a folder, by its name and how it begins."""
    file = folder / _NAME
    return file if file.is_file() and looks_so(file) else None


def looks_so(file: Path) -> bool:
    """Whether a JSON file begins as one of this form does."""
    try:
        with file.open("rb") as opened:
            return _BEGIN.match(opened.read(_LOOKED_AT)) is not None
    except OSError:  # reading it tells why
        return False


def _content(file: Path, content: Any) -> tuple[list[str], list[str], list[Any]]:
    """Classes, how each is spoken, and the items.

    Raises:
        DatasetError: the file as a whole is of another form.
    """
    told = content if isinstance(content, dict) else {}
    classes, items = told.get("classes"), told.get("items")
    faults = []
    if not _words(classes) or not classes or len(set(classes)) < len(classes):
        faults.append(Fault("classes", "must be a list of different names"))
        classes = []
    spoken = _spoken(classes, told.get("display"))
    if classes and spoken is None:
        faults.append(Fault("display", "must be a list as long as the classes, or names by class"))
    if not isinstance(items, list) or not items:
        faults.append(Fault("items", 'must be a list of objects with "file" and "label"'))
    if faults or spoken is None or not isinstance(items, list):
        raise DatasetError(f"{file} is not a file of labels. Correct it and try again.", faults)
    return classes, spoken, items


def _spoken(classes: Sequence[str], display: Any) -> list[str] | None:
    """How each class is spoken; None where ``display`` does not say."""
    names = display if isinstance(display, dict) else {}
    if isinstance(display, list) and len(display) == len(classes):
        names = dict(zip(classes, display, strict=True))
    elif display is not None and not isinstance(display, dict):
        return None
    if not _words(list(names.values())):
        return None
    return [names.get(name, spoken_name(name)) for name in classes]


def _words(value: Any) -> bool:
    """Whether it is a list of words that can be written down."""
    return isinstance(value, list) and all(
        isinstance(each, str) and each.strip() and encodable(each) for each in value
    )


def _told(item: Any) -> bool:
    """Whether an item has captions of its own."""
    return isinstance(item, dict) and any(
        item.get(name) is not None for name in ("captions", "caption")
    )


def _rows(
    file: str,
    items: Sequence[Any],
    classes: Sequence[str],
    spoken: Sequence[str],
    templates: Sequence[str],
) -> Iterator[Row]:
    place = {name: number for number, name in enumerate(classes)}
    shared = Counter(spoken)
    for number, item in enumerate(items, 1):
        where = f"{file} item {number}"
        if not isinstance(item, dict):
            what = f'must be an object with "file" and "label", not {shown(item)}'
            yield Row(where, None, what)
            continue
        label = item.get("label")
        given = place.get(label) if isinstance(label, str) else label
        if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < len(classes):
            what = f"label must be a class or its place from 0 to {len(classes) - 1}, not {shown(label)}"
            yield Row(where, None, what)
            continue
        name = spoken[given]
        entry = {key: value for key, value in item.items() if key != "label"}
        if not _told(item):
            entry["captions"] = [template.replace("{}", name) for template in templates]
        if item.get("attributes") is None or isinstance(item["attributes"], dict):
            # two classes that are spoken alike (a crane and a crane) are still two
            distinct = name if shared[name] == 1 else f"{name} ({classes[given]})"
            entry["attributes"] = {**(item.get("attributes") or {}), "class": distinct}
        yield Row(where, entry)
