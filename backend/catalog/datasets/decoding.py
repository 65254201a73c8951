"""Whether an item can be decoded, and pictures made clean: decoded and written anew."""

from __future__ import annotations

import io
import os
from typing import BinaryIO, Final

from PIL import Image, ImageOps, JpegImagePlugin

from backend.errors import InvalidInput
from backend.media.blobs import Blob
from backend.media.pictures import FORMATS, read_picture

#: a JPEG is decoded at a fraction of its size where only its soundness is asked
_DRAFT: Final = (64, 64)

#: format and options by suffix; what is not here is written as PNG
_WRITTEN: Final[dict[str, tuple[str, dict[str, object]]]] = {
    ".jpg": ("JPEG", {"quality": 95}),
    ".jpeg": ("JPEG", {"quality": 95}),
    ".jpe": ("JPEG", {"quality": 95}),
    ".webp": ("WEBP", {"quality": 95, "method": 2}),
    ".bmp": ("BMP", {}),
    ".gif": ("GIF", {}),
    ".tif": ("TIFF", {}),
    ".tiff": ("TIFF", {}),
    ".ppm": ("PPM", {}),
    ".pgm": ("PPM", {}),
    ".png": ("PNG", {"compress_level": 3}),
}


def picture_fault(blob: Blob, max_pixels: int) -> str:
    """Why a picture cannot be read, in words; empty when it can."""
    try:
        data = blob.read()
    except OSError as error:
        return f"the file cannot be read ({error.strerror or error})"
    try:
        if not _sound_jpeg(data, max_pixels):
            read_picture(data, max_pixels)
    except InvalidInput as error:
        return error.summary
    return ""


def _sound_jpeg(data: bytes, max_pixels: int) -> bool:
    """Whether it is a JPEG of allowed size that can be decoded: all of it is read, few pixels made.

    What fails is decoded in full by the caller, which then says why.
    """
    if not data.startswith(b"\xff\xd8"):
        return False
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            if not isinstance(picture, JpegImagePlugin.JpegImageFile):
                return False
            if width * height > max_pixels:
                return False
            picture.draft("RGB", _DRAFT)
            ImageOps.exif_transpose(picture)  # reads EXIF, which may be damaged, too
            return True
    except Exception:  # decoders raise nearly anything on damaged files
        return False


def recording_fault(blob: Blob) -> str:
    """Why a recording cannot be opened, in words; empty when it can."""
    try:
        with blob.open() as file:
            return _recording_fault(file)
    except OSError as error:
        return f"the file cannot be read ({error.strerror or error})"


def recording_fault_of(data: bytes) -> str:
    """The same of a recording's bytes."""
    return _recording_fault(io.BytesIO(data))


def _recording_fault(file: BinaryIO) -> str:
    import soundfile

    try:
        with soundfile.SoundFile(file) as recording:
            if recording.frames < 1:
                return "it has no sound in it"
            recording.read(min(recording.frames, recording.samplerate))
    except Exception as error:  # decoders raise nearly anything on damaged files
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        return f"it cannot be read as a recording ({reason})"
    return ""


def clean_picture(data: bytes, name: str, max_pixels: int) -> bytes:
    """A picture decoded and written anew: upright, in RGB, its pixels and nothing else.

    Args:
        data: the file's bytes.
        name: its suffix says the format that is written.
        max_pixels: more are refused.

    Raises:
        InvalidInput: it cannot be decoded, or is too large; the reason in words.
    """
    picture = read_picture(data, max_pixels)
    bare = Image.new("RGB", picture.size)  # without EXIF, profiles and comments of the other
    bare.paste(picture)
    kind, options = _WRITTEN.get(os.path.splitext(name)[1].lower(), _WRITTEN[".png"])
    clean = io.BytesIO()
    try:
        bare.save(clean, kind, **options)
    except (OSError, ValueError) as error:  # WebP and JPEG have limits of their own on each side
        raise InvalidInput(f"it cannot be written as {kind} ({error})") from error
    return clean.getvalue()
