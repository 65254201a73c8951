"""Small data sets, written for tests."""

from __future__ import annotations

import io
import json
import tarfile
import wave
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

SPLITS = ("train", "val", "test")


def picture(
    number: int, kind: str = "PNG", size: tuple[int, int] = (6, 6), **options: Any
) -> bytes:
    """A picture that no other number gives."""
    data = io.BytesIO()
    colour = (number % 256, number // 256, 99)
    Image.new("RGB", size, colour).save(data, kind, **options)
    return data.getvalue()


def recording(number: int) -> bytes:
    """A WAV file that no other number gives."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes([number % 256, number // 256]) * 400)
    return data.getvalue()


def rows(count: int, ending: str = ".png") -> list[dict[str, Any]]:
    """Rows of a captions file, splits in turn."""
    return [
        {
            "file": f"{n}{ending}",
            "split": SPLITS[n % 3],
            "captions": [f"caption {n}", "another one"],
        }
        for n in range(count)
    ]


def folder_set(folder: Path, count: int = 12, entries: Iterable[Any] | None = None) -> Path:
    """A folder of pictures with captions.json."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / "images" / f"{number}.png").write_bytes(picture(number))
    told = list(rows(count) if entries is None else entries)
    (folder / "captions.json").write_text(json.dumps(told))
    return folder


def tar(path: Path, members: Mapping[str, bytes]) -> Path:
    """A tar file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def zipped(path: Path, members: Mapping[str, bytes]) -> Path:
    """A zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            # without the time of day: the same members are the same file
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


def zip_members(count: int = 12, top: str = "") -> dict[str, bytes]:
    """Members of a zip that is a good data set."""
    pictures = {f"{top}images/{n}.png": picture(n) for n in range(count)}
    return {f"{top}captions.json": json.dumps(rows(count)).encode(), **pictures}
