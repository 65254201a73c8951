"""What files of chains are called in the layout of Mollah et al. 2025, and which item each is of.

    <root>/text-first/gen-0.csv, gen-1/, gen-2.csv, ...     columns filename, caption
    <root>/image-first/gen-0/, gen-1.csv, gen-2/, ...       pictures called like the filenames

A table and a folder are joined by the file name without its suffix, whatever their order.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import Final, Literal

from backend.catalog.datasets.folders import IMAGE_SUFFIXES, encodable
from backend.schemas import Side

Protocol = Literal["text-first", "image-first"]

PROTOCOLS: Final[tuple[Protocol, ...]] = ("text-first", "image-first")
_OTHER: Final[dict[Side, Side]] = {"text": "image", "image": "text"}
_GENERATION: Final = re.compile(r"gen-(0|[1-9]\d{0,3})(\.csv)?")
_PLAIN: Final = frozenset("._-()+,=@ ")
_LONGEST: Final = 180  # bytes of a stem; file systems allow 255 of a name
_KEPT: Final = 120
_DIGITS: Final = 32
#: names that Windows keeps for devices, with any suffix
_DEVICES: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def side_at(protocol: Protocol, generation: int) -> Side:
    """The modality of a generation."""
    first: Side = "text" if protocol == "text-first" else "image"
    return _OTHER[first] if generation % 2 else first


def entry_name(protocol: Protocol, generation: int) -> str:
    """What a generation's table or folder is called."""
    suffix = ".csv" if side_at(protocol, generation) == "text" else ""
    return f"gen-{generation}{suffix}"


def generation_of(name: str) -> tuple[int, Side] | None:
    """Which generation a table or folder is by its name, and of which modality; None for none."""
    match = _GENERATION.fullmatch(name)
    if match is None:
        return None
    return int(match[1]), "text" if match[2] else "image"


def stem_of(filename: str) -> str:
    """A file name without the suffix of a picture. Another dot is part of the name: "v1.2" is no v1."""
    stem, suffix = os.path.splitext(filename)
    return stem if suffix.lower() in IMAGE_SUFFIXES and stem else filename


def wrong_with(filename: str) -> str:
    """Why a file name can be no item of a folder; empty where it can."""
    if not filename.strip():
        return "filename is empty"
    if "/" in filename or "\\" in filename or filename in (".", ".."):
        return "filename leads to another folder; give the name alone"
    if not encodable(filename) or any(ord(letter) < 32 for letter in filename):
        return "filename has characters that no file name has"
    return ""


def safe_stem(item_id: str) -> str:
    """A stem of an item's own that any file system takes and that leads nowhere else.

    Letters, digits and a few marks stay; anything else is written as %XX, and so is what would hide a
    file, end it badly or look like a picture's suffix. Where that is too long, a hash ends it.
    """
    stem = "".join(
        letter if letter.isalnum() or letter in _PLAIN else _escaped(letter) for letter in item_id
    )
    if stem_of(stem) != stem:
        place = stem.rindex(".")
        stem = f"{stem[:place]}%2E{stem[place + 1 :]}"
    if stem[:1] in {".", " "} or _DEVICES.match(stem):
        stem = _escaped(stem[0]) + stem[1:]
    if stem[-1:] in {".", " "}:
        stem = stem[:-1] + _escaped(stem[-1])
    if len(stem.encode()) > _LONGEST:
        kept = stem.encode()[:_KEPT].decode("utf-8", "ignore")
        digest = hashlib.sha256(item_id.encode("utf-8", "surrogatepass")).hexdigest()
        stem = f"{kept}-{digest[:_DIGITS]}"
    return stem or "%"


def _escaped(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
