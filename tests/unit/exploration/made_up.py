"""A run made up for tests: pictures of two halves, a shared space of colours, encoders that count."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from backend.alignment.base import Alignment
from backend.alignment.heads import affine_head
from backend.exploration.gallery import Entry, build_gallery, load_gallery
from backend.exploration.space import SharedSpace
from backend.features.work import Output
from backend.media.blobs import Blob
from backend.schemas import Modality

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "grey": (99, 99, 99)}
NAMES = tuple(COLOURS)


class Encoder:
    """Gives the mean colour of a picture, or of the colours that a text names.

    Attributes:
        read: how many items each call was given.
    """

    spec = SimpleNamespace(id="made-up")
    outputs = (Output("fingerprint", "colour"),)

    def __init__(self) -> None:
        self.read: list[int] = []

    def encode(self, items: Sequence[Any]) -> np.ndarray:
        self.read.append(len(items))
        return np.stack([_text(item) if isinstance(item, str) else _seen(item) for item in items])


def _text(words: str) -> np.ndarray:
    named = [COLOURS[word] for word in words.split() if word in COLOURS]
    return np.append(np.mean(named or [(1, 1, 1)], axis=0) / 255, 0.1).astype(np.float32)


def _seen(picture: Image.Image) -> np.ndarray:
    return np.append(np.asarray(picture).mean(axis=(0, 1)) / 255, 0.1).astype(np.float32)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


def halves(left: str, right: str) -> Image.Image:
    """A picture of two colours, 40 x 20."""
    pixels = np.empty((20, 40, 3), np.uint8)
    pixels[:, :20], pixels[:, 20:] = COLOURS[left], COLOURS[right]
    return Image.fromarray(pixels)


def made_up(folder: Path, modality: Modality = "image") -> tuple[SharedSpace, Encoder, Encoder]:
    """A run of all 16 pictures of two colours, each with two captions; its image and text encoder.

    Of other modalities it has the same vectors, and the items are words or features alone.
    """
    entries = []
    for number in range(len(NAMES) ** 2):
        left, right = NAMES[number // len(NAMES)], NAMES[number % len(NAMES)]
        content: Any = f"{left} {right}" if modality in ("text", "code") else None
        if modality == "image":
            halves(left, right).save(folder / f"{left}-{right}.png")
            content = Blob(folder / f"{left}-{right}.png")
        told = {"left": left, "file": f"{left}-{right}", "same": "yes"}
        if number % 2:
            told["odd"] = "yes"
        captions = (f"{left} beside {right}", f"{right} right of {left}")
        entries.append(Entry(f"{left}-{right}", modality, content, captions, told))
    image = unit(np.stack([_text(entry.id.replace("-", " ")) for entry in entries]))
    text = unit(np.stack([_text(caption) for entry in entries for caption in entry.captions]))
    build_gallery(folder / "index", entries, image, text)
    head = affine_head(np.zeros(4), np.ones(4), np.eye(4))
    encoders = {"image": Encoder(), "text": Encoder()}
    space = SharedSpace(
        load_gallery(folder / "index", folder / "previews"),
        Alignment("made up", {"image": head, "text": head}, {}),
        lambda side: encoders[side],  # type: ignore[arg-type, return-value]
    )
    return space, encoders["image"], encoders["text"]
