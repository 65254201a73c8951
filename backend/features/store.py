"""The feature store: every item is encoded once by each encoder, and found again by what it is.

    <root>/<encoder>/encoder.json   which encoder this is
    <root>/<encoder>/parts/         committed parts (:mod:`backend.features.parts`)
    <root>/<encoder>/views/         features of one large set in order, made of parts

An encoder's folder is named by its fingerprint, an item by a hash of its content; so data sets,
runs and processes share what they have in common. Work that is broken off loses at most the open
part.
"""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from backend.errors import StorageError
from backend.features.encoders import Encoder, finite
from backend.features.parts import (
    Part,
    cannot_write,
    megabytes,
    part_name,
    read_parts,
    sweep,
    write_part,
    write_whole,
)
from backend.features.work import Outcome, Tally, in_order, patiently
from backend.reporting import Report, silent

#: a part is committed when it has so many rows, or is so old
PART_ROWS: Final = 1024
PART_SECONDS: Final = 10.0

#: larger sets of features are read from a file and not from memory
IN_MEMORY_BYTES: Final = 512 * 1024 * 1024

_HALF: Final = 2
_NAME_DIGITS: Final = 32

#: part and row of each stored key
Index: TypeAlias = dict[str, tuple[Part, int]]


@dataclass(frozen=True)
class Stored:
    """Features of a set of items.

    Attributes:
        kept: positions of the items that have a feature, ascending.
        vectors: (len(kept), d) float16 or float32, row i of item kept[i]; a memory map when large.
        faults: why the others have none, by position.
    """

    kept: tuple[int, ...]
    vectors: NDArray[Any]
    faults: dict[int, str]


class FeatureStore:
    """Features under a folder; several processes may use it at once.

    Args:
        root: ``Settings.features_dir``.
        in_memory: sets of more bytes are memory-mapped.
    """

    def __init__(self, root: Path, in_memory: int = IN_MEMORY_BYTES) -> None:
        self.root = root
        self._in_memory = in_memory

    def folder(self, encoder: Encoder) -> Path:
        """Where an encoder's features are."""
        return self.root / encoder.fingerprint[:_NAME_DIGITS]

    def features(
        self,
        encoder: Encoder,
        keys: Sequence[str],
        items: Sequence[Any],
        report: Report = silent,
    ) -> Stored:
        """Features of items, encoding those that are not stored yet.

        Args:
            encoder: asked for what is missing; not even loaded when nothing is.
            keys: a hash of each item's content, each once.
            items: what the encoder takes, one for each key.
            report: told how many are done; when it raises, finished batches are kept.

        Raises:
            StorageError: the disk is full or may not be written.
            EncoderError: the model cannot be loaded or gives numbers that are not finite.
        """
        parts = self.folder(encoder) / "parts"
        index = _index(parts, set(keys))
        report(len(index), len(keys), encoder.unit)
        faults: dict[int, str] = {}
        if len(index) < len(keys):
            writer = _Writer(self._prepared(encoder), keys, index)
            faults = _encode(encoder, items, writer, report)
        kept = tuple(i for i in range(len(keys)) if i not in faults)
        return Stored(kept, self._gathered(encoder, [keys[i] for i in kept], index), faults)

    def _prepared(self, encoder: Encoder) -> Path:
        """Makes the encoder's folders and says there which encoder it is; returns that of parts."""
        folder = self.folder(encoder)
        try:
            (folder / "parts").mkdir(parents=True, exist_ok=True)
            sweep(folder / "parts")
            if not (folder / "encoder.json").is_file():
                told = {"fingerprint": encoder.fingerprint, "spec": asdict(encoder.spec)}
                write_whole(folder / "encoder.json", json.dumps(told, indent=1).encode())
        except OSError as error:
            raise cannot_write(folder, error, 0) from error
        return folder / "parts"

    def _gathered(self, encoder: Encoder, keys: Sequence[str], index: Index) -> NDArray[Any]:
        """Rows in the order of ``keys``, in memory or as a memory map."""
        if not keys:
            return np.empty((0, 0), np.float16)
        opened = {part.path: part.read() for part in _parts_of(keys, index)}
        dimension = next(iter(opened.values())).shape[1]
        single = any(vectors.dtype == np.float32 for vectors in opened.values())
        dtype, shape = np.dtype(np.float32 if single else np.float16), (len(keys), dimension)
        if dtype.itemsize * len(keys) * dimension <= self._in_memory:
            return _fill(np.empty(shape, dtype), keys, index, opened)
        view = self.folder(encoder) / "views" / f"{part_name(keys)}.npy"
        if not view.is_file():
            _write_view(view, np.empty((0, dimension), dtype), keys, index, opened)
        mapped: NDArray[Any] = np.load(view, mmap_mode="r", allow_pickle=False)
        return mapped


class _Writer:
    """Collects rows and commits them as parts.

    Parts end where batches end, so going on after a crash cuts the same batches.
    """

    def __init__(self, folder: Path, keys: Sequence[str], index: Index) -> None:
        self.folder = folder
        self.keys = keys
        self.index = index
        self._keys: list[str] = []
        self._vectors: list[NDArray[np.float32]] = []
        self._since = time.monotonic()
        self._room_checked = False

    def add(self, outcome: Outcome) -> None:
        """Takes a batch; commits when there is enough.

        Raises:
            StorageError: there is no room for what is still to come.
        """
        if not outcome.items:
            return
        if not self._room_checked:
            self._check_room(outcome.vectors.shape[1])
        self._keys += [self.keys[i] for i in outcome.items]
        self._vectors.append(outcome.vectors)
        old = time.monotonic() - self._since > PART_SECONDS
        if len(self._keys) >= PART_ROWS or old:
            self.commit()

    def commit(self) -> None:
        """Writes the open part.

        Raises:
            StorageError: it cannot be written; the parts before it stay.
        """
        if self._keys:
            vectors = np.concatenate(self._vectors)
            try:
                part = write_part(self.folder, self._keys, vectors)
            except OSError as error:
                raise cannot_write(self.folder, error, self._needed(vectors.shape[1])) from error
            self.index.update({key: (part, row) for row, key in enumerate(self._keys)})
        self._keys, self._vectors = [], []
        self._since = time.monotonic()

    def _needed(self, dimension: int) -> int:
        """Bytes that the features still to come take."""
        return (len(self.keys) - len(self.index)) * dimension * _HALF

    def _check_room(self, dimension: int) -> None:
        """Tells a full disk before hours of encoding, not after."""
        free, needed = shutil.disk_usage(self.folder).free, self._needed(dimension)
        if free < needed:
            raise StorageError(
                f"The features still to come need {megabytes(needed)} in {self.folder}, where "
                f"{megabytes(free)} are free. Free some space there, or move ISTHMUS_HOME to a "
                "larger disk, and resume: what was encoded is kept."
            )
        self._room_checked = True


def _encode(
    encoder: Encoder, items: Sequence[Any], writer: _Writer, report: Report
) -> dict[int, str]:
    """Encodes and commits what is not in the index; returns the faults of what cannot be."""
    faults: dict[int, str] = {}
    tally = Tally(report, len(items), encoder.unit, len(writer.index))
    wanted = [key not in writer.index for key in writer.keys]
    patiently(encoder.prepare, tally.tell)
    works = encoder.works(items, wanted)
    try:
        with in_order(works, tally.tell) as outcomes:
            for outcome in outcomes:
                finite(outcome.vectors, encoder.spec.id)
                writer.add(outcome)
                faults.update(outcome.faults)
                tally.add(outcome)
    except StorageError:
        raise
    except BaseException:  # a person's wish to stop, too: whole batches are kept
        writer.commit()
        raise
    writer.commit()
    return faults


def _index(folder: Path, keys: set[str]) -> Index:
    """Where the keys that are stored intact are; damaged parts are removed, to be encoded again."""
    index: Index = {}
    for part in read_parts(folder):
        rows = {key: (part, row) for row, key in enumerate(part.keys) if key in keys}
        if not rows:
            continue
        if part.intact():
            index.update(rows)
        else:
            part.remove()
    return index


def _parts_of(keys: Sequence[str], index: Index) -> list[Part]:
    return list({index[key][0].path: index[key][0] for key in keys}.values())


def _fill(
    target: NDArray[Any], keys: Sequence[str], index: Index, opened: dict[Path, NDArray[Any]]
) -> NDArray[Any]:
    """Copies each key's row into ``target``, part by part."""
    places: dict[Path, tuple[list[int], list[int]]] = {}
    for place, key in enumerate(keys):
        part, row = index[key]
        to, rows = places.setdefault(part.path, ([], []))
        to.append(place)
        rows.append(row)
    for path, (to, rows) in places.items():
        target[to] = opened[path][rows]
    return target


def _write_view(
    view: Path,
    like: NDArray[Any],
    keys: Sequence[str],
    index: Index,
    opened: dict[Path, NDArray[Any]],
) -> None:
    """Writes the rows in order to a file that can be memory-mapped."""
    shape = (len(keys), like.shape[1])
    draft = view.with_name(f".{view.name}.{uuid4().hex}")
    try:
        view.parent.mkdir(exist_ok=True)
        sweep(view.parent)
        mapped = np.lib.format.open_memmap(draft, mode="w+", dtype=like.dtype, shape=shape)
        _fill(mapped, keys, index, opened)
        mapped.flush()
        draft.replace(view)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise cannot_write(view.parent, error, math.prod(shape) * like.dtype.itemsize) from error
