"""Five hundred broken data sets: each is used in part or refused in a sentence, and nothing gets out.

No library may crash the process, nothing outside the set is read, nothing outside the home is written.
"""

from __future__ import annotations

import io
import json
import os
import random
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as arrow
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from backend.catalog.datasets.imports.archives import import_zip
from backend.catalog.datasets.inspection import inspect_dataset
from backend.errors import IsthmusError
from backend.schemas import DatasetReport
from backend.settings import Settings
from tests.unit.catalog import sets

SETS = 500
#: the pictures are tiny; what claims to be larger than this is a huge header
MOST_PIXELS = 1_000_000

Mutation = Callable[[random.Random, Path], str]


def mangled(chance: random.Random, data: bytes) -> bytes:
    """Bytes cut off, changed, doubled, left out or put in."""
    kind = chance.randrange(6)
    place = chance.randrange(len(data) + 1)
    if kind == 0:
        return data[:place]
    if kind == 1:
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 20)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    if kind == 2:
        return data[:place] + data
    if kind == 3:
        return data[:place] + data[place + chance.randrange(1, 40) :]
    if kind == 4:
        return data[:place] + chance.randbytes(chance.randrange(1, 40)) + data[place:]
    return b"\0" * chance.choice((0, 1, len(data)))


def png(width: int, height: int, body: bytes = b"") -> bytes:
    """A PNG whose header says what it likes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def odd_picture(chance: random.Random) -> bytes:
    """A picture that is broken, or whole and of a rare kind."""
    data = io.BytesIO()
    kind = chance.randrange(9)
    if kind == 0:
        return mangled(
            chance,
            sets.picture(
                chance.randrange(9999), chance.choice(("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"))
            ),
        )
    if kind == 1:
        return png(chance.choice((0, 1, 40_000, 2**31 - 1)), chance.choice((0, 1, 70_000)))
    if kind == 2:
        frames = [Image.new("RGB", (5, 5), (n, 9, 9)) for n in range(4)]
        frames[0].save(
            data, chance.choice(("GIF", "PNG", "WEBP")), save_all=True, append_images=frames[1:]
        )
    elif kind == 3:
        Image.new("CMYK", (5, 5), (1, 2, 3, chance.randrange(256))).save(
            data, chance.choice(("JPEG", "TIFF"))
        )
    elif kind == 4:
        Image.new("I;16", (5, 5), chance.randrange(65536)).save(
            data, chance.choice(("PNG", "TIFF"))
        )
    elif kind == 5:
        return chance.choice(
            (b"", b"<svg/>", b"%PDF-1.4", b"%!PS-Adobe", b"GIF89a", b"\xff\xd8\xff", b"BM", b"MZ")
        )
    elif kind == 6:
        return chance.randbytes(chance.randrange(2000))
    elif kind == 7:
        return png(900, 900, b"\0" * chance.choice((10, 900 * 2701)))
    else:
        exif = Image.Exif()
        exif[0x0112] = chance.choice((3, 8, 77))
        whole = sets.picture(chance.randrange(9999), "JPEG", exif=exif)
        return (
            whole.replace(b"Exif", chance.choice((b"Exif", b"Exit")), 1)
            if chance.random() < 0.5
            else mangled(chance, whole)
        )
    return data.getvalue()


NAMES = [
    "../secret.png", "../../secret.png", "/etc/passwd", "..\\secret.png", "link.png", "away/secret.png",
    "loop.png", "C:\\x.png", "\\\\server\\x.png", "", " ", "a\0b.png", "\ud800.png", "x" * 4000, ".", "..",
    "0.png/0.png", "./0.png", "fifo.png", "away", "0.PNG", "nul", "0.png ", "file:///etc/passwd",
]  # fmt: skip


def odd_row(chance: random.Random) -> object:
    """A row of a captions file that is of the wrong type somewhere."""
    values: list[object] = [
        None, 3, -1.5, True, [], {}, "", " ", "\ud800", "a", ["a", 3],
        {"raw": "a"}, [[["a"]]], "train", 10**40,
        *chance.sample(NAMES, 4),
    ]  # fmt: skip
    if chance.random() < 0.2:
        return chance.choice(values)
    names = (
        "file",
        "image",
        "audio",
        "text",
        "code",
        "id",
        "split",
        "captions",
        "caption",
        "attributes",
        "file_name",
    )
    row: dict[str, object] = {name: chance.choice(values) for name in chance.sample(names, 4)}
    if chance.random() < 0.6:
        row |= {"file": chance.choice(NAMES), "captions": ["a"]}
    return row


def base(folder: Path) -> Path:
    """A good set with traps beside it: a secret outside, and links and a pipe inside."""
    folder.mkdir(parents=True)
    (folder.parent / "secret.png").write_bytes(sets.picture(4242))
    sets.folder_set(folder, 9)
    images = folder / "images"
    (images / "link.png").symlink_to(folder.parent / "secret.png")
    (images / "away").symlink_to(folder.parent)
    (images / "loop.png").symlink_to("loop.png")
    os.mkfifo(images / "fifo.png")
    return folder


def rows_of_the_wrong_type(chance: random.Random, folder: Path) -> str:
    rows = [*sets.rows(9), *(odd_row(chance) for _ in range(chance.randrange(1, 12)))]
    chance.shuffle(rows)
    (folder / "captions.json").write_text(json.dumps(rows))
    return str(folder)


def mangled_json(chance: random.Random, folder: Path) -> str:
    path = folder / "captions.json"
    path.write_bytes(mangled(chance, path.read_bytes()))
    return str(folder)


def mangled_lines(chance: random.Random, folder: Path) -> str:
    rows = [*sets.rows(9), odd_row(chance)]
    (folder / "x.jsonl").write_bytes(mangled(chance, "\n".join(map(json.dumps, rows)).encode()))
    return f"{folder}/x.jsonl"


def mangled_csv(chance: random.Random, folder: Path) -> str:
    lines = [f'{row["file"]},"{row["captions"][0]}",{row["split"]}' for row in sets.rows(9)]
    lines += [f"{name},c,train" for name in chance.sample(NAMES, 3) if "\ud800" not in name]
    data = "\r\n".join(["file,caption,split", *lines]).encode()
    (folder / "x.csv").write_bytes(mangled(chance, data) if chance.random() < 0.8 else data)
    return f"{folder}/x.csv"


def mangled_parquet(chance: random.Random, folder: Path) -> str:
    rows = sets.rows(9)
    if chance.random() < 0.3:
        rows = [{**row, "captions": [chance.randbytes(3)]} for row in rows]
    parquet.write_table(arrow.Table.from_pylist(rows), folder / "x.parquet")
    data = (folder / "x.parquet").read_bytes()
    (folder / "x.parquet").write_bytes(mangled(chance, data))
    return f"{folder}/x.parquet"


def mangled_karpathy(chance: random.Random, folder: Path) -> str:
    entries: list[object] = [
        {"filename": row["file"], "split": row["split"], "sentences": [{"raw": "c"}]}
        for row in sets.rows(9)
    ]
    entries += [
        chance.choice(({"filename": chance.choice(NAMES)}, odd_row(chance))) for _ in range(4)
    ]
    data = json.dumps({"images": entries}).encode()
    (folder / "x.json").write_bytes(mangled(chance, data) if chance.random() < 0.5 else data)
    return f"{folder}/x.json"


def mangled_tar(chance: random.Random, folder: Path) -> str:
    members: dict[str, bytes] = {}
    for n in range(9):
        told = {"caption": f"c {n}", "split": sets.SPLITS[n % 3]}
        members |= {f"{n}.png": sets.picture(n), f"{n}.json": json.dumps(told).encode()}
    members |= {"../../evil.png": b"x", "a/../b.txt": b"y", "9.json": b"["}
    members["9.png"] = odd_picture(chance)
    path = sets.tar(folder / "shards" / "x.tar", members)
    data = bytearray(path.read_bytes())
    for _ in range(chance.randrange(3)):  # the numbers in a header: sizes, sums, kinds
        place = 512 * chance.randrange(len(data) // 512) + chance.choice(
            (100, 124, 136, 148, 156, 157, 345)
        )
        data[place : place + 3] = chance.randbytes(3)
    path.write_bytes(mangled(chance, bytes(data)) if chance.random() < 0.5 else data)
    return f"{folder}/shards"


def odd_pictures(chance: random.Random, folder: Path) -> str:
    for number in chance.sample(range(9), 4):
        (folder / "images" / f"{number}.png").write_bytes(odd_picture(chance))
    return str(folder)


def odd_classes(chance: random.Random, folder: Path) -> str:
    root = folder / "classes"
    for split in sets.SPLITS:
        for name in ("a", "b_c"):
            place = root / split / name
            place.mkdir(parents=True)
            (place / "1.png").write_bytes(sets.picture(chance.randrange(60_000)))
            (place / "2.jpg").write_bytes(odd_picture(chance))
    (root / "train" / "away").symlink_to(folder.parent)
    (root / "val" / "a" / "link.png").symlink_to(folder.parent / "secret.png")
    return str(root)


def hostile_zip(chance: random.Random, folder: Path) -> str:
    members = sets.zip_members(9)
    path = folder / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        for name in chance.sample(NAMES, 3):
            if name and "\ud800" not in name:
                archive.writestr(zipfile.ZipInfo(name), sets.picture(1))
        archive.writestr("images/odd.png", odd_picture(chance))
        if chance.random() < 0.2:
            archive.writestr("images/bomb.png", b"\0" * 12_000_000)
    data = path.read_bytes()
    kind = chance.randrange(3)
    if kind == 0:
        data = mangled(chance, data)
    elif kind == 1:  # the directory alone
        place = data.index(b"PK\x01\x02")
        data = data[:place] + mangled(chance, data[place:])
    path.write_bytes(data)
    return str(path)


#: how many of fifty must be used in part; one wrong letter is the end of a whole JSON or Parquet file
MUTATIONS: dict[Mutation, int] = {
    rows_of_the_wrong_type: 50,
    mangled_json: 1,
    mangled_lines: 15,
    mangled_csv: 15,
    mangled_parquet: 1,
    mangled_karpathy: 15,
    mangled_tar: 15,
    odd_pictures: 15,
    odd_classes: 40,
    hostile_zip: 15,
}


def looked_at(address: str, settings: Settings) -> DatasetReport | str:
    """The report, or the sentence of the refusal."""
    try:
        if address.endswith(".zip"):
            address = import_zip(Path(address), "x", settings)
        return inspect_dataset(address, settings)
    except IsthmusError as error:
        return str(error)


class Watch:
    """Every file that Python opens while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.opened: set[str] = set()
        sys.addaudithook(self._hear)

    def _hear(self, event: str, values: tuple[object, ...]) -> None:
        if self.on and event == "open" and isinstance(values[0], str | bytes | os.PathLike):
            self.opened.add(os.path.realpath(os.fsdecode(values[0])))


@pytest.fixture(scope="module")
def watch() -> Watch:
    """One for all tests: a hook stays for good."""
    return Watch()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_whatever_is_given_there_is_a_report(
    mutation: Mutation, tmp_path: Path, home: Path, watch: Watch
) -> None:
    settings = Settings(max_image_pixels=MOST_PIXELS)
    imported = home / "data" / "imports"
    reports = 0
    for number in range(SETS // len(MUTATIONS)):
        chance = random.Random(f"{mutation.__name__}/{number}")
        folder = base(tmp_path / f"{number}" / "set")
        address = mutation(chance, folder)
        before = {*tmp_path.iterdir(), *folder.parent.rglob("*"), home}
        watch.opened.clear()
        watch.on = True
        outcome = looked_at(address, settings)
        watch.on = False
        if isinstance(outcome, str):
            assert len(outcome) > 20 and "Traceback" not in outcome
        else:
            reports += 1
            used = sum(split.images for split in outcome.info.splits.values())
            assert used > 0 and sum(outcome.captions_per_item.values()) == used
            assert (outcome.listing is not None) == bool(outcome.counts)
        after = {*tmp_path.iterdir(), *folder.parent.rglob("*"), home}
        assert after == before, "something was written outside the home"
        alien = [path for path in watch.opened if path.startswith((str(tmp_path), "/etc/passwd"))]
        alien = [path for path in alien if not path.startswith((str(folder), str(home)))]
        assert alien == [], "something outside the set was read"
        # Arrow opens its file by itself, so the watch is shown to work by the others
        own = any(path.startswith(str(folder)) for path in watch.opened)
        assert own or address.endswith(".parquet")
        assert not list(imported.glob(".*")), "something half-done was left"
    assert reports >= MUTATIONS[mutation], "too much was refused: the rest is not used"
