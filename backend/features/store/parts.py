"""The files of the feature store: .npy parts, each committed by a manifest renamed into place.

    <part>.npy    (rows, d) float16 where every number fits, else float32
    <part>.json   the keys of its items, shape, size and SHA-256 of the .npy; written last

A part is named by its keys, so two processes that write the same one do no harm. An item has one
row; or, where its tokens are kept, as many rows as the manifest says.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.errors import StorageError

#: hex digits of an item's key: 128 bits
KEY_DIGITS: Final = 32

#: keys of items: (n,) of 16 bytes each
Keys: TypeAlias = NDArray[np.bytes_]

_VERSION: Final = 2
_STALE_AFTER_S: Final = 3600.0
_NAME_DIGITS: Final = 32
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Part:
    """A committed part.

    Attributes:
        path: its .npy file.
        shape: of its array.
        single: whether it is float32 and not float16.
        sha256: of the .npy file.
        size: of the .npy file in bytes.
        ends: (items,) row after the last one of each item; None where each item has one row.
    """

    path: Path
    shape: tuple[int, int]
    single: bool
    sha256: str
    size: int
    ends: NDArray[np.int64] | None = None

    def intact(self) -> bool:
        """Whether the file still is what was committed."""
        try:
            if self.path.stat().st_size != self.size:
                return False
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False

    def read(self) -> NDArray[Any]:
        """Its vectors, memory-mapped."""
        vectors: NDArray[Any] = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return vectors

    def remove(self) -> None:
        """Takes it out of the store; the manifest first, so that it never stands alone."""
        self.path.with_suffix(".json").unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def as_keys(digits: Sequence[str]) -> Keys:
    """Keys of 32 hex digits each as an array of 16 bytes each: a twentieth of the strings' memory.

    Raises:
        ValueError: one is something else.
    """
    if any(len(key) != KEY_DIGITS for key in digits):
        raise ValueError(f"a key has {KEY_DIGITS} hex digits")
    return np.frombuffer(bytes.fromhex("".join(digits)), f"S{KEY_DIGITS // 2}")


def part_name(keys: Keys) -> str:
    """The name of the part with these items."""
    return hashlib.sha256(keys.tobytes()).hexdigest()[:_NAME_DIGITS]


def read_parts(folder: Path, known: Collection[str] = ()) -> Iterator[tuple[Part, Keys]]:
    """Every committed part of a folder, one at a time, with the keys of its items.

    Manifests that cannot be read are as good as none.

    Args:
        known: names of parts that are passed over.
    """
    for manifest in sorted(folder.glob("*.json")):
        if manifest.stem in known:
            continue
        try:
            told = json.loads(manifest.read_text("utf-8"))
            keys = np.frombuffer(bytes.fromhex(told["keys"]), f"S{KEY_DIGITS // 2}")
            # the name is a hash of the keys, so a damaged list of keys is found out
            if told["version"] == _VERSION and part_name(keys) == manifest.stem:
                yield _part(manifest, told, len(keys)), keys
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _part(manifest: Path, told: dict[str, Any], items: int) -> Part:
    rows, columns = map(int, told["shape"])
    lengths = told.get("lengths")
    ends = None if lengths is None else np.cumsum(lengths, dtype=np.int64)
    if (
        (rows if ends is None else len(ends)) != items
        or (items and ends is not None)
        and (int(np.asarray(ends)[-1]) != rows)
    ):
        raise ValueError("its items and its rows do not agree")
    path = manifest.with_suffix(".npy")
    return Part(
        path, (rows, columns), bool(told["single"]), str(told["sha256"]), int(told["size"]), ends
    )


def write_part(
    folder: Path,
    keys: Keys,
    vectors: NDArray[np.float32],
    lengths: Sequence[int] | NDArray[np.int64] | None = None,
) -> Part:
    """Commits rows; when it returns they survive a crash.

    Args:
        vectors: (len(keys), d), finite; with ``lengths``, (sum of them, d), item after item.
        lengths: rows of each item, where an item may have several.

    Raises:
        OSError: they cannot be written; nothing is left behind.
    """
    buffer, rows = io.BytesIO(), compact(vectors)
    np.save(buffer, rows, allow_pickle=False)
    data = buffer.getbuffer()
    told: dict[str, Any] = {
        "version": _VERSION,
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "shape": list(rows.shape),
        "single": rows.dtype == np.float32,
        "keys": keys.tobytes().hex(),
    }
    if lengths is not None:
        told["lengths"] = [int(length) for length in lengths]
    manifest = folder / f"{part_name(keys)}.json"
    part = _part(manifest, told, len(keys))
    write_whole(part.path, data)
    write_whole(manifest, json.dumps(told).encode())
    return part


def compact(vectors: NDArray[np.float32]) -> NDArray[Any]:
    """float16 where every number fits; else float32, with the rows that would fit rounded to it.

    So a row's numbers do not depend on the others that happen to be in its part.
    """
    with np.errstate(over="ignore"):
        half = vectors.astype(np.float16)
    fits: NDArray[np.bool_] = np.all(np.isfinite(half), axis=1)
    if fits.all():
        return half
    return np.where(fits[:, None], half.astype(np.float32), vectors)


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Writes a file under another name, to the disk, and renames it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def sweep(folder: Path) -> None:
    """Removes what processes left behind that were killed long ago: drafts, and parts without a
    manifest."""
    for path in folder.iterdir():
        draft = path.name.startswith(".")
        if not draft and (path.suffix != ".npy" or path.with_suffix(".json").exists()):
            continue
        try:
            if time.time() - path.lstat().st_mtime > _STALE_AFTER_S:
                path.unlink(missing_ok=True)
        except OSError:  # another process has just renamed or removed it
            continue


def cannot_write(folder: Path, error: OSError, needed: int) -> StorageError:
    """The error to raise when features cannot be written. ``needed``: bytes still to come."""
    if error.errno in _NO_ROOM:
        return StorageError(
            f"The disk is full: the features still to come need about {megabytes(needed)} in "
            f"{folder}. Free some space there, or move ISTHMUS_HOME to a larger disk, and resume: "
            "what was encoded is kept."
        )
    return StorageError(
        f"Features cannot be written to {folder} ({error.strerror or error}). Make the folder "
        "writable or set ISTHMUS_HOME to one that is, and resume: what was encoded is kept."
    )


def megabytes(size: int) -> str:
    """ "12.3 MB"."""
    return f"{max(size / 1e6, 0.1):,.1f} MB"
