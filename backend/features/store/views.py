"""Features of one set of items in order: in memory when small, else a file that is memory-mapped.

The file (a view) is written block by block, so that a set of any size takes the memory of one; and
is hashed like a part. Views of other sets that nobody used for long are removed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from backend.features.store.parts import Keys, Part, cannot_write, sweep, write_whole
from backend.features.store.shelves import Shelf, Verified

#: larger sets of features are read from a file and not from memory
IN_MEMORY_BYTES: Final = 64 * 1024 * 1024

_BLOCK_BYTES: Final = 16 * 1024 * 1024
_UNUSED_AFTER_S: Final = 14 * 24 * 3600.0
_NAME_DIGITS: Final = 32

#: rows ``first`` to ``last`` of the items that are asked for
Block: TypeAlias = Callable[[int, int], NDArray[Any]]


@dataclass(frozen=True)
class Limits:
    """How features are gathered.

    Attributes:
        in_memory: results of more bytes are memory-mapped.
        verified: asked before an older view is believed.
        tell: called for each block that is written; may raise.
    """

    in_memory: int
    verified: Verified
    tell: Callable[[], None]


def gather(
    shelves: Sequence[Shelf], keys: Keys, items: NDArray[np.int64], limits: Limits
) -> NDArray[Any]:
    """(len(items), sum of d) features of items, the outputs side by side.

    Args:
        shelves: of outputs with one row an item.
        keys: of all items of the shelves.
        items: whose rows are asked for, in order; may repeat.
        limits: when to use a file.

    Raises:
        StorageError: there is no room for a view.
        FileNotFoundError: a part has been removed meanwhile.
    """
    if not shelves or not len(items):
        return np.empty((len(items), 0), np.float16)
    widths = [shelf.width for shelf in shelves]
    dtype, shape = _dtype(shelves), (len(items), sum(widths))

    def block(first: int, last: int) -> NDArray[Any]:
        rows = np.empty((last - first, sum(widths)), dtype)
        start = 0
        for shelf, width in zip(shelves, widths, strict=True):
            shelf.fill(rows[:, start : start + width], items[first:last])
            start += width
        return rows

    if dtype.itemsize * math.prod(shape) <= limits.in_memory:
        return block(0, len(items))
    step = max(1, _BLOCK_BYTES // (dtype.itemsize * shape[1]))
    cuts = [*range(0, len(items), step), len(items)]
    blocks = _blocks(block, cuts, limits.tell)
    return _view(_path(shelves, keys[items], dtype), dtype, shape, blocks, limits.verified)


def gather_ragged(
    shelf: Shelf, keys: Keys, items: NDArray[np.int64], limits: Limits
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """All rows of items, item after item: (sum of lengths, d); and the lengths, (len(items),).

    Args and errors: as :func:`gather`.
    """
    lengths = shelf.lengths(items)
    ends = np.cumsum(lengths)
    dtype, shape = _dtype([shelf]), (int(lengths.sum()), shelf.width)

    def block(first: int, last: int) -> NDArray[Any]:
        rows = np.empty((int(lengths[first:last].sum()), shelf.width), dtype)
        shelf.fill_ragged(rows, items[first:last])
        return rows

    size = dtype.itemsize * math.prod(shape)
    if size <= limits.in_memory or not size:
        return block(0, len(items)), lengths
    numbers = np.arange(1, math.ceil(size / _BLOCK_BYTES)) * (_BLOCK_BYTES // dtype.itemsize)
    inner = np.searchsorted(ends, numbers // max(1, shelf.width))
    cuts = np.unique([0, *inner.tolist(), len(items)]).tolist()
    path = _path([shelf], keys[items], dtype)
    blocks = _blocks(block, cuts, limits.tell)
    return _view(path, dtype, shape, blocks, limits.verified), lengths


def _blocks(block: Block, cuts: Sequence[int], tell: Callable[[], None]) -> Iterator[NDArray[Any]]:
    for first, last in zip(cuts, cuts[1:], strict=False):
        tell()
        yield block(first, last)


def _dtype(shelves: Sequence[Shelf]) -> np.dtype[Any]:
    return np.dtype(np.float32 if any(shelf.single() for shelf in shelves) else np.float16)


def _path(shelves: Sequence[Shelf], keys: Keys, dtype: np.dtype[Any]) -> Path:
    """Named by everything that is in it."""
    digest = hashlib.sha256(keys.tobytes())
    for shelf in shelves:
        digest.update(shelf.folder.name.encode())
    digest.update(dtype.str.encode())
    return shelves[0].folder / "views" / f"{digest.hexdigest()[:_NAME_DIGITS]}.npy"


def _view(
    path: Path,
    dtype: np.dtype[Any],
    shape: tuple[int, int],
    blocks: Iterator[NDArray[Any]],
    verified: Verified,
) -> NDArray[Any]:
    part = _known(path, shape)
    if part is None or not verified(part):
        try:
            _write(path, dtype, shape, blocks)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise cannot_write(path.parent, error, dtype.itemsize * math.prod(shape)) from error
    vectors: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    _mark_used(path)
    return vectors


def _known(path: Path, shape: tuple[int, int]) -> Part | None:
    """What the manifest of a view says; None where there is none."""
    try:
        told = json.loads(path.with_suffix(".json").read_text("utf-8"))
        return Part(path, shape, False, str(told["sha256"]), int(told["size"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(
    path: Path, dtype: np.dtype[Any], shape: tuple[int, int], blocks: Iterator[NDArray[Any]]
) -> None:
    """Writes rows as they come, hashing them on the way; the manifest last."""
    path.parent.mkdir(exist_ok=True)
    _clean(path.parent)
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    digest, size = hashlib.sha256(), 0
    header = {"descr": dtype.str, "fortran_order": False, "shape": shape}
    try:
        with draft.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            file.flush()
            digest.update(draft.read_bytes())
            for rows in blocks:
                file.write(rows.data)
                digest.update(rows.data)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        path.with_suffix(".json").unlink(missing_ok=True)
        draft.replace(path)
        told = {"sha256": digest.hexdigest(), "size": size}
        write_whole(path.with_suffix(".json"), json.dumps(told).encode())
    finally:
        draft.unlink(missing_ok=True)


def _mark_used(path: Path) -> None:
    """So that it is not taken for one that nobody needs."""
    try:
        os.utime(path.with_suffix(".json"))
    except OSError:  # somebody else's store, or removed meanwhile: the map stays good
        return


def _clean(folder: Path) -> None:
    """Removes views that nobody used for long, and drafts of processes that were killed."""
    for manifest in folder.glob("*.json"):
        try:
            if time.time() - manifest.stat().st_mtime > _UNUSED_AFTER_S:
                manifest.unlink(missing_ok=True)
                manifest.with_suffix(".npy").unlink(missing_ok=True)
        except OSError:  # another process has just removed it
            continue
    sweep(folder)
