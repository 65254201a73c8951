"""Checks the entries of a captions file: what is usable becomes a record, the rest a finding.

Nothing is dropped without a finding, and nothing is read from outside the data set's folder.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from backend.catalog.datasets.captions_file import ITEM_COLUMNS
from backend.catalog.datasets.folders import Items, encodable, modality_of, shown
from backend.catalog.datasets.reading import Reading, Row, broken
from backend.catalog.datasets.splits import SPLITS, split_of
from backend.catalog.records import Record
from backend.errors import Fault
from backend.reporting import Report
from backend.schemas import Modality

_REPORT_EVERY: Final = 500
_LONGEST_ID: Final = 1_000

#: a value, or why there is none
Checked: TypeAlias = tuple[Any, str]

_NO_ATTRIBUTES: Final[dict[str, str]] = {}


def check_rows(
    rows: Iterable[Row], items: Items, into: Reading, report: Report, total: int = 0
) -> Reading:
    """Turns entries into records; all have one modality, which is that of most.

    Args:
        rows: as read from the captions file.
        items: where items are found by name.
        into: records, their sizes and a finding for everything left out are added to it.
        report: told the rows checked.
        total: how many rows there will be; 0 where that is not known.

    Returns:
        ``into``.
    """
    seen: dict[str, str] = {}
    for number, row in enumerate(rows):
        if number % _REPORT_EVERY == 0:
            report(number, total, "rows")
        record, size, what = _check_row(row, items, into.named)
        if record is not None and record.id in seen:
            what = [f"{shown_id(record.id)} was given before, in {seen[record.id]}"]
            record = None
        into.findings.extend(broken(Fault(row.where, reason)) for reason in what)
        if record is not None:
            seen[record.id] = row.where
            into.records.append(record)
            into.sizes.append(size)
    report(len(seen), len(seen), "rows")
    _one_modality(into, seen)
    return into


def shown_id(item_id: str) -> str:
    """An id as it stands in a sentence."""
    return item_id if len(item_id) <= 60 else item_id[:57] + "..."


def _one_modality(into: Reading, seen: dict[str, str]) -> None:
    """Sets aside items of another modality than most have."""
    modalities = Counter(record.modality for record in into.records)
    if len(modalities) < 2:
        return
    main, count = modalities.most_common(1)[0]
    kept = [i for i, record in enumerate(into.records) if record.modality == main]
    for record in into.records:
        if record.modality != main:
            what = (
                f"is {record.modality}, and {count} others are {main}; a set has one kind of item"
            )
            into.findings.append(broken(Fault(seen[record.id], f"{shown_id(record.id)} {what}")))
    into.records[:] = [into.records[i] for i in kept]
    into.sizes[:] = [into.sizes[i] for i in kept]


def _check_row(row: Row, items: Items, named: set[str]) -> tuple[Record | None, int, list[str]]:
    """The record, its content's size, and every fault; a record may still lack a caption."""
    if row.fault:
        return None, 0, [row.fault]
    entry = row.value
    if not isinstance(entry, dict):
        return None, 0, [f'must be an object with "file" and "captions", not {shown(entry)}']
    column = next((name for name in ITEM_COLUMNS if entry.get(name) is not None), "file")
    item_id, no_id = _id(entry.get("id"), needed=column == "id")
    modality, content, size, no_item = _item(column, entry.get(column), items)
    record_id = item_id or (content if modality in ("image", "audio") else _words_id(content))
    split, no_split = _split(entry.get("split"), record_id)
    if not no_split and entry.get("split"):
        named.add(split)
    captions, numbers, lost = _captions(entry, column)
    attributes, no_attributes = _attributes(entry.get("attributes"))
    faults = [fault for fault in (no_item, no_id, no_split, *lost, no_attributes) if fault]
    if no_item or no_id or no_split or not captions:
        return None, 0, faults
    held = items.blob(content) if modality in ("image", "audio") else content or None
    record = Record(
        record_id, modality, held, split, captions, attributes, numbers=numbers if lost else ()
    )
    return record, size, faults


def _item(column: str, value: Any, items: Items) -> tuple[Modality, str, int, str]:
    """Its modality, its file or words, their size, and why it cannot be used."""
    if column == "id":
        return "features", "", 0, ""
    if column in ("text", "code"):
        modality: Modality = "text" if column == "text" else "code"
        if not isinstance(value, str) or not value.strip():
            return modality, "", 0, f"{column} must be words, not {shown(value)}"
        if not encodable(value):
            return modality, "", 0, f"{column} has half a character (a lone surrogate)"
        return modality, value, len(value.encode()), ""
    (name, size), fault = items.find(value)
    known = modality_of(name) or "image"
    if not fault and column in ("image", "audio") and known != column and modality_of(name):
        fault = f"{column} {shown(value)} is {known}, by its name"
    return "audio" if column == "audio" else known, name, size, fault


def _id(value: Any, needed: bool) -> Checked:
    if value is None or (value == "" and not needed):
        return "", ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value), ""
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_ID:
        return "", f"id must be a number or up to {_LONGEST_ID} letters, not {shown(value)}"
    if "\0" in value or not encodable(value):
        return "", f"id {shown(value)} has characters that cannot be written"
    return value, ""


def _words_id(words: str) -> str:
    """The id of an item that is its own words."""
    return "text-" + hashlib.sha256(words.encode()).hexdigest()[:16] if words else ""


def _split(value: Any, item_id: str) -> Checked:
    if value is None or value == "":
        return split_of(item_id), ""
    known = SPLITS.get(value.strip().lower()) if isinstance(value, str) else None
    if known is None:
        return "", f"split must be train, val or test, not {shown(value)}"
    return known, ""


def _captions(
    entry: dict[str, Any], column: str
) -> tuple[tuple[str, ...], tuple[int, ...], list[str]]:
    """The usable captions with their places from 0, and a fault for each other one."""
    value = entry.get("captions")
    if value is None:
        value = entry.get("caption")
    if value is None and column != "text":
        value = entry.get("text")
    if value is None:
        return (), (), ["captions are missing"]
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not value:
        return (), (), [f"captions must be a list of sentences, not {shown(value)}"]
    kept: dict[int, str] = {}
    faults: list[str] = []
    for number, caption in enumerate(value, 1):
        if not isinstance(caption, str):
            faults.append(f"caption {number} must be text, not {shown(caption)}")
        elif not caption.strip():
            faults.append(f"caption {number} is empty")
        elif not encodable(caption):
            faults.append(f"caption {number} has half a character (a lone surrogate)")
        else:
            kept[number - 1] = caption
    return tuple(kept.values()), tuple(kept), faults


def _attributes(value: Any) -> Checked:
    if value is None:
        return _NO_ATTRIBUTES, ""
    good = isinstance(value, dict) and all(
        isinstance(word, str) and encodable(word) and encodable(name)
        for name, word in value.items()
    )
    return (value, "") if good else ({}, f"attributes must be words by name, not {shown(value)}")
