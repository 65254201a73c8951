"""A small gallery of the built-in world in a space of no meaning, into which pictures and words are put."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from backend.exploration.gallery import Entry, Gallery, build_gallery, load_gallery
from backend.exploration.space import SharedSpace
from backend.media.blobs import Blob
from backend.scenes.render import render
from backend.scenes.world import Picture
from tests.unit import golden

DIMENSION = 24


class World(SharedSpace):
    """Embeds by fixed random projections: of small pictures, and of words."""

    def __init__(self, gallery: Gallery) -> None:
        super().__init__(gallery, None, None)  # type: ignore[arg-type]
        self.embedded: list[tuple[str, int]] = []

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.embedded.append(("text", len(texts)))
        return _texts(texts)

    def embed_items(self, items: Sequence[Any]) -> np.ndarray:
        self.embedded.append(("image", len(items)))
        return _pictures(items)


def _texts(texts: Sequence[str]) -> np.ndarray:
    rows = [
        sum(
            np.random.default_rng(list(word.encode())).normal(size=DIMENSION)
            for word in text.split()
        )
        for text in texts
    ]
    return golden.unit(np.array(rows)).astype(np.float32)


def _pictures(pictures: Sequence[Image.Image]) -> np.ndarray:
    rows = np.array(
        [np.asarray(each.resize((6, 6)), np.float64).ravel() - 128 for each in pictures]
    )
    return golden.unit(rows @ np.random.default_rng(0).normal(size=(108, DIMENSION))).astype(
        np.float32
    )


def world(folder: Path, count: int = 8) -> World:
    """So many pictures with their captions."""
    entries, pictures = [], []
    (folder / "images").mkdir(parents=True)
    for number in range(count):
        picture = Picture("test", number)
        path = folder / "images" / picture.file
        drawn = Image.fromarray(render(picture.scene))
        drawn.save(path)
        pictures.append(drawn)
        entries.append(
            Entry(picture.file, "image", Blob(path), tuple(picture.entry()["captions"]), {})
        )
    captions = [caption for entry in entries for caption in entry.captions]
    build_gallery(folder / "index", entries, _pictures(pictures), _texts(captions))
    return World(load_gallery(folder / "index", folder / "thumbnails"))
