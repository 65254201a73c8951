"""Files that are there whole or not at all, also after a kill."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.errors import StorageError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file, which gets its name when it is whole; of an attempt that fails nothing is left.

    Several processes and threads may write the same file: the last one's is what stays.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_whole_file(path: Path, content: bytes) -> None:
    """Writes a file; its folder is made where it is missing.

    Raises:
        StorageError: the disk is full or may not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as draft:
            draft.write_bytes(content)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror or error}). Free some space."
        ) from error
