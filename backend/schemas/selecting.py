"""A set of a gallery's points as a short text, so that it can stand in a hidden field or a link."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backend.errors import InvalidInput
from backend.schemas.base import Frozen

_RUN: Final = re.compile(r"[\w.-]{1,64}")
_MOST_POINTS: Final = 20_000_000
_MOST_TEXT: Final = 4_000_000


class Selection(Frozen):
    """Chosen points of a run's gallery: images are numbered before captions, in the gallery's order."""

    run: str
    total: int = Field(description="points of the gallery")
    points: NDArray[np.int32] = Field(description="(n,) rising, without repetition")


def pack(run: str, total: int, points: Iterable[int]) -> str:
    """``run:total:bits``: a bit a point, deflated, in the letters of URLs; empty where none is chosen."""
    chosen = np.fromiter(points, np.int64)
    if not len(chosen):
        return ""
    bits = np.zeros(total, np.uint8)
    bits[chosen] = 1
    packed = zlib.compress(np.packbits(bits, bitorder="little").tobytes(), 9)
    return f"{run}:{total}:{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


def unpack(text: str) -> Selection | None:
    """The selection in a packed text; None where it is empty.

    Raises:
        InvalidInput: it is no packed selection. A browser can send any text.
    """
    if not text:
        return None
    run, _, rest = str(text).partition(":")
    total, _, letters = rest.partition(":")
    if not (_RUN.fullmatch(run) and total.isdecimal() and len(text) <= _MOST_TEXT):
        raise InvalidInput("This is no selection of a map.")
    count = int(total)
    if not 0 < count <= _MOST_POINTS:
        raise InvalidInput(f"A selection among {count} points is out of range.")
    try:
        packed = base64.b64decode(letters + "=" * (-len(letters) % 4), b"-_", validate=True)
        read = zlib.decompressobj().decompress(packed, (count + 7) // 8 + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise InvalidInput("This selection is damaged.") from error
    if len(read) != (count + 7) // 8:
        raise InvalidInput("This selection is of another gallery.")
    bits = np.unpackbits(np.frombuffer(read, np.uint8), count=count, bitorder="little")
    return Selection(run=run, total=count, points=np.flatnonzero(bits).astype(np.int32))
