"""Data sets: the built-in scenes, or anything a person has, by its address.

What is broken is set aside and listed, with its row; the rest is used. Only when nothing is left to
train on, to choose on or to test on does loading fail, with all faults at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from backend.catalog.address import Address, check_options, parse
from backend.catalog.datasets.dataset import Dataset
from backend.catalog.datasets.hashes import with_keys
from backend.catalog.datasets.layouts.choice import read_layout
from backend.catalog.datasets.memo import memo_path
from backend.catalog.datasets.reading import Reading, as_fault, note
from backend.catalog.datasets.splits import SPLIT_NAMES, complete
from backend.catalog.records import Record
from backend.errors import DatasetError
from backend.reporting import Report, silent
from backend.scenes.world import build_world, counts
from backend.schemas import DatasetInfo, SplitCount
from backend.settings import Settings

#: name and description of each built-in set
BUILT_IN_DATASETS: Final[dict[str, tuple[str, str]]] = {
    "scenes": (
        "Scenes",
        "Drawn scenes of 1 to 4 objects with five captions each; every attribute is known.",
    ),
    "scenes-small": (
        "Scenes, small",
        "The first images of Scenes, two captions each in training: a first look.",
    ),
}


def list_datasets() -> list[DatasetInfo]:
    """The built-in sets, without drawing them."""
    return [
        DatasetInfo(
            id=dataset_id,
            name=name,
            description=description,
            built_in=True,
            layout="built in",
            splits={
                split: SplitCount(images=images, captions=captions)
                for split, (images, captions) in counts(dataset_id).items()
            },
        )
        for dataset_id, (name, description) in BUILT_IN_DATASETS.items()
    ]


def load_dataset(
    address: str, settings: Settings, report: Report = silent, hashed: bool = True
) -> Dataset:
    """Reads and checks a data set; draws a built-in one on first use, fetches one of the Hub once.

    Args:
        address: a name of :data:`BUILT_IN_DATASETS`, a folder, a file or ``hf://owner/name``, with
            options behind a ``?`` (:mod:`backend.catalog.datasets.layouts.choice` lists them).
        settings: says where sets are drawn and imported to, and what is remembered.
        report: told the pictures drawn, rows read and items hashed; may raise ``Cancelled``.
        hashed: give every item its key, and leave no content in two splits. Without, only the
            structure is checked, which is quicker the first time.

    Raises:
        DatasetError: it cannot be read, or a split has no usable item; lists every fault.
        StorageError: what has to be written cannot be written on this disk.
    """
    given = parse(address)
    built_in = given.base in BUILT_IN_DATASETS
    if built_in:
        check_options(given, (), DatasetError)
        name, description = BUILT_IN_DATASETS[given.base]
        folder = build_world(settings.worlds_dir, given.base, report)
        _, _, _, reading = read_layout(Address(str(folder)), settings, report)
        address_id = given.base
    else:
        address_id, name, description, reading = read_layout(given, settings, report)
    dataset = _dataset(address_id, name, description, built_in, reading)
    if hashed:
        dataset = with_keys(dataset, memo_path(settings), report)
        check_splits(dataset, reading.source)
    return dataset


def _dataset(
    address_id: str, name: str, description: str, built_in: bool, reading: Reading
) -> Dataset:
    """Completes the splits and says what there is.

    Raises:
        DatasetError: a split has no usable item.
    """
    records, what = complete(reading.records, reading.named)
    findings = [*reading.findings, *([note("splits", what)] if what else [])]
    dataset = Dataset(
        id=address_id,
        name=name,
        description=description,
        built_in=built_in,
        layout=reading.layout,
        modality=records[0].modality if records else "image",
        records=tuple(records),
        findings=tuple(findings),
        fingerprint=_fingerprint(records, reading.sizes),
    )
    check_splits(dataset, reading.source)
    return dataset


def check_splits(dataset: Dataset, source: object) -> None:
    """Raises DatasetError where there is nothing to train on, to choose on or to test on."""
    there = {record.split for record in dataset.records}
    empty = [split for split in SPLIT_NAMES if split not in there]
    if empty:
        raise DatasetError(
            f"{source} gives no usable item for {' and '.join(empty)}. A run trains on train, "
            "chooses on val and reports on test: correct the rows below, or add items or splits.",
            [as_fault(finding) for finding in dataset.findings],
        )


def _fingerprint(records: Sequence[Record], sizes: Sequence[int]) -> str:
    digest = hashlib.sha256()
    for record, size in zip(records, sizes, strict=True):
        attributes = [f"{key}={value}" for key, value in sorted(record.attributes.items())]
        words = ("", record.content) if isinstance(record.content, str) else ()
        parts = (record.id, record.split, str(size), *record.captions, "", *attributes, *words)
        digest.update("\x1f".join(parts).encode() + b"\x1e")
    return digest.hexdigest()
