"""Recordings of every kind become one channel at one rate, and bad ones are told in words."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.media.blobs import Blob
from backend.media.recordings import read_recording

RATE = 16_000


def _tone(seconds: float, rate: int, pitch: float = 440.0) -> NDArray[np.float32]:
    return (
        np.sin(np.arange(round(seconds * rate)) * 2 * np.pi * pitch / rate).astype(np.float32) / 2
    )


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [
        ("a.wav", "PCM_16", 1e-4),
        ("a.wav", "PCM_24", 1e-6),
        ("a.wav", "FLOAT", 0),
        ("a.wav", "ULAW", 2e-2),
        ("a.flac", "PCM_16", 1e-4),
        ("a.ogg", "VORBIS", 5e-2),
        ("a.mp3", "MPEG_LAYER_III", 5e-2),
    ],
)
def test_every_format_is_read(tmp_path: Path, name: str, subtype: str, tolerance: float) -> None:
    tone = _tone(1, RATE)
    soundfile.write(tmp_path / name, tone, RATE, subtype=subtype)
    samples = read_recording(tmp_path / name, RATE)
    assert samples.dtype == np.float32 and samples.ndim == 1
    assert len(samples) == pytest.approx(RATE, rel=0.1)
    middle = slice(4000, 12000)
    best = max(np.dot(tone[middle], np.roll(samples, -shift)[middle]) for shift in range(1200))
    assert best / np.dot(tone[middle], tone[middle]) == pytest.approx(1, abs=max(tolerance, 1e-4))


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = _tone(0.5, RATE), _tone(0.5, RATE, 880)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(
        read_recording(tmp_path / "a.wav", RATE), (left + right) / 2, atol=1e-7
    )


@pytest.mark.parametrize("given", [8_000, 22_050, 44_100, 48_000, 11_127])
def test_rates_are_converted(given: int) -> None:
    samples = read_recording((_tone(1, given), given), RATE)
    assert len(samples) == pytest.approx(RATE, abs=2)
    np.testing.assert_allclose(
        samples[1000:-1000], _tone(1, RATE)[1000 : len(samples) - 1000], atol=0.01
    )


def test_a_part_of_a_file_is_read(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", _tone(0.2, RATE), RATE, subtype="FLOAT")
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "shard.tar").write_bytes(b"x" * 512 + data + b"y" * 100)
    blob = Blob(tmp_path / "shard.tar", 512, len(data))
    np.testing.assert_array_equal(read_recording(blob, RATE), read_recording(data, RATE))


def _wav(tmp_path: Path) -> bytes:
    soundfile.write(tmp_path / "good.wav", _tone(1, RATE), RATE, subtype="PCM_16")
    return (tmp_path / "good.wav").read_bytes()


def test_bad_recordings_are_told_in_words(tmp_path: Path) -> None:
    wav = _wav(tmp_path)
    soundfile.write(tmp_path / "good.flac", _tone(1, RATE), RATE)
    flac = (tmp_path / "good.flac").read_bytes()
    rate_zero = wav[:24] + struct.pack("<I", 0) + wav[28:]
    absurd_rate = wav[:24] + struct.pack("<I", 4_000_000_000) + wav[28:]
    absurd_length = wav[:40] + struct.pack("<I", 0x7FFFFFFF) + wav[44:]
    bad = {
        "empty.wav": (b"", "the file is empty"),
        "half.wav": (wav[: len(wav) // 2], "cut short"),
        "head.wav": (wav[:44], "cut short"),
        "start.wav": (wav[:20], "cannot be read"),
        "half.flac": (flac[: len(flac) // 2], "cut short|cannot be read"),
        "text.wav": (b"this is no sound" * 9, "cannot be read"),
        "picture.mp3": (b"\x89PNG\r\n\x1a\n" + bytes(300), "cannot be read"),
        "zero.wav": (rate_zero, "cannot be|cannot be read"),
        "rate.wav": (absurd_rate, "cannot be|cannot be read"),
        "length.wav": (absurd_length, "cut short"),
    }
    for name, (data, message) in bad.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InvalidInput, match=message):
            read_recording(tmp_path / name, RATE)
    with pytest.raises(InvalidInput, match="the file is gone"):
        read_recording(tmp_path / "nowhere.wav", RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(0, np.float32), RATE)
    with pytest.raises(InvalidInput, match="no samples"):
        read_recording(tmp_path / "silent.wav", RATE)
    with pytest.raises(InvalidInput, match="no samples"):
        read_recording((np.zeros(0, np.float32), RATE), RATE)
    with pytest.raises(InvalidInput, match="finite"):
        read_recording((np.full(100, np.nan, np.float32), RATE), RATE)


def test_long_ones_are_refused_by_their_header(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(RATE * 61, np.int16), RATE)
    with pytest.raises(InvalidInput, match="1.0 minutes long; at most 1 are allowed"):
        read_recording(tmp_path / "long.wav", RATE, max_minutes=1)
    assert len(read_recording(tmp_path / "long.wav", RATE, max_minutes=2)) == RATE * 61
    with pytest.raises(InvalidInput, match="at most 30"):
        read_recording((np.zeros(RATE * 1900, np.float32), RATE), RATE)


def test_damage_of_any_kind_never_escapes(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    kinds = {"wav": "PCM_16", "flac": "PCM_16", "ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}
    read = refused = 0
    for kind, subtype in kinds.items():
        soundfile.write(tmp_path / f"good.{kind}", _tone(0.3, RATE), RATE, subtype=subtype)
        good = (tmp_path / f"good.{kind}").read_bytes()
        for _ in range(60):
            data = bytearray(good)
            for place in generator.integers(0, min(len(data), 400), 6):
                data[place] = generator.integers(256)
            data = data[: generator.integers(1, len(data) + 1)]
            try:
                samples = read_recording(bytes(data), RATE)
                assert samples.ndim == 1 and np.isfinite(samples).all()
                read += 1
            except InvalidInput as fault:
                assert fault.summary
                refused += 1
    assert refused > 100 and read + refused == 240
