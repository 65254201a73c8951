"""A small gallery with a modality gap, for the tests of the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backend.exploration.gallery import Entry, Gallery, build_gallery, load_gallery

IMAGES, D = 30, 12
#: so many captions have the first items; the last item has none
CAPTIONS = [2, 1, 3] * 9 + [2, 4, 0]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def entries(captions: list[int] = CAPTIONS) -> list[Entry]:
    colours = ["red", "blue", "green"]
    return [
        Entry(
            f"p{number}",
            "text",
            f"item {number}",
            tuple(f"a {colours[number % 3]} kite {place}" for place in range(count)),
            {
                "colour": colours[number % 3],
                "many": f"v{number % 15:02d}",
                "same": "x",
                "cluster": str(number % 2),
            },
        )
        for number, count in enumerate(captions)
    ]


def make_gallery(folder: Path, seed: int = 0, captions: list[int] = CAPTIONS) -> Gallery:
    """Items of three groups by colour, and captions near their items, beyond a gap."""
    draw = np.random.default_rng(seed)
    groups = draw.normal(size=(3, D))
    image = unit(groups[np.arange(len(captions)) % 3] + 0.5 * draw.normal(size=(len(captions), D)))
    text = np.repeat(image, captions, axis=0)
    text = unit(text + 0.2 * draw.normal(size=text.shape) + draw.normal(size=D))
    build_gallery(folder, entries(captions), image, text, "heads and features")
    return load_gallery(folder, folder / "previews")
