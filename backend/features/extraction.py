"""From items and captions to features, through the store: row i belongs to ids[i]."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.catalog.datasets.hashes import text_key
from backend.catalog.records import Record
from backend.errors import DatasetError, Fault
from backend.features.encoders import Encoder
from backend.features.kinds.precomputed import Precomputed
from backend.features.store import FeatureStore, Stored
from backend.features.store.parts import KEY_DIGITS
from backend.features.store.views import IN_MEMORY_BYTES
from backend.features.work import patiently
from backend.media.blobs import Blob
from backend.reporting import Report, silent

_HASHED_AT_ONCE: Final = 256
_HASH_THREADS: Final = 4
_BLOCK_ROWS: Final = 65536


@dataclass(frozen=True)
class Features:
    """Features with what they belong to.

    Attributes:
        ids: of each row: the item's id; the caption's id where one was given, else the caption itself.
        vectors: (len(ids), d) float16 or float32, all outputs of the encoder joined, raw as it gives
            them; a memory map when large. Where every token is kept: (sum of lengths, d).
        faults: everything that has no feature, with the reason. Join by id, never by position.
        outputs: of each output of the encoder its own (len(ids), d), as columns of ``vectors``; or
            (sum of lengths, d), item after item.
        lengths: for each output the number of tokens of each item, (len(ids),); empty where it has
            one vector an item.
    """

    ids: tuple[str, ...]
    vectors: NDArray[Any]
    faults: tuple[Fault, ...] = ()
    outputs: tuple[NDArray[Any], ...] = ()
    lengths: tuple[NDArray[np.int64], ...] = ()

    def rows(self) -> dict[str, int]:
        """The row of each id."""
        return {item_id: row for row, item_id in enumerate(self.ids)}


def extract_items(
    encoder: Encoder,
    records: Sequence[Record],
    store: FeatureStore,
    report: Report = silent,
) -> Features:
    """Features of items; those that cannot be read are set aside with a fault and have no row.

    Args:
        encoder: of the items' modality, or of precomputed features with the items' ids.
        records: items of a data set, usually of all splits at once.
        store: where features are kept; what is there already costs reading the files.
        report: told items done; may raise ``Cancelled``, which keeps what is done.

    Returns:
        Rows in the order of ``records``, without the ones set aside.

    Raises:
        DatasetError: not a single item has a feature.
        StorageError: the disk is full or may not be written.
        EncoderError: the encoder cannot be loaded.
    """
    if isinstance(encoder, Precomputed):
        return _looked_up(encoder, [record.id for record in records], "items", report)
    keys, wrong = _item_keys(records, report, encoder.unit)
    known = [position for position, key in enumerate(keys) if key]
    stored = store.features(
        encoder,
        [keys[position] for position in known],
        [records[position].content for position in known],
        report,
    )
    wrong.update({known[place]: what for place, what in stored.faults.items()})
    faults = tuple(Fault(records[place].id, wrong[place]) for place in sorted(wrong))
    if records and not len(stored.kept):
        raise DatasetError(
            f"Not a single one of the {encoder.unit} can be read. Replace them and retry.", faults
        )
    return _features([records[known[place]].id for place in stored.kept], stored, faults)


def extract_captions(
    encoder: Encoder,
    captions: Sequence[str],
    store: FeatureStore,
    report: Report = silent,
    ids: Sequence[str] = (),
) -> Features:
    """Features of captions: row i of captions[i]. Equal captions are encoded once.

    Args:
        encoder: of text, or of precomputed features with the captions' ids.
        captions: all captions of a data set, in any order.
        store: where features are kept.
        report: told captions done; may raise ``Cancelled``, which keeps what is done.
        ids: of the captions (:func:`backend.catalog.records.caption_id`); where they are given, they
            name the rows. Precomputed features are found by them: a caption without one is set aside.

    Raises:
        DatasetError: precomputed features have not a single caption's.
        StorageError: the disk is full or may not be written.
        EncoderError: the encoder cannot be loaded.
    """
    if isinstance(encoder, Precomputed):
        return _looked_up(encoder, ids, "captions", report)
    keys = [text_key(caption) for caption in captions]
    stored = store.features(encoder, keys, captions, report)
    names = ids or captions
    faults = tuple(Fault(names[place], what) for place, what in sorted(stored.faults.items()))
    return _features([names[place] for place in stored.kept], stored, faults)


def _features(ids: Sequence[str], stored: Stored, faults: tuple[Fault, ...]) -> Features:
    return Features(tuple(ids), stored.vectors, faults, stored.outputs, stored.lengths)


def _looked_up(encoder: Precomputed, ids: Sequence[str], unit: str, report: Report) -> Features:
    """Rows of a file of features, by id; nothing is copied to the store."""
    report(0, len(ids), unit)
    # a large file is read and checked from end to end
    patiently(encoder.prepare, lambda: report(0, len(ids), unit))
    rows = encoder.rows(ids)
    found = rows >= 0
    faults = tuple(
        Fault(one, "has no row in the file of features")
        for one, there in zip(ids, found.tolist(), strict=True)
        if not there
    )
    if len(ids) and not found.any():
        raise DatasetError(
            f"The file of features {encoder.spec.location} has not a single one of the {unit}: its "
            f'ids are like "{next(iter(encoder.ids), "")}", theirs like "{ids[0]}". Give a file with '
            "these ids.",
            faults,
        )
    vectors = _in_rows(encoder.vectors, rows[found])
    report(len(ids), len(ids), unit)
    kept = tuple(one for one, there in zip(ids, found.tolist(), strict=True) if there)
    return Features(kept, vectors, faults, (vectors,), (np.empty(0, np.int64),))


def _in_rows(vectors: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """The rows asked for; the very same memory map where they are all in order.

    A large selection goes to a file that has no name and ends with its last use.
    """
    if np.array_equal(rows, np.arange(len(vectors))):
        return vectors
    shape = (len(rows), vectors.shape[1])
    if vectors.dtype.itemsize * shape[0] * shape[1] <= IN_MEMORY_BYTES:
        return vectors[rows]
    with tempfile.TemporaryFile() as file:
        for start in range(0, len(rows), _BLOCK_ROWS):
            file.write(np.ascontiguousarray(vectors[rows[start : start + _BLOCK_ROWS]]).data)
        file.flush()
        return np.memmap(file, vectors.dtype, "r", shape=shape)


def _item_keys(
    records: Sequence[Record], report: Report, unit: str
) -> tuple[list[str], dict[int, str]]:
    """A hash of each item's content, empty where it cannot be read; and why not, by position."""
    keys = [record.key for record in records]
    wrong: dict[int, str] = {}
    unknown = [place for place, key in enumerate(keys) if not key]
    with ThreadPoolExecutor(_HASH_THREADS, "hash") as pool:
        for start in range(0, len(unknown), _HASHED_AT_ONCE):
            report(0, len(records), unit)
            batch = unknown[start : start + _HASHED_AT_ONCE]
            found = pool.map(_content_key, [records[place].content for place in batch])
            for place, (key, what) in zip(batch, found, strict=True):
                keys[place] = key
                if what:
                    wrong[place] = what
    return keys, wrong


def _content_key(content: Blob | str | None) -> tuple[str, str]:
    """The key of an item, and what is wrong where it has none."""
    if content is None:
        return "", "it is known by precomputed features alone; give those as its encoder"
    if isinstance(content, str):
        return text_key(content), ""
    return _file_key(content)


def _file_key(blob: Blob) -> tuple[str, str]:
    try:
        if blob.whole:
            with blob.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()[:KEY_DIGITS], ""
        return hashlib.sha256(blob.read()).hexdigest()[:KEY_DIGITS], ""
    except OSError as error:
        return "", f"the file cannot be read ({error.strerror or error})"
