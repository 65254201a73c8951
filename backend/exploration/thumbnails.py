"""Small copies of pictures, made once, addressed by path, size and time of the original."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

from backend.errors import NotFound

EDGE: Final = 256


def thumbnail(picture: Path, folder: Path) -> Path:
    """Path of a WebP of at most 256 x 256 pixels, without metadata; made if it is not there.

    Raises:
        NotFound: the picture is gone or cannot be read.
    """
    try:
        state = picture.stat()
        key = f"{picture}|{state.st_size}|{state.st_mtime_ns}|{EDGE}"
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        target = folder / name[:2] / f"{name}.webp"
        if not target.is_file():
            _write(picture, target)
    except OSError as error:
        raise NotFound(
            f"The picture {picture.name} cannot be read any more ({error.strerror or error}); "
            "put it back where it was."
        ) from error
    return target


def _write(picture: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}.part")
    with Image.open(picture) as image:
        small = ImageOps.exif_transpose(image).convert("RGB")
        small.thumbnail((EDGE, EDGE), Image.Resampling.LANCZOS)
        small.save(partial, "WEBP", quality=88, exif=b"")
    partial.replace(target)
