"""From images and captions to features, through the store: row i belongs to ids[i]."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.catalog.rows import ImageRecord
from backend.errors import DatasetError, Fault
from backend.features.encoders import Encoder
from backend.features.store import FeatureStore
from backend.reporting import Report, silent

#: hex digits of an item's key: 128 bits
_KEY_DIGITS: Final = 32
_HASHED_AT_ONCE: Final = 256
_HASH_THREADS: Final = 4


@dataclass(frozen=True)
class Features:
    """Features with what they belong to.

    Attributes:
        ids: of each row: the image's id, or the caption itself.
        vectors: (len(ids), d) float16 or float32, raw as the encoder gives them; a memory map when
            large.
        faults: everything that has no feature, with the reason. Join by id, never by position.
    """

    ids: tuple[str, ...]
    vectors: NDArray[Any]
    faults: tuple[Fault, ...] = ()

    def rows(self) -> dict[str, int]:
        """The row of each id."""
        return {item_id: row for row, item_id in enumerate(self.ids)}


def extract_images(
    encoder: Encoder,
    records: Sequence[ImageRecord],
    store: FeatureStore,
    report: Report = silent,
) -> Features:
    """Features of images; those that cannot be read are set aside with a fault and have no row.

    Args:
        encoder: of the image side.
        records: images of a data set, usually of all splits at once.
        store: where features are kept; what is there already costs reading the files.
        report: told images done; may raise ``Cancelled``, which keeps what is done.

    Returns:
        Rows in the order of ``records``, without the ones set aside.

    Raises:
        DatasetError: not a single image can be read.
        StorageError: the disk is full or may not be written.
        EncoderError: the encoder cannot be loaded.
    """
    keys, wrong = _image_keys(records, report)
    first: dict[str, int] = {}
    for position, key in enumerate(keys):
        if key:
            first.setdefault(key, position)
    unique = list(first)
    stored = store.features(encoder, unique, [records[i].path for i in first.values()], report)
    row_of = {unique[position]: row for row, position in enumerate(stored.kept)}
    kept = [position for position, key in enumerate(keys) if key in row_of]
    unread = {unique[position]: what for position, what in stored.faults.items()}
    faults = tuple(
        Fault(records[position].id, wrong.get(position) or unread[key])
        for position, key in enumerate(keys)
        if key not in row_of
    )
    if records and not kept:
        raise DatasetError("Not a single image can be read. Replace the images and retry.", faults)
    vectors = _in_rows(stored.vectors, [row_of[keys[position]] for position in kept])
    return Features(tuple(records[position].id for position in kept), vectors, faults)


def extract_texts(
    encoder: Encoder, captions: Sequence[str], store: FeatureStore, report: Report = silent
) -> Features:
    """Features of captions: row i of captions[i]. Equal captions are encoded once.

    Args:
        encoder: of the text side.
        captions: all captions of a data set, in any order.
        store: where features are kept.
        report: told captions done; may raise ``Cancelled``, which keeps what is done.

    Raises:
        StorageError: the disk is full or may not be written.
        EncoderError: the encoder cannot be loaded.
    """
    unique = list(dict.fromkeys(captions))
    keys = [_digits(hashlib.sha256(text.encode())) for text in unique]
    stored = store.features(encoder, keys, unique, report)
    row_of = {text: row for row, text in enumerate(unique)}
    vectors = _in_rows(stored.vectors, [row_of[caption] for caption in captions])
    return Features(tuple(captions), vectors)


def _in_rows(vectors: NDArray[Any], rows: Sequence[int]) -> NDArray[Any]:
    """The rows asked for; the very same array, and memory map, where they are all in order."""
    if len(rows) == len(vectors) and all(row == place for place, row in enumerate(rows)):
        return vectors
    return vectors[np.asarray(rows, dtype=np.int64)]


def _image_keys(records: Sequence[ImageRecord], report: Report) -> tuple[list[str], dict[int, str]]:
    """A hash of each file's bytes, empty where it cannot be read; and why not, by position."""
    keys: list[str] = []
    unreadable: dict[int, str] = {}
    with ThreadPoolExecutor(_HASH_THREADS, "hash") as pool:
        for batch in _cut(records, _HASHED_AT_ONCE):
            report(0, len(records), "images")
            for key, what in pool.map(_file_key, [record.path for record in batch]):
                if what:
                    unreadable[len(keys)] = what
                keys.append(key)
    return keys, unreadable


def _cut(records: Sequence[ImageRecord], size: int) -> Iterator[Sequence[ImageRecord]]:
    for start in range(0, len(records), size):
        yield records[start : start + size]


def _file_key(path: Path) -> tuple[str, str]:
    try:
        with path.open("rb") as file:
            return _digits(hashlib.file_digest(file, "sha256")), ""
    except OSError as error:
        return "", f"the file cannot be read ({error.strerror or error})"


def _digits(digest: Any) -> str:
    return str(digest.hexdigest())[:_KEY_DIGITS]
