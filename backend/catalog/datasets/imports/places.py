"""Where sets are kept that were brought in: uploaded zips and data sets of the Hub.

An import is written into a folder whose name begins with a dot, and renamed when it is complete: what
is killed leaves nothing that counts.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from backend.errors import StorageError
from backend.settings import Settings

_LONGEST_SLUG: Final = 40
#: drafts of killed imports are of no use for zips, and may be gone on with for data sets of the Hub
_STALE_AFTER_S: Final = {".zip-*": 24 * 3600.0, ".hub-*": 60 * 24 * 3600.0}


def imports_folder(settings: Settings) -> Path:
    """The folder of all imported sets, as an absolute path without links."""
    return settings.data_dir / "imports"


def slug(name: str) -> str:
    """A name that every file system takes."""
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_SLUG].strip("-")
    return plain or "set"


@contextmanager
def fresh_draft(folder: Path, prefix: str) -> Iterator[Path]:
    """A folder to write an import into, removed on leaving where it was not renamed.

    Raises:
        StorageError: the disk is full or may not be written; also for what the block writes.
    """
    with told_when_full(folder):
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        draft = Path(tempfile.mkdtemp(prefix=f".{prefix}-", dir=folder))
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def put_in_place(draft: Path, target: Path) -> None:
    """Makes a draft an import; where another process was faster, its import stands."""
    draft.chmod(0o755)  # mkdtemp's folders are closed to others
    try:
        draft.rename(target)
    except OSError:
        if not target.is_dir():
            raise


@contextmanager
def told_when_full(folder: Path) -> Iterator[None]:
    """Turns an error of writing into a sentence.

    Raises:
        StorageError: instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"The data set could not be written to {folder} ({error.strerror or error}). Free some "
            "space, or set ISTHMUS_HOME to a folder that can be written; nothing half-done is used."
        ) from error


def sweep(folder: Path) -> None:
    """Removes what killed imports left behind long ago."""
    for pattern, age in _STALE_AFTER_S.items():
        for draft in folder.glob(pattern):
            try:
                stale = time.time() - draft.stat().st_mtime > age
            except OSError:  # another process has just put it in place or removed it
                continue
            if stale:
                shutil.rmtree(draft, ignore_errors=True)
