"""What of a zip is unpacked and what is not, decided from its directory alone.

A zip comes from anybody: names that lead out, links, device names, bombs, nested archives and
encrypted members are never touched. Every member that is left out is listed.
"""

from __future__ import annotations

import stat
import struct
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from backend.catalog.datasets.captions_file import SUFFIXES
from backend.catalog.datasets.folders import encodable, is_clutter, modality_of, shown
from backend.catalog.datasets.reading import broken, note
from backend.errors import DatasetError, Fault
from backend.schemas import Finding
from backend.settings import Settings

#: the most that deflate makes of a byte is 1,032; pictures and tables stay far below
_MOST_RATIO: Final = 200
#: what a member may have at any ratio: small files that hold one thing only compress well
_FREE_BYTES: Final = 10_000_000
#: bytes of the directory a member at most, in the mean; names and extra fields are rarely 200
_DIRECTORY_BYTES: Final = 2_000
_LONGEST_NAME: Final = 200
_LONGEST_PATH: Final = 800
_DEEPEST: Final = 20
_READABLE: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED: Final = 0x1
_END: Final = b"PK\x05\x06"
_END_BYTES: Final = 22
_LONGEST_COMMENT: Final = 65_535

_ARCHIVES: Final = frozenset(
    ".zip .tar .gz .tgz .bz2 .xz .zst .7z .rar .jar .whl .lz4 .z .iso .cab".split()
)
#: file names that are devices on Windows, with any suffix
_DEVICES: Final = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{number}" for port in ("com", "lpt") for number in "123456789¹²³"]
)


@dataclass(frozen=True)
class Member:
    """A file that is unpacked: what it is in the zip, and where it goes."""

    info: zipfile.ZipInfo
    target: PurePosixPath


def checked_directory(file: Path, settings: Settings) -> None:
    """Looks at a zip's directory before anything reads it whole.

    Raises:
        DatasetError: no zip, too many members, or a directory that cannot be true.
    """
    length = file.stat().st_size
    with file.open("rb") as opened:
        start = max(0, length - _END_BYTES - _LONGEST_COMMENT)
        opened.seek(start)
        tail = opened.read()
        place = tail.rfind(_END)
        if place < 0 or len(tail) - place < _END_BYTES:
            raise DatasetError(f"{file.name} is not a whole zip file. Pack it again and retry.")
        entries, size, offset = struct.unpack("<HII", tail[place + 10 : place + 20])
        # larger ones are of the zip64 kind, which only archives beyond every limit need
        if entries == 0xFFFF or size == 0xFFFFFFFF or offset == 0xFFFFFFFF:
            raise _too_many(file, settings)
        if size > start + place or size > max(entries, 1) * _DIRECTORY_BYTES:
            raise DatasetError(f"{file.name} has a damaged directory. Pack it again and retry.")
        opened.seek(start + place - size)
        directory = opened.read(size)
    # the count may lie: each member's entry begins with this mark
    if max(entries, directory.count(b"PK\x01\x02")) > 2 * settings.max_archive_items:
        raise _too_many(file, settings)


def plan(archive: zipfile.ZipFile, settings: Settings) -> tuple[list[Member], list[Finding]]:
    """What is unpacked, and a finding for everything else.

    Args:
        archive: open; nothing but its directory is read.
        settings: how many files and megabytes are allowed.

    Raises:
        DatasetError: more than is allowed, members that overlap, or nothing to unpack.
    """
    name = Path(archive.filename or "the zip").name
    members: list[Member] = []
    findings: list[Finding] = []
    clutter = 0
    for info in archive.infolist():
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if info.is_dir():
            continue
        if any(is_clutter(part) for part in path.parts if part != ".."):
            clutter += 1
            continue
        what = _fault(info, path)
        if what:
            findings.append(broken(Fault(f"{name} member {shown(info.filename)[:80]}", what)))
        else:
            members.append(Member(info, path))
    if clutter:
        findings.append(
            note(name, f"{clutter:,} files of the system (.DS_Store, __MACOSX) are no data")
        )
    members, twice = _once(members, name)
    findings += twice
    _check_limits(name, members, findings, settings)
    return _without_common_folder(members), findings


def _fault(info: zipfile.ZipInfo, path: PurePosixPath) -> str:
    """Why a member is not unpacked; empty when it is."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind and kind != stat.S_IFREG:
        return "is a link or no plain file; only plain files are unpacked"
    what = _name_fault(info.filename, path)
    if what:
        return what
    if path.suffix.lower() in _ARCHIVES:
        return "is an archive inside the archive; those are not opened"
    if modality_of(path.name) is None and path.suffix.lower() not in SUFFIXES:
        return "is neither a picture, a recording nor a captions file, by its name"
    if info.flag_bits & _ENCRYPTED:
        return "is encrypted; pack it without a password"
    if info.compress_type not in _READABLE:
        return "is compressed in a way that is not read; pack it as usual (deflate)"
    if info.file_size > _FREE_BYTES and info.file_size > _MOST_RATIO * info.compress_size:
        return f"would grow {info.file_size // max(info.compress_size, 1):,}-fold; a zip bomb"
    return ""


def _name_fault(name: str, path: PurePosixPath) -> str:
    if "\0" in name or not encodable(name) or any(unicodedata.category(c) == "Cc" for c in name):
        return "has characters that no file name should have"
    if path.is_absolute() or ".." in path.parts or (len(name) > 1 and name[1] == ":"):
        return "leads out of the archive's own folder"
    if len(name) > _LONGEST_PATH or len(path.parts) > _DEEPEST:
        return "has too long a path"
    for part in path.parts:
        if len(part.encode()) > _LONGEST_NAME:
            return "has too long a name"
        if part.split(".")[0].strip().lower() in _DEVICES:
            return "has the name of a device"
        if part != part.rstrip(". ") or any(c in '<>:"|?*' for c in part):
            return "has a name that not every system can keep"
    return "" if path.parts else "has no name"


def _once(members: Sequence[Member], name: str) -> tuple[list[Member], list[Finding]]:
    """The first member of each name; names that differ in case alone are one on many systems."""
    seen: dict[str, str] = {}
    kept: list[Member] = []
    findings: list[Finding] = []
    folders: set[str] = set()
    for member in members:
        folded = _folded(member.target)
        parents = {_folded(parent) for parent in member.target.parents}
        what = ""
        if folded in seen:
            what = f"has the same name as {shown(seen[folded])}, which is used"
        elif folded in folders:
            what = "has the name of a folder of the archive"
        elif not parents.isdisjoint(seen):
            what = "is in a folder that has the name of a file of the archive"
        if what:
            where = f"{name} member {shown(member.info.filename)[:80]}"
            findings.append(broken(Fault(where, what)))
            continue
        seen[folded] = member.info.filename
        folders |= parents
        kept.append(member)
    return kept, findings


def _folded(path: PurePosixPath) -> str:
    return unicodedata.normalize("NFC", path.as_posix()).casefold()


def _check_limits(
    name: str, members: Sequence[Member], findings: Sequence[Finding], settings: Settings
) -> None:
    if not members:
        raise DatasetError(
            f"{name} holds nothing that can be used. Pack pictures or recordings with captions.json "
            "or captions.csv, or in folders named as their classes.",
            [Fault(finding.where, finding.what) for finding in findings],
        )
    if len(members) > settings.max_archive_items:
        raise DatasetError(
            f"{name} holds {len(members):,} files; at most {settings.max_archive_items:,} are "
            "allowed. Pack fewer, or give a folder on the machine instead."
        )
    total = sum(member.info.file_size for member in members)
    if total > settings.max_archive_mb * 1_000_000:
        raise DatasetError(
            f"{name} unpacks to {total / 1e6:,.0f} MB; at most {settings.max_archive_mb:,} are "
            "allowed. Pack less, or give a folder on the machine instead."
        )
    ends = -1
    for start, end in sorted(_spans(members)):
        if start < ends:
            raise DatasetError(f"{name} has members that share bytes: a zip bomb. Pack it again.")
        ends = end


def _spans(members: Sequence[Member]) -> Iterator[tuple[int, int]]:
    """First byte and end of each member's data, without its own header of unknown length."""
    for member in members:
        start = member.info.header_offset
        yield start, start + member.info.compress_size


def _without_common_folder(members: Sequence[Member]) -> list[Member]:
    """Leaves out a folder that all members are in, as packers add it."""
    kept = list(members)
    while True:
        tops = {member.target.parts[0] for member in kept}
        below = {len(member.target.parts) for member in kept}
        flat = max(below) < 3 and not any(
            member.target.suffix.lower() in SUFFIXES for member in kept
        )
        if len(tops) > 1 or min(below) < 2 or flat:
            return kept
        kept = [Member(member.info, PurePosixPath(*member.target.parts[1:])) for member in kept]


def _too_many(file: Path, settings: Settings) -> DatasetError:
    return DatasetError(
        f"{file.name} has too many members; at most {settings.max_archive_items:,} files are "
        "allowed. Pack fewer, or give a folder on the machine instead."
    )
