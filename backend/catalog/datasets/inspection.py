"""A data set looked at in full: every row checked, every item hashed and decoded.

What was decoded once is remembered by its content, so a second look is quick.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

from backend.catalog.datasets.dataset import Dataset
from backend.catalog.datasets.decoding import picture_fault, recording_fault
from backend.catalog.datasets.hashes import with_keys
from backend.catalog.datasets.loading import check_splits, load_dataset
from backend.catalog.datasets.memo import Memo, memo_path
from backend.catalog.datasets.reading import note
from backend.catalog.datasets.rows import shown_id
from backend.catalog.datasets.splits import SPLIT_NAMES
from backend.catalog.records import Record
from backend.errors import StorageError
from backend.media.blobs import Blob
from backend.reporting import Report, silent
from backend.schemas import DatasetReport, Finding, FindingKind
from backend.settings import Settings
from backend.spreadsheets import safe_cell

#: findings of each kind that pass through the door; the listing has all
SHOWN: Final = 50

#: kinds in the order in which reports tell them
KINDS: Final[tuple[FindingKind, ...]] = (
    "note",
    "broken row",
    "unreadable",
    "crosses splits",
    "duplicate",
    "caption crosses splits",
)

#: raised when the tests of items change: all are then looked at again
_TEST_VERSION: Final = 1

_AT_ONCE: Final = 128
_THREADS: Final = 4


def inspect_dataset(address: str, settings: Settings, report: Report = silent) -> DatasetReport:
    """Looks at a data set in full.

    Args:
        address: as :func:`backend.catalog.datasets.load_dataset` takes it.
        settings: says what is remembered and where listings are written (``data/reports``).
        report: told the rows read, then items hashed, then items decoded; may raise ``Cancelled``,
            and what was found out until then is remembered.

    Raises:
        DatasetError: it cannot be read, or a split has no usable item; lists every fault.
        StorageError: the listing cannot be written.
    """
    began = time.monotonic()
    dataset = load_dataset(address, settings, report, hashed=False)
    dataset = with_keys(dataset, memo_path(settings), report)
    dataset = _decoded(dataset, settings, report)
    check_splits(dataset, dataset.id)
    findings = [
        *dataset.findings,
        *_duplicates(dataset.records),
        *_captions_across(dataset),
    ]
    told = Counter(finding.kind for finding in findings)
    captions = Counter(len(record.captions) for record in dataset.records)
    return DatasetReport(
        info=dataset.info(),
        captions_per_item=dict(sorted(captions.items())),
        counts={kind: told[kind] for kind in KINDS if told[kind]},
        findings=tuple(_first(findings)),
        listing=_listing(dataset.id, findings, settings) if findings else None,
        seconds=round(time.monotonic() - began, 2),
    )


def _decoded(dataset: Dataset, settings: Settings, report: Report) -> Dataset:
    """Sets aside every item that cannot be decoded."""
    tests: dict[str, Callable[[Blob], str]] = {
        "image": lambda blob: picture_fault(blob, settings.max_image_pixels),
        "audio": recording_fault,
    }
    if dataset.modality not in tests:
        return dataset
    test = f"{dataset.modality}/{_TEST_VERSION}/{settings.max_image_pixels}"
    what = _verdicts(dataset.records, test, tests[dataset.modality], settings, report)
    kept = tuple(record for record in dataset.records if not what.get(record.key))
    lost = [
        Finding(kind="unreadable", where=record.id, what=what[record.key], set_aside=True)
        for record in dataset.records
        if what.get(record.key)
    ]
    return replace(dataset, records=kept, findings=(*dataset.findings, *lost))


def _verdicts(
    records: Sequence[Record],
    test: str,
    check: Callable[[Blob], str],
    settings: Settings,
    report: Report,
) -> dict[str, str]:
    """What is wrong with each content, by key; every content is tried once."""
    first: dict[str, Blob] = {}
    for record in records:
        if isinstance(record.content, Blob):
            first.setdefault(record.key, record.content)
    verdicts: dict[str, str] = {}
    threads = min(_THREADS, os.cpu_count() or 1)
    with Memo(memo_path(settings)) as memo, ThreadPoolExecutor(threads, "decode") as pool:
        for keys in _cut(list(first), _AT_ONCE):
            report(len(verdicts), len(first), "items decoded")
            verdicts |= memo.verdicts(test, keys)
            missing = [key for key in keys if key not in verdicts]
            found: dict[str, str] = {}
            outcomes = pool.map(check, [first[key] for key in missing])
            for key, what in zip(missing, outcomes, strict=True):
                found[key] = what
                report(len(verdicts) + len(found), len(first), "items decoded")
            memo.remember_verdicts(test, found)
            verdicts |= found
    report(len(first), len(first), "items decoded")
    return verdicts


def _cut(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _duplicates(records: Iterable[Record]) -> Iterator[Finding]:
    """Items of one split with the same content; all are used."""
    first: dict[str, str] = {}
    for record in records:
        if not record.key:
            continue
        other = first.setdefault(record.key, record.id)
        if other != record.id:
            what = f"byte for byte the same as {shown_id(other)} in {record.split}; both are used"
            yield Finding(kind="duplicate", where=record.id, what=what, set_aside=False)


def _captions_across(dataset: Dataset) -> Iterator[Finding]:
    """Captions that occur in several splits, each once; they are used.

    Prompts made of a class's name are in all splits on purpose, which one note says.
    """
    places: dict[str, int] = {}
    bits = {name: 1 << place for place, name in enumerate(SPLIT_NAMES)}
    for record in dataset.records:
        for caption in record.captions:
            places[caption] = places.get(caption, 0) | bits[record.split]
    crossing = {caption: seen for caption, seen in places.items() if seen & (seen - 1)}
    if dataset.layout == "folders of classes":
        if crossing:
            what = f"{len(crossing):,} prompts are in several splits, as their classes are"
            yield note("captions", what)
        return
    for record in dataset.records:
        for caption in record.captions:
            seen = crossing.pop(caption, 0)
            if seen:
                splits = " and ".join(name for name, bit in bits.items() if seen & bit)
                what = f'"{shown_id(caption)}" is said in {splits}; it is used in each'
                yield Finding(
                    kind="caption crosses splits", where=record.id, what=what, set_aside=False
                )


def _first(findings: Sequence[Finding]) -> Iterator[Finding]:
    """The first of each kind, kind by kind."""
    for kind in KINDS:
        yield from itertools.islice((each for each in findings if each.kind == kind), SHOWN)


def _listing(dataset_id: str, findings: Sequence[Finding], settings: Settings) -> Path:
    """Writes all findings as a table and gives its path, one for each data set.

    Raises:
        StorageError: it cannot be written.
    """
    folder = settings.data_dir / "reports"
    path = folder / f"{hashlib.sha256(dataset_id.encode()).hexdigest()[:16]}.csv"
    draft = path.with_suffix(f".{os.getpid()}-{time.monotonic_ns()}.tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
                table = csv.writer(file)
                table.writerow(("kind", "where", "what", "set aside"))
                for finding in findings:
                    told = (finding.kind, finding.where, finding.what)
                    table.writerow((*map(safe_cell, told), "yes" if finding.set_aside else "no"))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"The report could not be written to {folder} ({error.strerror or error}). Free some "
            "space, or set ISTHMUS_HOME to a folder that can be written."
        ) from error
    return path
