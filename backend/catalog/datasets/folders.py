"""A folder of items that no name and no link leads out of."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol

from backend.media.blobs import Blob
from backend.schemas import Modality

IMAGE_SUFFIXES: Final = frozenset(
    ".jpg .jpeg .jpe .png .webp .bmp .gif .tif .tiff .ppm .pgm".split()
)
AUDIO_SUFFIXES: Final = frozenset(".wav .flac .mp3 .ogg".split())

#: parts of a path that are no names
_NOWHERE: Final = frozenset({"", ".", ".."})

#: what systems leave in folders; it is no data, and nobody misses it
_CLUTTER: Final = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


def modality_of(name: str) -> Modality | None:
    """What a file holds, by its suffix; None for neither pictures nor recordings."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in IMAGE_SUFFIXES:
        return "image"
    return "audio" if suffix in AUDIO_SUFFIXES else None


def is_clutter(name: str) -> bool:
    """Whether a file or folder is the system's and not a person's."""
    return name.startswith(".") or name.lower() in _CLUTTER


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, with all links followed, is in a folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # RuntimeError: links in a circle
        return False


def encodable(text: str) -> bool:
    """Whether text can be written down: no half characters (lone surrogates)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: Any) -> str:
    """A value as it stands in a fault: short."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class Items(Protocol):
    """Items by name: files of a folder, or members of an archive."""

    def find(self, name: Any) -> tuple[tuple[str, int], str]:
        """The item's id and size in bytes, or why it cannot be used."""

    def blob(self, item_id: str) -> Blob:
        """Where the bytes of an item are that :meth:`find` has found."""


class Folder:
    """Files by name, looked up without following anything out.

    Args:
        path: the folder; names are relative to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._real = path.resolve()
        #: regular files by the folder they are in: they need no further look
        self._sizes: dict[str, dict[str, int]] = {}

    def blob(self, item_id: str) -> Blob:
        """Where the bytes of an item are that :meth:`find` has found."""
        return Blob(self.path / item_id)

    def find(self, name: Any) -> tuple[tuple[str, int], str]:
        """The item's id and size, or why it cannot be used."""
        nothing = ("", 0)
        if not isinstance(name, str) or not name.strip():
            given = "is missing" if name is None else f"must be a file name, not {shown(name)}"
            return nothing, f"file {given}"
        if "\0" in name or not encodable(name):
            return nothing, f"file {shown(name)} has characters that no file name has"
        if "\\" not in name and ":" not in name and _NOWHERE.isdisjoint(name.split("/")):
            folder, _, file = name.rpartition("/")
            size = self._files(folder).get(file)
            if size is not None:
                return (name, size), ""
        posix = PurePosixPath(name.replace("\\", "/"))
        drive = len(name) > 1 and name[1] == ":"
        if posix.is_absolute() or ".." in posix.parts or drive:
            return nothing, f"file {shown(name)} leads out of the folder of items"
        parent = posix.parent.as_posix()
        size = self._files("" if parent == "." else parent).get(posix.name)
        if size is not None:
            return (posix.as_posix(), size), ""
        found = self._look(posix, name)
        return found if not found[1] else (self._spelt_otherwise(posix) or found)

    def _files(self, parent: str) -> dict[str, int]:
        """Regular files of a folder below, by name; none where a link leads to it."""
        known = self._sizes.get(parent)
        if known is not None:
            return known
        files: dict[str, int] = {}
        try:
            folder = self.path / parent
            if folder.resolve() == self._real / parent:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.is_file(follow_symlinks=False):
                            files[entry.name] = entry.stat(follow_symlinks=False).st_size
        except (OSError, RuntimeError):  # what is wrong is told when the file itself is looked at
            files = {}
        self._sizes[parent] = files
        return files

    def _spelt_otherwise(self, posix: PurePosixPath) -> tuple[tuple[str, int], str] | None:
        """A file that is named from the folder above, or whose accents are composed otherwise."""
        names = [posix]
        if len(posix.parts) > 1 and posix.parts[0] == self.path.name:
            names.append(PurePosixPath(*posix.parts[1:]))
        for name in names:
            for form in ("NFC", "NFD"):  # macOS writes the second, most else the first
                spelt = PurePosixPath(unicodedata.normalize(form, name.as_posix()))
                parent = spelt.parent.as_posix()
                size = self._files("" if parent == "." else parent).get(spelt.name)
                if size is not None:
                    return (spelt.as_posix(), size), ""
        return None

    def _look(self, posix: PurePosixPath, name: str) -> tuple[tuple[str, int], str]:
        """Links, and names that are not there."""
        nothing = ("", 0)
        try:
            real = (self.path / posix).resolve()
            if not real.is_relative_to(self._real):
                return nothing, f"file {shown(name)} is a link out of the folder of items"
            if not real.is_file():
                return nothing, f"there is no file {shown(name)}"
            return (posix.as_posix(), real.stat().st_size), ""
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            return nothing, f"file {shown(name)} cannot be looked at ({error})"
