"""Small copies of items to show: a picture of 256 pixels, a recording of half a minute.

Made once and addressed by where the original is, its size and its time. They are re-encoded, so no
metadata of the original is in them, and they are all that the app ever serves of a data set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.errors import InvalidInput, NotFound
from backend.media.blobs import Blob
from backend.schemas import Modality

#: pixels of the longer edge
EDGE: Final = 256
#: seconds of a recording that can be played, and its samples a second
SECONDS: Final = 30.0
RATE: Final = 24_000

_SPECTRUM: Final = 512
#: decibels below the loudest point that are still drawn
_RANGE_DB: Final = 70.0
#: from silence to loud: dark blue, violet, orange, pale yellow
_COLOURS: Final = ((14, 16, 40), (92, 40, 130), (225, 90, 70), (252, 232, 160))


def preview(
    modality: Modality, content: Blob | str | None, folder: Path
) -> tuple[Path | None, Path | None]:
    """The picture that stands for an item, and what can be played of it; None where there is none.

    Raises:
        NotFound: the item's file is gone or cannot be read.
    """
    if not isinstance(content, Blob):
        return None, None
    if modality == "audio":
        return (
            _made(content, folder, ".webp", _draw_spectrogram),
            _made(content, folder, ".flac", _copy_recording),
        )
    return thumbnail(content, folder), None


def thumbnail(picture: Blob, folder: Path) -> Path:
    """Path of a WebP of at most 256 x 256 pixels, without metadata; made if it is not there.

    Raises:
        NotFound: the picture is gone or cannot be read.
    """
    return _made(picture, folder, ".webp", _shrink)


def _made(blob: Blob, folder: Path, suffix: str, make: Callable[[Blob, Path], None]) -> Path:
    try:
        state = blob.path.stat()
        key = f"{blob}|{state.st_size}|{state.st_mtime_ns}|{EDGE}"
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        target = folder / name[:2] / f"{name}{suffix}"
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            # one for each: two threads may make the same at once, and both files of a recording
            partial = target.with_name(f"{target.name}.{uuid4().hex}.part")
            try:
                make(blob, partial)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
    except (OSError, InvalidInput) as error:
        reason = error.summary if isinstance(error, InvalidInput) else error.strerror or error
        raise NotFound(
            f"{blob.path.name} cannot be read any more ({reason}); put it back where it was."
        ) from error
    return target


def _shrink(blob: Blob, target: Path) -> None:
    from backend.media.pictures import read_picture

    small = read_picture(blob)
    small.thumbnail((EDGE, EDGE), Image.Resampling.LANCZOS)
    small.save(target, "WEBP", quality=88, exif=b"")


def _copy_recording(blob: Blob, target: Path) -> None:
    import soundfile

    from backend.media.recordings import read_recording

    samples = read_recording(blob, RATE)[: int(SECONDS * RATE)]
    soundfile.write(target, samples, RATE, "PCM_16", format="FLAC")


def _draw_spectrogram(blob: Blob, target: Path) -> None:
    from backend.media.recordings import read_recording

    samples = read_recording(blob, RATE)[: int(SECONDS * RATE)]
    spectrogram(samples).save(target, "WEBP", quality=88)


def spectrogram(samples: NDArray[np.float32]) -> Image.Image:
    """A picture of a recording: time to the right, frequency upwards, loudness as colour.

    Args:
        samples: (n,) mono.
    """
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    padded = np.pad(samples, (0, max(0, _SPECTRUM - len(samples))))
    hop = max(1, len(padded) // EDGE)
    power = ShortTimeFFT(hann(_SPECTRUM, sym=False), hop, 1.0).spectrogram(padded)
    decibels = 10 * np.log10(np.maximum(power, 1e-12))
    loudness = np.clip(1 + (decibels - decibels.max()) / _RANGE_DB, 0, 1)[::-1]
    stops = np.linspace(0, 1, len(_COLOURS))
    channels = [np.interp(loudness, stops, [c[i] for c in _COLOURS]) for i in range(3)]
    picture = Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))
    return picture.resize((EDGE, EDGE // 2), Image.Resampling.BILINEAR)
