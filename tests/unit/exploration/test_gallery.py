"""Index and gallery on small made-up embeddings."""

from __future__ import annotations

import json
from pathlib import Path

import faiss
import numpy as np
import pytest
import soundfile
from PIL import Image

from backend.errors import NotFound
from backend.exploration.gallery import (
    Entry,
    Gallery,
    build_gallery,
    gallery_of,
    load_gallery,
)
from backend.media.blobs import Blob

N, D = 30, 12


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def embeddings() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    image = unit(draw.normal(size=(N, D)))
    return image, unit(np.repeat(image, 2, axis=0) + 0.3 * draw.normal(size=(2 * N, D)))


@pytest.fixture
def gallery(tmp_path: Path, embeddings: tuple[np.ndarray, np.ndarray]) -> Gallery:
    entries = []
    for number in range(N):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (400, 200), (number * 8, 0, 0)).save(path)
        kinds = {"parity": str(number % 2), "many": f"v{number % 15:02d}", "same": "x"}
        captions = (f"cap {number}", f"CAP {number}")
        entries.append(Entry(f"p{number}", "image", Blob(path), captions, kinds))
    build_gallery(tmp_path / "index", entries, *embeddings)
    return load_gallery(tmp_path / "index", tmp_path / "thumbnails")


def test_a_gallery_marks_the_pair_and_finds_its_rank(gallery: Gallery) -> None:
    query = gallery.vector("text:p7#1")
    hits = gallery.search(query, "image", N, truth=gallery.owner("text:p7#1"))
    marked = [hit.rank for hit in hits if hit.ground_truth]
    assert marked == [gallery.truth_rank(query, "image", "p7")]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert gallery.item("text:p7#1").captions == ("CAP 7",)
    assert gallery.item("image:p7").captions == ("cap 7", "CAP 7")


@pytest.mark.parametrize("item", ["p7", "image:", "image:nobody", "text:p7#9", "audio:p7", ""])
def test_what_is_no_item_is_told(gallery: Gallery, item: str) -> None:
    with pytest.raises(NotFound):
        gallery.item(item)


def test_a_gallery_that_was_not_finished_does_not_count(tmp_path: Path, gallery: Gallery) -> None:
    (tmp_path / "index" / "gallery.json").unlink()
    with pytest.raises(NotFound, match="no index yet"):
        load_gallery(tmp_path / "index", tmp_path)


def test_items_of_every_modality_come_back_as_they_were(tmp_path: Path, embeddings) -> None:
    image, text = embeddings
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    soundfile.write(tmp_path / "a.wav", np.zeros(800), 8_000)
    part = Blob(tmp_path / "a.png", 0, (tmp_path / "a.png").stat().st_size)
    entries = [
        Entry("part", "image", part, ("c",), {"kind": "member"}),
        Entry("sound", "audio", Blob(tmp_path / "a.wav"), ("c",), {}),
        Entry("words", "text", "some words", ("c",), {}),
        Entry("program", "code", "def f(): ...", ("c",), {}),
        Entry("trial", "features", None, ("c",), {}),
    ]
    build_gallery(tmp_path / "index", entries, image[:5], text[:5])
    loaded = load_gallery(tmp_path / "index", tmp_path / "previews")
    assert list(loaded.entries.values()) == entries
    shown = {entry.id: loaded.item(f"image:{entry.id}") for entry in entries}
    assert [name for name, item in shown.items() if item.thumbnail] == ["part", "sound"]
    assert [name for name, item in shown.items() if item.recording] == ["sound"]
    assert {name: item.text for name, item in shown.items() if item.text} == {
        "words": "some words",
        "program": "def f(): ...",
    }


def test_a_gallery_of_an_older_version_is_read(tmp_path: Path, gallery: Gallery) -> None:
    folder = tmp_path / "index"
    rows = json.loads((folder / "gallery.json").read_text())["items"]
    for row in rows:
        del row["modality"]  # from before there were others
    (folder / "gallery.json").write_text(json.dumps(rows))
    for side in ("image", "text"):
        flat = faiss.IndexFlatIP(D)
        flat.add(gallery.indexes[side].vectors())
        faiss.write_index(flat, str(folder / side / "index.faiss"))
        for name in ("vectors.npy", "index.json"):
            (folder / side / name).unlink()
    again = load_gallery(folder, tmp_path / "thumbnails")
    assert again.entries == gallery.entries and gallery_of(folder) == ""
    query = gallery.vector("text:p7#1")
    found = [hit.item.id for hit in gallery.search(query, "image", 5)]
    assert [hit.item.id for hit in again.search(query, "image", 5)] == found


@pytest.mark.parametrize("damaged", ["", "{}", "null", "[", '{"items": []}'])
def test_a_damaged_gallery_does_not_count(tmp_path: Path, gallery: Gallery, damaged: str) -> None:
    (tmp_path / "index" / "gallery.json").write_text(damaged)
    with pytest.raises(NotFound):
        load_gallery(tmp_path / "index", tmp_path / "thumbnails")


def test_a_gallery_tells_what_it_is_made_of(
    tmp_path: Path, gallery: Gallery, embeddings: tuple[np.ndarray, np.ndarray]
) -> None:
    entries = list(gallery.entries.values())
    build_gallery(tmp_path / "other", entries, *embeddings, "heads and features")
    assert gallery_of(tmp_path / "other") == "heads and features"
    (tmp_path / "other" / "text" / "index.json").unlink()
    with pytest.raises(NotFound):
        gallery_of(tmp_path / "other")


def test_a_file_that_is_gone_does_not_end_the_search(gallery: Gallery, tmp_path: Path) -> None:
    (tmp_path / "3.png").unlink()
    hits = gallery.search(gallery.vector("image:p3"), "image", 5)
    assert hits[0].item.image_id == "p3" and hits[0].item.thumbnail is None
    assert all(hit.item.thumbnail is not None for hit in hits[1:])
