"""Uploaded zips: unpacked safely, cleaned, and nothing left behind when they fail."""

from __future__ import annotations

import io
import json
import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image

from backend.catalog.datasets import load_dataset
from backend.catalog.datasets.imports import archives
from backend.catalog.datasets.imports.archives import import_zip
from backend.catalog.datasets.inspection import inspect_dataset
from backend.errors import Cancelled, DatasetError, StorageError
from backend.settings import Settings
from tests.unit.catalog import sets


def imports(home: Path) -> list[str]:
    folder = home / "data" / "imports"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def bring(path: Path, members: Mapping[str, bytes], **limits: int) -> str:
    return import_zip(sets.zipped(path, members), "My set!", Settings(**limits))


@pytest.mark.parametrize("top", ["", "flowers/", "a/b/"])
def test_a_zip_becomes_a_data_set(tmp_path: Path, home: Path, top: str) -> None:
    address = bring(tmp_path / "x.zip", sets.zip_members(top=top))
    folder = Path(address)
    assert folder.parent == home / "data" / "imports" and folder.name.startswith("my-set-")
    dataset = load_dataset(address, Settings())
    assert len(dataset.records) == 12 and dataset.set_aside == ()
    assert dataset.id == address
    assert bring(tmp_path / "x.zip", sets.zip_members(top=top)) == address
    assert imports(home) == [folder.name]


def test_pictures_are_written_anew_without_what_is_no_pixel(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010F] = "a camera"
    members = sets.zip_members()
    for number, kind in ((0, "JPEG"), (1, "PNG"), (2, "WEBP"), (3, "TIFF")):
        name = f"images/{number}.{kind.lower()}"
        members[name] = sets.picture(number, kind, (40, 20), exif=exif, icc_profile=b"profile")
        assert len(Image.open(io.BytesIO(members[name])).getexif()) > 0
    rows = sets.rows(12)
    for row, ending in zip(rows, ("jpeg", "png", "webp", "tiff"), strict=False):
        row["file"] = row["file"].replace("png", ending)
    cmyk = io.BytesIO()
    Image.new("CMYK", (5, 5), (9, 99, 0, 0)).save(cmyk, "JPEG")
    members["images/4.png"] = cmyk.getvalue()
    members["captions.json"] = json.dumps(rows).encode()
    folder = Path(bring(tmp_path / "x.zip", members))
    for ending, number in (("jpeg", 0), ("png", 1), ("webp", 2), ("tiff", 3)):
        with Image.open(folder / "images" / f"{number}.{ending}") as picture:
            assert picture.size == (20, 40) and picture.mode == "RGB"
            assert 0x010F not in picture.getexif() and 0x0112 not in picture.getexif()
            assert "icc_profile" not in picture.info
    with Image.open(folder / "images" / "4.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")


def test_class_folders_karpathys_json_texts_and_recordings_come_as_zips(tmp_path: Path) -> None:
    classes = {
        f"top/{c}/{n}.png": sets.picture(200 * i + n) for i, c in enumerate("ab") for n in range(99)
    }
    assert (
        load_dataset(bring(tmp_path / "1.zip", classes), Settings()).layout == "folders of classes"
    )
    rows = [{"text": f"w {n}", "caption": "c", "split": sets.SPLITS[n % 3]} for n in range(9)]
    lines = "\n".join(map(json.dumps, rows)).encode()
    texts = bring(tmp_path / "2.zip", {"in here/pairs.jsonl": lines})
    assert texts.endswith("/pairs.jsonl")
    assert load_dataset(texts, Settings()).modality == "text"
    sounds = {f"{n}.wav": sets.recording(n) for n in range(9)}
    sounds["8.wav"] = b"RIFF"
    rows = sets.rows(9, ".wav")
    heard = bring(tmp_path / "3.zip", {**sounds, "captions.json": json.dumps(rows).encode()})
    dataset = load_dataset(heard, Settings())
    assert dataset.modality == "audio" and len(dataset.records) == 8
    entries = [
        {"filename": f"{n}.png", "split": sets.SPLITS[n % 3], "sentences": [{"raw": "c"}]}
        for n in range(9)
    ]
    known = {f"images/{n}.png": sets.picture(n) for n in range(9)}
    known["dataset_x.json"] = json.dumps({"images": entries}).encode()
    assert "Karpathy" in load_dataset(bring(tmp_path / "4.zip", known), Settings()).layout


def hostile(path: Path) -> Path:
    """A good set with members that nobody should unpack."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sets.zip_members().items():
            archive.writestr(name, data)
        names = [
            "../out.png", "/etc/out.png", "C:\\out.png", "..\\out.png", "a/../../out.png", "CON.png",
            "nul", "images/aux.jpg", "images/0.PNG", "images/x\n.png", "images/trail .png ",
            "x" * 250 + ".png", "d/" * 30 + "x.png", "inner.zip", "inner.tar.gz", "run.sh", "images",
            "images/0.png/deep.png",
        ]  # fmt: skip
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), sets.picture(77))
        link = zipfile.ZipInfo("images/link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("images/bomb.png", b"\0" * 40_000_000)
        archive.writestr("images/broken.png", b"no picture")
        archive.writestr("__MACOSX/._0.png", b"x")
        archive.writestr("images/.DS_Store", b"x")
    return path


def test_nothing_of_a_hostile_zip_gets_out_and_everything_left_out_is_listed(
    tmp_path: Path, home: Path
) -> None:
    file = hostile(tmp_path / "x.zip")
    outside = {path for path in tmp_path.rglob("*")}
    address = import_zip(file, "../../etc", Settings())
    new = {path for path in tmp_path.rglob("*")} - outside
    assert all(path == home or home in path.parents for path in new)
    names = {
        path.relative_to(address).as_posix() for path in Path(address).rglob("*") if path.is_file()
    }
    assert names == {".left-out.json", *sets.zip_members()}
    report = inspect_dataset(address, Settings())
    told = [each for each in report.findings if each.kind in ("broken row", "unreadable")]
    assert len(told) == 21 and all(each.set_aside for each in told)
    text = " | ".join(f"{each.where}: {each.what}" for each in told)
    for part in (
        "leads out", "name of a device", "same name as 'images/0.png'", "should have", "every system",
        "too long a name", "too long a path", "archive inside", "link", "zip bomb", "images/broken.png",
        "neither a picture", "name of a file",
    ):  # fmt: skip
        assert part in text, part
    assert report.counts["note"] == 1  # what the system left


def test_encrypted_and_strangely_packed_members_are_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in sets.zip_members().items():
            archive.writestr(name, data)
        archive.writestr("images/b.png", sets.picture(5), zipfile.ZIP_BZIP2)
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[first + 8] |= 1  # the flag of encryption
    path.write_bytes(data)
    dataset = load_dataset(import_zip(path, "x", Settings()), Settings())
    told = " | ".join(map(str, dataset.set_aside))
    assert "is encrypted" in told and "compressed in a way" in told
    assert len(dataset.records) == 11


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"max_archive_items": 12}, "holds 13 files; at most 12"),
        ({"max_archive_items": 5}, "too many members"),
        ({"max_archive_mb": 0}, "at most 0 are allowed"),
        ({"max_upload_mb": 0}, "at most 0 are allowed"),
    ],
)
def test_limits_are_told_and_leave_nothing(
    tmp_path: Path, home: Path, limits: dict[str, int], what: str
) -> None:
    with pytest.raises(DatasetError, match=what):
        bring(tmp_path / "x.zip", sets.zip_members(), **limits)
    assert imports(home) == []


def test_pictures_over_the_limit_of_pixels_are_set_aside(tmp_path: Path) -> None:
    members = sets.zip_members() | {"images/0.png": sets.picture(0, size=(400, 400))}
    dataset = load_dataset(bring(tmp_path / "x.zip", members, max_image_pixels=90_000), Settings())
    assert len(dataset.records) == 11
    assert "400 x 400 pixels" in str(dataset.set_aside[0]) or "400 x 400" in str(dataset.set_aside)


def _lying(path: Path, change: str) -> Path:
    data = bytearray(sets.zipped(path, sets.zip_members()).read_bytes())
    end = data.rindex(b"PK\x05\x06")
    if change == "entries":
        struct.pack_into("<H", data, end + 10, 60_000)
    elif change == "size":
        struct.pack_into("<I", data, end + 12, 0x7FFFFFFF)
    elif change == "zip64":
        struct.pack_into("<I", data, end + 16, 0xFFFFFFFF)
    elif change == "no end":
        del data[end:]
    elif change == "directory":
        start = data.index(b"PK\x01\x02")
        data[start : start + 200] = b"\xff" * 200
    elif change == "overlap":
        # two entries of the directory name the same bytes
        first = data.index(b"PK\x01\x02")
        second = data.index(b"PK\x01\x02", first + 4)
        data[second + 42 : second + 46] = data[first + 42 : first + 46]
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("change", ["entries", "size", "zip64", "no end", "directory", "overlap"])
def test_a_directory_that_cannot_be_true_is_refused(
    tmp_path: Path, home: Path, change: str
) -> None:
    with pytest.raises(DatasetError):
        import_zip(_lying(tmp_path / "x.zip", change), "x", Settings())
    assert imports(home) == []


def test_a_zip_without_a_data_set_is_told_with_what_was_left_out(
    tmp_path: Path, home: Path
) -> None:
    members = {"readme.md": b"x", "images/0.png": sets.picture(0), "images/1.png": b"broken"}
    with pytest.raises(DatasetError) as caught:
        bring(tmp_path / "x.zip", members)
    text = str(caught.value)
    assert "x.zip cannot be used" in text and "readme.md" in text and "1.png" in text
    assert str(home) not in text
    with pytest.raises(DatasetError, match="holds nothing that can be used"):
        bring(tmp_path / "y.zip", {"a.exe": b"x"})
    with pytest.raises(DatasetError, match="not a whole zip"):
        (tmp_path / "z.zip").write_bytes(b"")
        import_zip(tmp_path / "z.zip", "z", Settings())
    with pytest.raises(DatasetError, match="cannot be read"):
        import_zip(tmp_path / "gone.zip", "z", Settings())
    assert imports(home) == []


def test_stopping_and_a_full_disk_leave_nothing(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(done: int, total: int, unit: str) -> None:
        if done > 5:
            raise Cancelled

    file = sets.zipped(tmp_path / "x.zip", sets.zip_members(40))
    with pytest.raises(Cancelled):
        import_zip(file, "x", Settings(), stop)
    assert imports(home) == []

    def full(draft: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "put_in_place", full)
    with pytest.raises(StorageError, match=r"No space left.*Free some space"):
        import_zip(file, "x", Settings())
    assert imports(home) == []
