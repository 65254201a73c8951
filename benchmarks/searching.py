"""What a person waits for who searches: 100,000 images and as many captions, warm, through the services.

Vectors are synthetic, in groups, and lie in a plane of 48 dimensions; texts are read by the built-in encoder
and go through a head. Items are small pictures, so an answer has its thumbnail looked up as in the app, which
makes them beforehand. No web server and no browser are in it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.alignment.base import Alignment
from backend.alignment.heads import Head, affine_head
from backend.catalog.encoders import find_encoder
from backend.exploration.gallery import Entry, build_gallery, image_item, load_gallery
from backend.exploration.space import SharedSpace
from backend.features.loading import load_encoder
from backend.media.blobs import Blob
from backend.schemas import Query, QueryPart, pack
from backend.services.mapping import Mapping
from backend.settings import Settings

ITEMS: Final = 100_000
GROUPS: Final = 4000
PLANE: Final = 48
#: different pictures; the items have them in turn
PICTURES: Final = 500
TEXT_WIDTH: Final = 384
ANSWERS: Final = 24

Vectors = NDArray[np.float32]


def measure(quick: bool) -> dict[str, float]:
    """Medians in milliseconds for shared spaces of two widths."""
    figures: dict[str, float] = {}
    for width in [256] if quick else [48, 512]:
        with tempfile.TemporaryDirectory() as folder:
            for name, value in _measured(Path(folder), width, 7 if quick else 25).items():
                figures[f"{width} dimensions, {name}"] = value
    return figures


class _Door(Mapping):
    """The services' calls over one run that is open."""

    def __init__(self, space: SharedSpace) -> None:
        self.settings = Settings()
        self._opened_run = space

    def _space(self, run_id: str) -> SharedSpace:
        return self._opened_run


def _measured(folder: Path, width: int, rounds: int) -> dict[str, float]:
    image, text = _drawn(width, 0), _drawn(width, 1)
    build_gallery(folder / "index", _entries(folder), image, text)
    begun = time.perf_counter()
    gallery = load_gallery(folder / "index", folder / "previews")
    figures = {"run opened, ms": 1000 * (time.perf_counter() - begun)}
    for number in range(PICTURES):
        gallery.item(image_item(str(number)))
    draw = np.random.default_rng(2)
    turn = draw.normal(size=(width, TEXT_WIDTH)) / np.sqrt(TEXT_WIDTH)
    head: Head = affine_head(np.zeros(TEXT_WIDTH), np.ones(TEXT_WIDTH), turn)
    encoder = load_encoder(find_encoder("minilm", "text", Settings()), "cpu")
    door = _Door(
        SharedSpace(
            gallery, Alignment("ridge", {"image": head, "text": head}, {}), lambda side: encoder
        )
    )
    begun = time.perf_counter()
    door.attributes("r")
    figures["first filter, once a run, ms"] = 1000 * (time.perf_counter() - begun)
    for name, ask in _questions(door).items():
        figures[f"{name}, ms"] = _median(ask, rounds)
    figures |= _beside_faiss(door, image, rounds)
    return figures


def _questions(door: _Door) -> dict[str, Callable[[int], object]]:
    """What is asked, another question at every turn, so that none is known already."""
    half = pack("r", 2 * ITEMS, range(0, 2 * ITEMS, 2))

    def text(turn: int, **more: object) -> object:
        parts = (QueryPart(kind="text", value=f"a {turn} of red and blue things near a tree"),)
        return door.search("r", Query.model_validate({"parts": parts, "k": ANSWERS, **more}))

    def item(turn: int, **more: object) -> object:
        parts = (QueryPart(kind="item", value=f"image:{997 * turn % ITEMS}"),)
        return door.search("r", Query.model_validate({"parts": parts, "k": ANSWERS, **more}))

    def mixture(turn: int) -> object:
        texts = [QueryPart(kind="text", value=f"{word} {turn} mixed") for word in ("sea", "sky")]
        known = QueryPart(kind="item", value=f"image:{turn}", weight=-0.5)
        return door.search("r", Query(parts=(*texts, known), k=ANSWERS))

    return {
        "text to images": lambda turn: text(1000 + turn),
        "text to both": lambda turn: text(2000 + turn, target="both"),
        "item to captions, with its pair's rank": lambda turn: item(turn, target="text"),
        "item to images": item,
        "neighbours of a click": lambda turn: door.neighbours("r", f"image:{991 * turn % ITEMS}"),
        "item, a tenth by metadata": lambda turn: item(turn, where={"tenth": ("3",)}),
        "item, within a half that is selected": lambda turn: item(turn, within=half),
        "item, no near-duplicates": lambda turn: item(turn, hide_duplicates=True),
        "item, 200 answers": lambda turn: item(turn, k=200),
        "two texts and an item": mixture,
    }


def _beside_faiss(door: _Door, image: Vectors, rounds: int) -> dict[str, float]:
    own = faiss.IndexFlatIP(image.shape[1])
    own.add(image)
    index = door._opened_run.gallery.indexes["image"]
    ours = _median(lambda turn: index.search(image[turn : turn + 1], ANSWERS), rounds)
    theirs = _median(lambda turn: own.search(image[turn : turn + 1], ANSWERS), rounds)
    return {
        "index alone, ms": ours,
        "FAISS called directly, ms": theirs,
        "index alone, ratio to calling FAISS directly": ours / theirs,
    }


def _median(ask: Callable[[int], object], rounds: int) -> float:
    taken = []
    for turn in range(rounds + 2):
        begun = time.perf_counter()
        ask(turn)
        taken.append(1000 * (time.perf_counter() - begun))
    return statistics.median(taken[2:])


def _drawn(width: int, seed: int) -> Vectors:
    shared, draw = np.random.default_rng(7), np.random.default_rng(seed)
    plane = shared.normal(size=(PLANE, width)).astype(np.float32)
    middles = shared.normal(size=(GROUPS, PLANE)).astype(np.float32)
    meant = middles[np.arange(ITEMS) % GROUPS] + 0.5 * draw.normal(size=(ITEMS, PLANE))
    rows = meant.astype(np.float32) @ plane
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def _entries(folder: Path) -> list[Entry]:
    draw = np.random.default_rng(3)
    blobs = []
    for number in range(PICTURES):
        path = folder / f"{number}.png"
        Image.fromarray(draw.integers(0, 256, (32, 32, 3), np.uint8)).save(path)
        blobs.append(Blob(path))
    return [
        Entry(
            str(row),
            "image",
            blobs[row % PICTURES],
            (f"caption {row} of a thing",),
            {"tenth": str(row % 10), "year": str(1990 + row % 33), "file": f"{row}.png"},
        )
        for row in range(ITEMS)
    ]
