"""What an item is, by its content: hashes, remembered, and what they tell about a data set.

An item that is byte for byte the same in two splits would be trained on and tested on: the copy in
the split that is held out less (train before val before test) is set aside, and said.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backend.catalog.datasets.memo import Memo, Stamp
from backend.catalog.datasets.splits import SPLIT_NAMES
from backend.catalog.records import Record
from backend.media.blobs import Blob
from backend.reporting import Report, silent
from backend.schemas import Finding

if TYPE_CHECKING:
    from backend.catalog.datasets.dataset import Dataset

#: hex digits of an item's key: 128 bits
KEY_DIGITS: Final = 32

_AT_ONCE: Final = 512
_THREADS: Final = 4
#: files that a thread takes at once: one by one, handing them over would take longest
_SHARE: Final = 16


def text_key(text: str) -> str:
    """The key of words."""
    return _digits(hashlib.sha256(text.encode()))


def content_keys(
    blobs: Sequence[Blob], memo: Path | None = None, report: Report = silent
) -> tuple[list[str], dict[int, str]]:
    """A hash of the bytes of each blob; those of unchanged files are remembered.

    Args:
        blobs: files, or parts of files.
        memo: a SQLite file, made when missing, keyed by path, offset, size and the file's size and
            time of change; None to remember nothing. Two processes may use one at the same time.
        report: told the items done; when it raises, what is done is remembered.

    Returns:
        32 hex digits each, empty where the bytes cannot be read; and why not, by position.
    """
    keys: list[str] = []
    faults: dict[int, str] = {}
    with Memo(memo) as known, ThreadPoolExecutor(_THREADS, "hash") as pool:
        for start in range(0, len(blobs), _AT_ONCE):
            report(start, len(blobs), "items hashed")
            some = blobs[start : start + _AT_ONCE]
            stamps, gone = _stamps(some)
            found = known.keys(some, stamps)
            missing = [blob for blob in some if blob not in found and str(blob.path) in stamps]
            fresh: dict[Blob, str] = {}
            wrong: dict[Blob, str] = {}
            shares = [missing[i : i + _SHARE] for i in range(0, len(missing), _SHARE)]
            for share, outcomes in zip(shares, pool.map(_keys, shares), strict=True):
                for blob, (key, what) in zip(share, outcomes, strict=True):
                    if what:
                        wrong[blob] = what
                    else:
                        fresh[blob] = key
            known.remember_keys(fresh, stamps)
            for blob in some:
                key = found.get(blob) or fresh.get(blob, "")
                if not key:
                    faults[len(keys)] = gone.get(str(blob.path)) or wrong[blob]
                keys.append(key)
    return keys, faults


def with_keys(dataset: Dataset, memo: Path | None = None, report: Report = silent) -> Dataset:
    """The data set with the key of every item set.

    Items that cannot be read are set aside, and so are items for training or choosing whose content
    is also in a split that is held out more.

    Args:
        dataset: read already.
        memo: see :func:`content_keys`.
        report: told the items hashed; may raise ``Cancelled``.
    """
    records, unread = _with_keys(dataset.records, memo, report)
    records, crossing = _apart(records)
    return replace(
        dataset, records=tuple(records), findings=(*dataset.findings, *unread, *crossing)
    )


def _with_keys(
    records: Sequence[Record], memo: Path | None, report: Report
) -> tuple[list[Record], list[Finding]]:
    places = [i for i, record in enumerate(records) if isinstance(record.content, Blob)]
    blobs = [record.content for record in records if isinstance(record.content, Blob)]
    keys, faults = content_keys(blobs, memo, report)
    key_of = dict(zip(places, keys, strict=True))
    kept: list[Record] = []
    for i, record in enumerate(records):
        if isinstance(record.content, str):
            kept.append(replace(record, key=text_key(record.content)))
        elif i not in key_of:
            kept.append(record)
        elif key_of[i]:
            kept.append(replace(record, key=key_of[i]))
    unread = [
        Finding(kind="unreadable", where=records[places[n]].id, what=what, set_aside=True)
        for n, what in faults.items()
    ]
    return kept, unread


def _apart(records: Sequence[Record]) -> tuple[list[Record], list[Finding]]:
    """Leaves each content in one split: the one that is held out most."""
    rank = {name: place for place, name in enumerate(SPLIT_NAMES)}
    furthest: dict[str, Record] = {}
    for record in records:
        there = furthest.get(record.key)
        if record.key and (there is None or rank[record.split] > rank[there.split]):
            furthest[record.key] = record
    kept: list[Record] = []
    findings: list[Finding] = []
    for record in records:
        other = furthest.get(record.key, record)
        if rank[record.split] >= rank[other.split]:
            kept.append(record)
            continue
        what = (
            f"byte for byte the same as {other.id} in {other.split}, so not used in {record.split}"
        )
        findings.append(Finding(kind="crosses splits", where=record.id, what=what, set_aside=True))
    return kept, findings


def _stamps(blobs: Sequence[Blob]) -> tuple[dict[str, Stamp], dict[str, str]]:
    """Size and time of change of each file; and why a file cannot be looked at."""
    stamps: dict[str, Stamp] = {}
    gone: dict[str, str] = {}
    for path in dict.fromkeys(str(blob.path) for blob in blobs):
        try:
            found = os.stat(path)
            stamps[path] = (found.st_size, found.st_mtime_ns)
        except OSError as error:
            gone[path] = _unread(error)
    return stamps, gone


def _keys(blobs: Sequence[Blob]) -> list[tuple[str, str]]:
    return [_key(blob) for blob in blobs]


def _key(blob: Blob) -> tuple[str, str]:
    try:
        if not blob.whole:
            return _digits(hashlib.sha256(blob.read())), ""
        with blob.path.open("rb") as file:
            return _digits(hashlib.file_digest(file, "sha256")), ""
    except OSError as error:
        return "", _unread(error)


def _unread(error: OSError) -> str:
    return f"the file cannot be read ({error.strerror or error})"


def _digits(digest: Any) -> str:
    return str(digest.hexdigest())[:KEY_DIGITS]
