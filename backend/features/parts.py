"""The files of the feature store: .npy parts, each committed by a manifest renamed into place.

    <part>.npy    (n, d) float16 where every number fits, else float32
    <part>.json   the keys of its rows, shape, dtype and SHA-256 of the .npy; written last

A part is named by its keys, so two processes that write the same one do no harm.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import StorageError

_VERSION: Final = 1
_STALE_AFTER_S: Final = 3600.0
_NAME_DIGITS: Final = 32
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Part:
    """A committed part.

    Attributes:
        path: its .npy file.
        keys: of its rows.
        sha256: of the .npy file.
        size: of the .npy file in bytes.
    """

    path: Path
    keys: tuple[str, ...]
    sha256: str
    size: int

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


def part_name(keys: Sequence[str]) -> str:
    """The name of the part with these rows."""
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:_NAME_DIGITS]


def read_parts(folder: Path) -> Iterator[Part]:
    """Every committed part of a folder. Manifests that cannot be read are as good as none."""
    for manifest in sorted(folder.glob("*.json")):
        try:
            told = json.loads(manifest.read_text("utf-8"))
            keys = tuple(told["keys"])
            # the name is a hash of the keys, so a damaged list of keys is found out
            if told["version"] == _VERSION and part_name(keys) == manifest.stem:
                yield Part(manifest.with_suffix(".npy"), keys, told["sha256"], told["size"])
        except (OSError, ValueError, KeyError, TypeError):
            continue


def write_part(folder: Path, keys: Sequence[str], vectors: NDArray[np.float32]) -> Part:
    """Commits rows; when it returns they survive a crash.

    Args:
        vectors: (len(keys), d), finite.

    Raises:
        OSError: they cannot be written; nothing is left behind.
    """
    buffer = io.BytesIO()
    np.save(buffer, compact(vectors), allow_pickle=False)
    data = buffer.getbuffer()
    part = Part(
        folder / f"{part_name(keys)}.npy", tuple(keys), hashlib.sha256(data).hexdigest(), len(data)
    )
    told = {
        "version": _VERSION,
        "sha256": part.sha256,
        "size": part.size,
        "shape": list(vectors.shape),
        "keys": list(keys),
    }
    write_whole(part.path, data)
    write_whole(part.path.with_suffix(".json"), json.dumps(told).encode())
    return part


def compact(vectors: NDArray[np.float32]) -> NDArray[Any]:
    """float16 where every number fits, else the same float32."""
    with np.errstate(over="ignore"):
        half = vectors.astype(np.float16)
    return half if np.isfinite(half).all() else vectors


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
    """Removes drafts of processes that were killed long ago."""
    for draft in folder.glob(".*"):
        try:
            if time.time() - draft.lstat().st_mtime > _STALE_AFTER_S:
                draft.unlink(missing_ok=True)
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
