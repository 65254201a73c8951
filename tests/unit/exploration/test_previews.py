"""What stands for an item: small pictures, spectrograms, recordings."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from backend.errors import NotFound
from backend.exploration.previews import EDGE, RATE, SECONDS, preview, spectrogram, thumbnail
from backend.media.blobs import Blob


def _tone(path: Path, seconds: float) -> Path:
    time = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 1_000 * time), RATE)
    return path


def test_thumbnails_are_small_made_once_and_follow_the_picture(tmp_path: Path) -> None:
    picture = tmp_path / "large.png"
    Image.new("RGB", (1000, 500), "red").save(picture)
    first = thumbnail(Blob(picture), tmp_path / "previews")
    made = first.stat().st_mtime_ns
    assert thumbnail(Blob(picture), tmp_path / "previews") == first
    assert first.stat().st_mtime_ns == made
    with Image.open(first) as small:
        assert small.size == (EDGE, EDGE // 2)
    Image.new("RGB", (300, 300), "blue").save(picture)
    assert thumbnail(Blob(picture), tmp_path / "previews") != first


def test_a_part_of_a_file_has_a_thumbnail_of_its_own(tmp_path: Path) -> None:
    """Two members of one archive share its path, size and time."""
    data = []
    for colour in ("red", "blue"):
        Image.new("RGB", (20, 20), colour).save(tmp_path / "one.png")
        data.append((tmp_path / "one.png").read_bytes())
    archive = tmp_path / "shard.tar"
    archive.write_bytes(b"".join(data))
    blobs = [Blob(archive, 0, len(data[0])), Blob(archive, len(data[0]), len(data[1]))]
    colours = []
    for blob in blobs:
        with Image.open(thumbnail(blob, tmp_path / "previews")) as small:
            red, _, blue = small.convert("RGB").getpixel((5, 5))  # type: ignore[misc]
            colours.append("red" if red > blue else "blue")
    assert colours == ["red", "blue"]


def test_a_picture_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"gone\.png.*put it back"):
        thumbnail(Blob(tmp_path / "gone.png"), tmp_path / "previews")


def test_a_recording_can_be_seen_and_played(tmp_path: Path) -> None:
    long = _tone(tmp_path / "long.wav", SECONDS + 5)
    picture, recording = preview("audio", Blob(long), tmp_path / "previews")
    assert picture is not None and recording is not None
    with Image.open(picture) as drawn:
        assert drawn.size == (EDGE, EDGE // 2)
    samples, rate = soundfile.read(recording)
    assert rate == RATE and len(samples) == SECONDS * RATE


def test_a_spectrogram_is_bright_where_the_tone_is() -> None:
    time = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * 1_000 * time).astype(np.float32)
    rows = np.asarray(spectrogram(tone).convert("L")).mean(1)
    expected = (1 - 1_000 / (RATE / 2)) * len(rows)
    assert abs(int(rows.argmax()) - expected) < 0.03 * len(rows)


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.zeros(100, np.float32)])
def test_silence_and_nothing_have_a_spectrogram(samples: np.ndarray) -> None:
    assert spectrogram(samples).size == (EDGE, EDGE // 2)


def test_words_and_bare_features_have_no_picture(tmp_path: Path) -> None:
    assert preview("text", "some words", tmp_path) == (None, None)
    assert preview("features", None, tmp_path) == (None, None)


def test_several_threads_may_make_the_same_one(tmp_path: Path) -> None:
    """Both files of a recording, each asked for by several at once."""
    sound = Blob(_tone(tmp_path / "sound.wav", 2))
    begin = threading.Barrier(6)

    def ask(_: int) -> tuple[Path | None, Path | None]:
        begin.wait()
        return preview("audio", sound, tmp_path / "previews")

    with ThreadPoolExecutor(6) as pool:
        made = set(pool.map(ask, range(6)))
    ((picture, recording),) = made
    assert picture is not None and recording is not None
    with Image.open(picture) as opened:
        assert opened.format == "WEBP"
    assert soundfile.info(recording).format == "FLAC"
    assert not [path for path in (tmp_path / "previews").rglob("*.part")]
