"""Opening pictures: every kind becomes RGB, every broken one a sentence."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backend.errors import InvalidInput
from backend.media.pictures import read_picture


def _saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _sixteen_bits() -> bytes:
    return _saved(Image.fromarray(np.full((3, 3), 257 * 100, np.uint16)), "PNG")


def _animated() -> bytes:
    frames = [Image.new("RGB", (3, 3), (100, 100, 100)), Image.new("RGB", (3, 3), (0, 0, 0))]
    return _saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    "data",
    [
        _saved(Image.new("RGB", (3, 3), (100, 100, 100)), "PNG"),
        _saved(Image.new("L", (3, 3), 100), "PNG"),
        _saved(Image.new("P", (3, 3), 1), "PNG")
        and _saved(Image.new("RGB", (3, 3), (100, 100, 100)).quantize(4), "PNG"),
        _saved(Image.new("CMYK", (3, 3), (0, 0, 0, 155)), "JPEG", quality=100),
        _sixteen_bits(),
        _animated(),
        _saved(Image.new("LA", (3, 3), (100, 255)), "PNG"),
    ],
    ids=["rgb", "grey", "palette", "cmyk", "16 bits", "animated", "grey with alpha"],
)
def test_every_kind_becomes_rgb(data: bytes) -> None:
    picture = read_picture(data)
    assert picture.mode == "RGB"
    assert np.abs(np.asarray(picture).astype(int) - 100).max() <= 2


def test_what_is_transparent_becomes_white() -> None:
    clear = _saved(Image.new("RGBA", (2, 2), (10, 20, 30, 0)), "PNG")
    assert np.asarray(read_picture(clear)).min() == 255


def test_pictures_are_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = _saved(Image.new("RGB", (8, 4)), "JPEG", exif=exif.tobytes())
    assert read_picture(data).size == (4, 8)


def test_an_enormous_picture_is_refused_by_its_header_alone() -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    for side, what in (
        (9_000, "81,000,000|81000000|at most 50,000,000"),
        (100_000, "too many pixels"),
    ):
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
        with pytest.raises(InvalidInput, match=what):
            read_picture(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b""))


def test_outside_programs_are_never_called() -> None:
    with pytest.raises(InvalidInput, match="of no known format"):
        read_picture(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")


SEEDS = [
    _saved(Image.effect_noise((16, 16), 50).convert("RGB"), kind)
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
]


@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)), max_size=8),
    st.integers(0, 4000),
)
def test_damaged_files_give_a_picture_or_a_sentence(
    data: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(data)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    try:
        assert read_picture(bytes(damaged[: len(data) - cut % 40]), 10_000).mode == "RGB"
    except InvalidInput as fault:
        assert fault.summary
