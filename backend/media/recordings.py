"""Opens recordings safely: a few formats, a limit on their length, one channel, one rate.

The header is read first, so an enormous recording is refused before a single sample is decoded; what
it says is not believed either, samples are counted as they come.
"""

from __future__ import annotations

import io
import struct
from math import gcd
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.media.blobs import Blob

Samples: TypeAlias = NDArray[np.float32]
#: a file, its bytes, or samples (mono) with their rate
Source: TypeAlias = Blob | Path | bytes | tuple[Samples, int]

#: longer ones are refused; a minute of a model's input takes 4 MB
MAX_MINUTES: Final = 30.0

#: libsndfile's names; it knows many more, hardly ever meant
FORMATS: Final = ("WAV", "WAVEX", "FLAC", "OGG", "MP3", "MPEG", "AIFF", "RF64")
_RATES: Final = (1_000, 768_000)
_MOST_CHANNELS: Final = 32
_BLOCK: Final = 1 << 18
#: a size in a WAV header that means "unknown", as programs write that cannot seek
_UNKNOWN: Final = (0, 0xFFFFFFFF)


def read_recording(source: Source, rate: int, max_minutes: float = MAX_MINUTES) -> Samples:
    """A recording as one channel (the mean of all) of samples, about -1 to 1.

    Args:
        source: where it is.
        rate: samples a second that are wanted; others are converted by a polyphase filter.
        max_minutes: longer ones are refused.

    Returns:
        (samples,) float32, at least one.

    Raises:
        InvalidInput: it cannot be decoded, is empty, cut short or too long; the reason in words.
    """
    try:
        if isinstance(source, tuple):
            samples, given = np.asarray(source[0], np.float32), int(source[1])
            _check(samples.size, given, 1, max_minutes)
        else:
            samples, given = _decoded(source, max_minutes)
    except InvalidInput:
        raise
    except FileNotFoundError as error:
        raise InvalidInput("the file is gone; put it back or remove its row") from error
    except Exception as error:  # libsndfile's own errors, and whatever damaged files lead to
        raise InvalidInput(f"it cannot be read as a recording ({_short(error)})") from error
    if samples.ndim != 1 or not np.isfinite(samples).all():
        raise InvalidInput("its samples are not one channel of finite numbers; export it again")
    return _resampled(samples, given, rate)


def _decoded(source: Blob | Path | bytes, max_minutes: float) -> tuple[Samples, int]:
    import soundfile

    blob = Blob(source) if isinstance(source, Path) else source
    with io.BytesIO(blob) if isinstance(blob, bytes) else blob.open() as stream:
        if not stream.read(1):
            raise InvalidInput("the file is empty; put the recording back")
        _check_wav_length(stream)
        stream.seek(0)
        with soundfile.SoundFile(stream) as file:
            if file.format not in FORMATS:
                raise InvalidInput(
                    f"the format {file.format} is not read; use WAV, FLAC, OGG or MP3"
                )
            _check(file.frames, file.samplerate, file.channels, max_minutes)
            return _mono(file, max_minutes), int(file.samplerate)


def _mono(file: Any, max_minutes: float) -> Samples:
    """All samples, the mean of the channels, read block by block."""
    blocks: list[Samples] = []
    count = 0
    while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
        blocks.append(block.mean(axis=1, dtype=np.float32))
        count += len(block)
        _check(count, file.samplerate, file.channels, max_minutes)
    if count == 0:
        raise InvalidInput("it has no samples; put a recording in its place")
    # of compressed formats but FLAC the header's number is a guess
    if file.format == "FLAC" and count < file.frames:
        raise InvalidInput(_cut_short(count / file.samplerate, file.frames / file.samplerate))
    return np.concatenate(blocks)


def _check(frames: int, rate: int, channels: int, max_minutes: float) -> None:
    if frames <= 0:
        raise InvalidInput("it has no samples; put a recording in its place")
    if not _RATES[0] <= rate <= _RATES[1] or channels > _MOST_CHANNELS:
        raise InvalidInput(
            f"{rate:,} samples a second and {channels} channels cannot be; export it again"
        )
    minutes = frames / rate / 60
    if minutes > max_minutes:
        raise InvalidInput(
            f"{minutes:,.1f} minutes long; at most {max_minutes:g} are allowed. Cut it into pieces."
        )


def _check_wav_length(stream: BinaryIO) -> None:
    """Refuses a WAV file that ends before its samples do; libsndfile would take what is there."""
    stream.seek(0, io.SEEK_END)
    size = stream.tell()
    stream.seek(0)
    if stream.read(4) != b"RIFF":
        return
    place = 12
    while place + 8 <= size:
        stream.seek(place)
        name, length = struct.unpack("<4sI", stream.read(8))
        if name == b"data":
            if length not in _UNKNOWN and place + 8 + length > size:
                raise InvalidInput(_cut_short(size - place - 8, length, "bytes of samples"))
            return
        place += 8 + length + length % 2


def _cut_short(there: float, announced: float, unit: str = "s") -> str:
    return (
        f"it is cut short: {there:,.4g} of {announced:,.4g} {unit} are there; copy it again from "
        "where it came"
    )


def _resampled(samples: Samples, given: int, rate: int) -> Samples:
    if given == rate:
        return samples
    from scipy.signal import resample_poly

    common = gcd(given, rate)
    converted = resample_poly(samples, rate // common, given // common)
    return np.ascontiguousarray(converted, dtype=np.float32)


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
