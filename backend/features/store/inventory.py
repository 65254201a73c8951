"""What the feature store holds, one entry an output of an encoder, and taking it out."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from filelock import FileLock, Timeout

from backend.errors import Fault, InvalidInput
from backend.features.store.parts import read_parts
from backend.schemas import StoredFeatures

#: names of outputs' folders
_KEY: Final = re.compile(r"[0-9a-f]{32}")
_REMOVED: Final = ".removed-"
_STALE_AFTER_S: Final = 3600.0
#: seconds to wait for a writer to end
_PATIENCE_S: Final = 2.0


def stored_features(
    root: Path, used_by: Mapping[str, Sequence[str]] | None = None
) -> list[StoredFeatures]:
    """The entries of the store under ``root``, largest first.

    What an earlier version of the store left behind is listed too, as it takes room; it holds no items
    for this one.

    Args:
        used_by: runs that use an entry, by its key.
    """
    users = used_by or {}
    entries = [
        _entry(folder, tuple(users.get(folder.name, ())))
        for folder in _folders(root)
        if (folder / "output.json").is_file() or (folder / "encoder.json").is_file()
    ]
    return sorted(entries, key=lambda entry: -entry.bytes)


def remove_features(root: Path, keys: Sequence[str]) -> int:
    """Takes entries out of the store; the bytes freed.

    A reader that has mapped a file keeps it; one that comes in between finds nothing and encodes
    again. Each entry goes in one step, so that none is ever found half.

    Args:
        keys: of entries that :func:`stored_features` listed; ones that are gone count nothing.

    Raises:
        InvalidInput: something else is named, or an entry is being written; nothing is removed then.
    """
    faults = [Fault(key, "is no entry of the feature store") for key in keys if not _is_key(key)]
    if faults:
        raise InvalidInput("Nothing was removed; choose again.", faults)
    (root / "locks").mkdir(parents=True, exist_ok=True)
    held: list[FileLock] = []
    freed = 0
    try:
        for key in sorted(set(keys)):
            lock = FileLock(root / "locks" / f"{key}.lock")
            try:
                lock.acquire(timeout=_PATIENCE_S, poll_interval=0.05)
            except Timeout:
                raise InvalidInput(
                    "Nothing was removed: features are being encoded right now. Wait for the run, "
                    "or cancel it, and remove them then."
                ) from None
            held.append(lock)
        for key in set(keys):
            freed += _remove(root, root / key)
    finally:
        for lock in held:
            lock.release()
    _sweep(root)
    return freed


def _is_key(key: str) -> bool:
    """Whether it names a folder right in the store, and nothing outside."""
    return _KEY.fullmatch(key) is not None


def _remove(root: Path, folder: Path) -> int:
    """Renames a folder away and deletes it; links are never followed."""
    if folder.is_symlink() or not folder.is_dir():
        return 0
    aside = root / f"{_REMOVED}{uuid4().hex}"
    folder.rename(aside)
    size = _size(aside)
    shutil.rmtree(aside, ignore_errors=True)
    return size


def _sweep(root: Path) -> None:
    """Deletes what a process that was killed left of a removal, and folders it had just begun."""
    for path in root.glob(f"{_REMOVED}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
    for folder in _folders(root):
        begun = not any(folder.glob("*.json"))
        if begun and time.time() - folder.stat().st_mtime > _STALE_AFTER_S:
            shutil.rmtree(folder, ignore_errors=True)


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return [
        path
        for path in sorted(root.iterdir())
        if _is_key(path.name) and path.is_dir() and not path.is_symlink()
    ]


def _entry(folder: Path, runs: tuple[str, ...]) -> StoredFeatures:
    told = _card(folder)
    spec = told.get("spec", {})
    items = dimension = 0
    for part, keys in read_parts(folder / "parts"):
        items, dimension = items + len(keys), part.shape[1]
    found = list(_files(folder))
    changed = max((status.st_mtime for status in found), default=0.0)
    return StoredFeatures(
        key=folder.name,
        encoder=str(spec.get("id", "unknown")),
        output=str(told.get("label", "of an earlier version")),
        modality=spec.get("modality", spec.get("side", "text")),
        items=items,
        dimension=dimension,
        bytes=sum(status.st_size for status in found),
        runs=runs,
        changed_at=datetime.fromtimestamp(changed, UTC),
    )


def _card(folder: Path) -> dict[str, Any]:
    for name in ("output.json", "encoder.json"):
        try:
            told = json.loads((folder / name).read_text("utf-8"))
            if isinstance(told, dict) and isinstance(told.get("spec"), dict):
                return told
        except (OSError, ValueError):
            continue
    return {}


def _size(folder: Path) -> int:
    return sum(status.st_size for status in _files(folder))


def _files(folder: Path) -> Iterator[os.stat_result]:
    """Of every file below; links are not followed."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # drafts come and go
                yield Path(parent, name).lstat()
