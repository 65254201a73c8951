"""Zips that people upload: unpacked safely, every picture decoded and written anew.

EXIF and everything else that is not a pixel is left behind. A picture that cannot be decoded is set
aside and listed, and so is every member that is not unpacked. Nothing is left when an import fails.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from backend.catalog.datasets.captions_file import CAPTIONS_FILES, SUFFIXES
from backend.catalog.datasets.decoding import clean_picture, recording_fault_of
from backend.catalog.datasets.folders import modality_of
from backend.catalog.datasets.imports.archive_plan import Member, checked_directory, plan
from backend.catalog.datasets.imports.places import fresh_draft, imports_folder, put_in_place, slug
from backend.catalog.datasets.leftovers import write_leftovers
from backend.catalog.datasets.loading import load_dataset
from backend.errors import DatasetError, Fault, InvalidInput
from backend.reporting import Report, silent
from backend.schemas import Finding
from backend.settings import Settings

_THREADS: Final = 2
_AT_ONCE: Final = 16


def import_zip(file: Path, name: str, settings: Settings, report: Report = silent) -> str:
    """Unpacks a zip of pictures or recordings with their captions, in any layout of a folder.

    Args:
        file: the zip.
        name: what the set is called.
        settings: how large it may be, and where imports are kept.
        report: told the files unpacked; may raise ``Cancelled``, and nothing is left behind.

    Returns:
        The address of the set. The same zip under the same name is unpacked once.

    Raises:
        DatasetError: no zip, more than is allowed, or no data set in it; lists every fault.
        StorageError: the disk is full or may not be written.
    """

    def check(draft: Path, findings: Sequence[Finding]) -> None:
        write_leftovers(draft, findings)
        _check_set(draft, file.name, findings, settings)

    root = imports_folder(settings)
    target = unpack_zip(file, root, slug(name or file.stem), check, settings, report)
    return str(_address(target))


def unpack_zip(
    file: Path,
    root: Path,
    name: str,
    check: Callable[[Path, Sequence[Finding]], None],
    settings: Settings,
    report: Report = silent,
) -> Path:
    """Unpacks a zip of pictures, recordings and tables, as they may come from anybody.

    Args:
        root: below which the folder gets its place.
        name: what the folder's name begins with; a hash of the zip follows.
        check: looks at the folder before it counts, and at what was left out; may raise.
        settings: how large it may be.
        report: told the files unpacked; may raise ``Cancelled``, and nothing is left behind.

    Returns:
        The folder. The same zip under the same name is unpacked once.

    Raises:
        DatasetError: no zip, or more than is allowed.
        StorageError: the disk is full or may not be written.
    """
    _check_file(file, settings)
    target = root / f"{name}-{_digest(file)}"
    if not target.is_dir():
        with fresh_draft(root, "zip") as draft:
            check(draft, _unpack(file, draft, settings, report))
            put_in_place(draft, target)
    return target


def _check_file(file: Path, settings: Settings) -> None:
    try:
        size = file.stat().st_size
        if size > settings.max_upload_mb * 1_000_000:
            raise DatasetError(
                f"{file.name} has {size / 1e6:,.0f} MB; at most {settings.max_upload_mb:,} are "
                "allowed. Give a folder on the machine instead, or raise ISTHMUS_MAX_UPLOAD_MB."
            )
        checked_directory(file, settings)
    except OSError as error:
        what = error.strerror or error
        raise DatasetError(f"{file.name} cannot be read ({what}). Upload it again.") from error


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:12]


def _unpack(file: Path, draft: Path, settings: Settings, report: Report) -> list[Finding]:
    """Writes what is planned into the draft; returns everything left out."""
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise DatasetError(
            f"{file.name} is not a whole zip file ({error}). Pack it again."
        ) from error
    with archive:
        members, findings = plan(archive, settings)
        findings += _write(archive, members, draft, settings, report)
    return findings


def _write(
    archive: zipfile.ZipFile,
    members: Sequence[Member],
    draft: Path,
    settings: Settings,
    report: Report,
) -> Iterator[Finding]:
    """Unpacks members in a few threads; gives a finding for each that cannot be read."""
    left = settings.max_archive_mb * 1_000_000
    reading = threading.Lock()  # of the archive: its members share one open file
    name = Path(archive.filename or "the zip").name
    done = 0

    def prepared(member: Member) -> tuple[bytes, str]:
        with reading:
            data, what = _read(archive, member)
        return (data, what) if what else _cleaned(data, member, settings)

    with ThreadPoolExecutor(_THREADS, "unpack") as pool:
        waiting = iter(members)
        while some := list(itertools.islice(waiting, _AT_ONCE)):
            for member, (data, what) in zip(some, pool.map(prepared, some), strict=True):
                report(done, len(members), "files unpacked")
                done += 1
                if what:
                    where = f"{name} member {member.target}"
                    kind = "unreadable" if modality_of(member.target.name) else "broken row"
                    yield Finding(kind=kind, where=where, what=what, set_aside=True)
                    continue
                left -= len(data)
                if left < 0:
                    raise DatasetError(
                        f"{name} unpacks to more than {settings.max_archive_mb:,} MB. Pack less, or "
                        "give a folder on the machine instead."
                    )
                place = draft / member.target
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("xb") as opened:
                    opened.write(data)
    report(done, len(members), "files unpacked")


def _read(archive: zipfile.ZipFile, member: Member) -> tuple[bytes, str]:
    """A member's bytes, never more than its directory says; or why it cannot be read."""
    try:
        with archive.open(member.info) as opened:
            return opened.read(member.info.file_size), ""
    except (
        zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError
    ) as error:  # fmt: skip
        return b"", f"cannot be unpacked ({str(error)[:120] or type(error).__name__})"


def _cleaned(data: bytes, member: Member, settings: Settings) -> tuple[bytes, str]:
    modality = modality_of(member.target.name)
    if modality == "image":
        try:
            return clean_picture(data, member.target.name, settings.max_image_pixels), ""
        except InvalidInput as error:
            return b"", error.summary
    if modality == "audio":
        return data, recording_fault_of(data)
    return data, ""


def _check_set(draft: Path, name: str, findings: Sequence[Finding], settings: Settings) -> None:
    """Reads what was unpacked once.

    Raises:
        DatasetError: it is no data set; what was left out is told, too.
    """
    try:
        load_dataset(str(_address(draft)), settings, hashed=False)
    except DatasetError as error:
        faults = [Fault(finding.where, finding.what) for finding in findings if finding.set_aside]
        summary = error.summary.replace(f"{draft}{os.sep}", "").replace(str(draft), name)
        known = {str(fault) for fault in error.faults}
        faults = [*error.faults, *(fault for fault in faults if str(fault) not in known)]
        raise DatasetError(f"{name} cannot be used: {summary}", faults) from error


def _address(folder: Path) -> Path:
    """The folder, or its only file of captions where that has a name of its own."""
    if any((folder / name).is_file() for name in CAPTIONS_FILES):
        return folder
    tables = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES]
    tables = [path for path in tables if not path.name.startswith((".", "dataset_"))]
    return tables[0] if len(tables) == 1 else folder
