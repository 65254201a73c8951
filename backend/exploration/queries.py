"""What a query's parts are in a run's shared space, and what they are together."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from os.path import isfile  # unlike Path's it bears names of any length
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.errors import Fault, InvalidInput, NotFound
from backend.exploration.gallery import side_of
from backend.exploration.space import SharedSpace
from backend.media.blobs import Blob
from backend.media.pictures import read_picture
from backend.schemas import ITEM_WORDS, Modality, Query, QueryPart, Side

Vector = NDArray[np.float32]
Crop = tuple[float, float, float, float]

LONGEST_TEXT: Final = 500
#: of a vector's numbers as text: 8192 of them with 17 digits each
_LONGEST_NUMBERS: Final = 200_000
#: a mixture shorter than this share of its weights is what rounding leaves of parts that cancel out
_CANCELLED: Final = 1e-4
#: pixels that an edge of a cropped picture has to keep
_LEAST_EDGE: Final = 4
_BETWEEN_NUMBERS: Final = re.compile(r"[\s,;\[\]()]+")


def query_vector(space: SharedSpace, query: Query, max_pixels: int) -> Vector:
    """(d,) unit vector of sum(weight * unit vector of the part).

    Args:
        max_pixels: that a picture may have.

    Raises:
        InvalidInput: what of it cannot be used, all at once; or its parts cancel out.
    """
    vectors = part_vectors(space, query.parts, max_pixels)
    weights = np.array([part.weight for part in query.parts])
    mixed = weights @ vectors.astype(np.float64)
    length = float(np.linalg.norm(mixed))
    if length <= _CANCELLED * float(np.abs(weights).sum()):
        raise InvalidInput(
            "The parts of this query cancel each other out, so they point nowhere. Change a weight, or "
            "take one away."
        )
    unit: Vector = (mixed / length).astype(np.float32)
    return unit


def part_vectors(space: SharedSpace, parts: Sequence[QueryPart], max_pixels: int) -> Vector:
    """(p, d) unit vectors of parts; texts are encoded together, and so are pictures.

    Raises:
        InvalidInput: what of them cannot be used, all at once.
    """
    known: dict[int, Vector] = {}
    unread: dict[Side, list[tuple[int, _Unread]]] = {"text": [], "image": []}
    faults = []
    for place, part in enumerate(parts):
        try:
            found = _read(space, part, max_pixels)
        except (InvalidInput, NotFound) as error:
            told = error.summary if isinstance(error, InvalidInput) else str(error)
            faults.append(Fault(_name(part, place if len(parts) > 1 else None), told))
            continue
        if isinstance(found, _Unread):
            unread[found.side].append((place, found))
        else:
            known[place] = found
    if faults:
        raise InvalidInput("This cannot be searched for yet.", faults)
    for side, waiting in unread.items():
        known |= _encoded(space, side, waiting)
    return np.stack([known[place] for place in range(len(parts))])


def read_file(file: Blob, modality: Modality, max_pixels: int) -> Any:
    """A picture or a recording as an encoder takes it; what is no recording is told by the encoder.

    Raises:
        InvalidInput: it is gone, or no picture.
    """
    if not isfile(file.path):
        raise InvalidInput("the file is gone; choose it again")
    return read_picture(file, max_pixels) if modality == "image" else file


class _Unread(NamedTuple):
    """What an encoder has to read, and by what it is known then."""

    side: Side
    item: Any
    key: Hashable


def _encoded(
    space: SharedSpace, side: Side, waiting: Sequence[tuple[int, _Unread]]
) -> dict[int, Vector]:
    if not waiting:
        return {}
    items = [unread.item for _, unread in waiting]
    vectors = space.embed_texts(items) if side == "text" else space.embed_items(items)
    for (_, unread), vector in zip(waiting, vectors, strict=True):
        space.recent.keep(unread.key, vector)
    return {place: vector for (place, _), vector in zip(waiting, vectors, strict=True)}


def _read(space: SharedSpace, part: QueryPart, max_pixels: int) -> Vector | _Unread:
    """The vector of a part, or what has to be encoded for it.

    Raises:
        InvalidInput, NotFound: it cannot be used.
    """
    if part.weight == 0:
        raise InvalidInput("its weight is 0, so it says nothing; give it a weight or take it away")
    crop = _checked_crop(part)
    if part.kind in ("text", "said"):
        return _words(space, part)
    if part.kind == "vector":
        return parse_vector(part.value, space.alignment.dimension)
    if part.kind == "item" and crop is None:
        return space.vector(part.value)
    return _picture(space, part, crop, max_pixels)


def _words(space: SharedSpace, part: QueryPart) -> Vector | _Unread:
    text, modality = " ".join(part.value.split()), space.gallery.modality
    if not text:
        raise InvalidInput("is empty; type what to look for, for example: a red circle")
    if len(text) > LONGEST_TEXT:
        raise InvalidInput(f"has {len(text):,} letters; use at most {LONGEST_TEXT}")
    if part.kind == "said" and modality not in ("text", "code"):
        raise InvalidInput(f"{ITEM_WORDS[modality][1]} cannot be typed; read it as a caption")
    # a program's lines are what it says, a caption's blanks are not
    item = part.value.strip() if part.kind == "said" else text
    side: Side = "image" if part.kind == "said" else "text"
    return _remembered(space, side, (part.kind, item), lambda: item)


def _picture(
    space: SharedSpace, part: QueryPart, crop: Crop | None, max_pixels: int
) -> Vector | _Unread:
    """A file, or a crop of a file or of the picture of an item of the gallery."""
    modality = space.gallery.modality
    if part.kind == "file":
        if modality not in ("image", "audio"):
            raise InvalidInput(
                f"this run's items are {ITEM_WORDS[modality][1]}, not files; search by words"
            )
        source = Blob(Path(part.value))
    else:
        source = _original(space, part.value)
    if crop is not None and modality != "image":
        raise InvalidInput(f"{ITEM_WORDS[modality][1]} cannot be cropped; take the whole one")

    def opened() -> Any:
        item = read_file(source, modality, max_pixels)
        return item if crop is None else _cropped(item, crop)

    state = source.path.stat() if isfile(source.path) else None
    key = (str(source), state and (state.st_size, state.st_mtime_ns), crop)
    return _remembered(space, "image", key, opened)


def _remembered(
    space: SharedSpace, side: Side, key: Hashable, opened: Callable[[], Any]
) -> Vector | _Unread:
    known = space.recent.get(key)
    return _Unread(side, opened(), key) if known is None else known


def _original(space: SharedSpace, item_id: str) -> Blob:
    """Where the picture of an item of the gallery is."""
    entry = space.gallery.entries[space.gallery.owner(item_id)]
    if side_of(item_id) != "image" or entry.modality != "image":
        raise InvalidInput("only pictures can be cropped; take the whole item")
    if not isinstance(entry.content, Blob):
        raise InvalidInput("only its features are known, so it cannot be cropped")
    return entry.content


def _checked_crop(part: QueryPart) -> Crop | None:
    """The part of a picture that is meant; None for all of it."""
    if part.crop is None:
        return None
    left, top, right, bottom = part.crop
    if part.kind not in ("file", "item"):
        raise InvalidInput("only pictures can be cropped")
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        given = ", ".join(f"{share:g}" for share in part.crop)
        raise InvalidInput(
            f"the crop is {given}; give left, top, right and bottom as shares from 0 to 1, left below "
            "right and top below bottom"
        )
    return part.crop


def _cropped(picture: Any, crop: Crop) -> Any:
    width, height = picture.size
    left, right = round(crop[0] * width), round(crop[2] * width)
    top, bottom = round(crop[1] * height), round(crop[3] * height)
    if min(right - left, bottom - top) < _LEAST_EDGE:
        raise InvalidInput(
            f"the crop has {right - left} x {bottom - top} pixels of {width} x {height}; take at least "
            f"{_LEAST_EDGE} x {_LEAST_EDGE}"
        )
    return picture.crop((left, top, right, bottom))


def parse_vector(text: str, dimension: int) -> Vector:
    """(dimension,) unit vector of numbers with commas, blanks or brackets between them.

    Raises:
        InvalidInput: what was given, and what is expected.
    """
    expected = f"a vector of this space has {dimension:,} numbers"
    if len(text) > _LONGEST_NUMBERS:
        raise InvalidInput(f"has {len(text):,} letters, too many to be read; {expected}")
    words = [word for word in _BETWEEN_NUMBERS.split(text) if word]
    numbers = np.empty(len(words))
    for place, word in enumerate(words):
        try:
            numbers[place] = float(word)
        except ValueError:
            raise InvalidInput(f"{word[:40]!r} is no number; {expected}") from None
    if len(numbers) != dimension:
        raise InvalidInput(f"has {len(numbers):,} numbers; {expected}")
    if not np.isfinite(numbers).all():
        place = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise InvalidInput(f"number {place + 1} is {words[place][:40]}; all have to be finite")
    largest = np.abs(numbers).max()
    if largest == 0:
        raise InvalidInput("all numbers are 0, so it points nowhere")
    numbers /= largest  # else the squares of very large or small ones are no numbers any more
    unit: Vector = (numbers / np.linalg.norm(numbers)).astype(np.float32)
    return unit


def _name(part: QueryPart, place: int | None) -> str:
    """A part in words that a person recognises."""
    shown = {"file": Path(part.value).name[:60], "item": part.value[:60]}.get(part.kind, "")
    words = {"said": "words", "file": f"file {shown}", "item": f"item {shown}"}
    named = words.get(part.kind, part.kind)
    return named if place is None else f"part {place + 1}, {named}"
