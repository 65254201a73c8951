"""Which data sets lie in Isthmus's own folder, and deleting one of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import uuid4

from backend.catalog.address import parse
from backend.catalog.datasets.imports.places import imports_folder, told_when_full
from backend.catalog.datasets.layouts.hub_dataset import SCHEME, import_folder
from backend.settings import Settings


def imported_folder(dataset: str, settings: Settings) -> Path | None:
    """The folder that a data set was unpacked or fetched into; None where it lies elsewhere."""
    address = parse(dataset)
    root = imports_folder(settings)
    if address.base.startswith(SCHEME):
        folder = import_folder(address, settings)
        return folder if folder.is_dir() else None
    try:
        path = Path(address.base).resolve()
        below = path.relative_to(root).parts
    except (OSError, ValueError):  # elsewhere, or no path at all
        return None
    folder = root / below[0] if below else root
    own = bool(below) and not below[0].startswith(".") and folder.is_dir()
    return folder if own and not folder.is_symlink() else None


def is_fetched(dataset: str, settings: Settings) -> bool:
    """Whether a data set can be read without fetching it first."""
    address = parse(dataset)
    return not address.base.startswith(SCHEME) or import_folder(address, settings).is_dir()


def remove_import(folder: Path, settings: Settings) -> None:
    """Deletes an imported set. It is renamed first, so that a killed removal leaves nothing that counts.

    Args:
        folder: from :func:`imported_folder`.

    Raises:
        StorageError: it may not be written.
    """
    with told_when_full(imports_folder(settings)):
        # the name is one that the next import sweeps away
        doomed = folder.with_name(f".zip-{uuid4().hex}")
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)
