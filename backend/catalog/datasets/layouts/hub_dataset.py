"""A data set of the Hugging Face Hub, by its id, with a mapping of its columns.

    hf://owner/name                                       columns and splits as they look
    hf://owner/name?split=train,test&image=img&caption=text&limit=5000
    hf://owner/name?text=question&caption=answer&id=key    rows of one id are one item
    hf:///data/name                                       a folder of the same form

It is fetched once, into the folder of imports; from then on no connection is needed. A break is no
loss: the next attempt goes on. ``limit`` counts the items of each split.
"""

from __future__ import annotations

import hashlib
import shutil
import stat
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from backend.catalog.address import Address, check_options
from backend.catalog.datasets.imports.hub_import import fetch_rows, revision_of
from backend.catalog.datasets.imports.hub_stream import Repository, in_folder, on_the_hub
from backend.catalog.datasets.imports.places import (
    imports_folder,
    put_in_place,
    slug,
    sweep,
    told_when_full,
)
from backend.catalog.datasets.layouts import captions_files
from backend.catalog.datasets.leftovers import read_leftovers
from backend.catalog.datasets.reading import Reading
from backend.catalog.hub import HUB_ID
from backend.errors import DatasetError
from backend.reporting import Report
from backend.settings import Settings

SCHEME: Final = "hf://"

OPTIONS: Final = (
    "split", "config", "revision", "image", "audio", "text", "code", "caption", "id", "limit",
    "template",
)  # fmt: skip

_LOOK_EVERY_S: Final = 0.3


def read(address: Address, settings: Settings, report: Report) -> Reading:
    """Reads the set, fetching it on first use.

    Raises:
        DatasetError: there is no such data set, the Hub cannot be reached, or its columns are not
            known; lists them.
        StorageError: the disk is full or may not be written.
    """
    check_options(address, OPTIONS, DatasetError)
    folder = _import(address, settings, report)
    reading = captions_files.read(folder, Address(str(folder)), report)
    reading.findings.extend(read_leftovers(folder))
    reading.layout = "a data set of the Hugging Face Hub"
    return reading


def import_folder(address: Address, settings: Settings) -> Path:
    """Where a data set of the Hub is, once it is fetched."""
    told = f"{address}\n{_stamp(address)}"
    digest = hashlib.sha256(told.encode()).hexdigest()[:12]
    return imports_folder(settings) / f"hub-{slug(_source(address).rpartition('/')[2])}-{digest}"


def _import(address: Address, settings: Settings, report: Report) -> Path:
    target = import_folder(address, settings)
    if target.is_dir():
        return target
    draft = target.with_name(f".{target.name}")
    with told_when_full(target.parent):
        locks = target.parent / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        sweep(target.parent)
        with _Alone(locks / target.name, report):
            if target.is_dir():  # another process has fetched it meanwhile
                return target
            try:
                _fetch(address, draft, settings, report)
                put_in_place(draft, target)
            finally:
                if draft.is_dir() and not (draft / "state.json").is_file():
                    shutil.rmtree(draft, ignore_errors=True)  # nothing of it is worth going on
    return target


def _fetch(address: Address, draft: Path, settings: Settings, report: Report) -> None:
    report(0, 0, "rows fetched")
    repository = _repository(address, revision_of(draft) or address.get("revision"))
    try:
        fetch_rows(repository, address, draft, settings.max_image_pixels, report)
    except DatasetError as error:
        raise DatasetError(f"{address.base}: {error.summary}", error.faults) from error


def _repository(address: Address, revision: str) -> Repository:
    source = _source(address)
    if "\0" not in source and Path(source).expanduser().is_absolute():
        folder = Path(source).expanduser()
        if folder.is_dir():
            return in_folder(folder)
        raise DatasetError(f"There is no folder {folder}. Check its path.")
    if not HUB_ID.fullmatch(source):
        raise DatasetError(
            f"{address.base} is no id of a data set. Write hf://owner/name, as the Hub shows it."
        )
    return on_the_hub(source, revision)


def _source(address: Address) -> str:
    return address.base.removeprefix(SCHEME).rstrip("/")


def _stamp(address: Address) -> str:
    """What changes with the files of a folder; empty for the Hub, where a revision is named."""
    folder = Path(_source(address)).expanduser()
    if "\0" in str(folder) or not folder.is_absolute() or not folder.is_dir():
        return ""
    told = []
    for path in sorted(folder.rglob("*")):
        try:
            found = path.stat()
        except OSError:  # a link to nothing, or not for us: reading will tell where it matters
            continue
        if stat.S_ISREG(found.st_mode):
            told.append(f"{path} {found.st_size} {found.st_mtime_ns}")
    return "\n".join(told)


class _Alone:
    """Held by the one process that fetches a set; others wait, and then find it there."""

    def __init__(self, lock: Path, report: Report) -> None:
        self._lock = FileLock(lock)
        self._report = report

    def __enter__(self) -> None:
        while True:
            try:
                self._lock.acquire(timeout=_LOOK_EVERY_S)
                return
            except Timeout:
                self._report(0, 0, "rows fetched elsewhere")

    def __exit__(self, *_: object) -> None:
        self._lock.release()
