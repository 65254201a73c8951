"""Opens pictures safely: a few formats, a limit on their size, upright, in RGB.

The header is read first, so an enormous picture is refused before a single pixel is decoded.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from backend.errors import InvalidInput
from backend.media.blobs import Blob

#: decoders that are tried; others call outside programs (EPS) or are hardly ever meant
FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

#: the same as the setting's default
MAX_PIXELS: Final = 50_000_000

_WHITE: Final = (255, 255, 255, 255)


def read_picture(
    source: Blob | Path | bytes | Image.Image, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """A picture as RGB, turned upright, transparent parts on white; the first frame of several.

    Raises:
        InvalidInput: it cannot be decoded, or has more than ``max_pixels``; the reason in words.
    """
    try:
        picture = _open(source)
        width, height = picture.size
        if width * height > max_pixels:
            raise InvalidInput(
                f"{width} x {height} pixels; at most {max_pixels:,} are allowed. Make it smaller."
            )
        return _rgb(ImageOps.exif_transpose(picture))
    except InvalidInput:
        raise
    except FileNotFoundError as error:
        raise InvalidInput("the file is gone; put it back or remove its row") from error
    except Image.DecompressionBombError as error:
        raise InvalidInput("far too many pixels; make it smaller") from error
    except Exception as error:  # decoders raise nearly anything on damaged files
        raise InvalidInput(f"it cannot be read as a picture ({_short(error)})") from error


def _open(source: Blob | Path | bytes | Image.Image) -> Image.Image:
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, Blob):
        source = source.path if source.whole else source.read()
    data = io.BytesIO(source) if isinstance(source, bytes) else source
    return Image.open(data, formats=FORMATS)


def _short(error: Exception) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "of no known format"
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        picture.load()
        return picture
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        # 16 bits a channel: PIL would cut off everything above 255
        values = np.asarray(picture, dtype=np.float64)
        scale = 257.0 if values.max(initial=0.0) > 255 else 1.0
        return Image.fromarray((values / scale).clip(0, 255).astype(np.uint8)).convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", clear.size, _WHITE), clear).convert("RGB")
    return picture.convert("RGB")
