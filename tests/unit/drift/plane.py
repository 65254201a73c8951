"""Galleries of vectors that tests choose, behind the real index."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backend.exploration.indexes import IndexFacts
from backend.exploration.indexes.flat import FlatIndex
from tests.unit import golden


def index(ids: list[str], vectors: np.ndarray) -> FlatIndex:
    """Exact search among unit rows (n, d)."""
    facts = IndexFacts(kind="flat", vectors=len(ids), dimension=vectors.shape[1], key="")
    return FlatIndex(ids, np.ascontiguousarray(vectors, np.float32), facts)


def on_circle(images: Mapping[str, float], texts: Mapping[str, float]) -> dict[str, FlatIndex]:
    """Items by their angles in degrees; the nearest is the one with the smallest angle between."""
    return {
        side: index(list(angles), np.array([_point(angle) for angle in angles.values()]))
        for side, angles in (("image", images), ("text", texts))
    }


def at_random(images: int, texts: int, dimension: int = 8, seed: int = 0) -> dict[str, FlatIndex]:
    """Items anywhere; every third caption is the same as the one before."""
    draw = np.random.default_rng(seed)
    rows = {
        "image": draw.normal(size=(images, dimension)),
        "text": draw.normal(size=(texts, dimension)),
    }
    rows["text"][2::3] = rows["text"][1::3][: len(rows["text"][2::3])]
    return {
        side: index([f"{side}:{row}" for row in range(len(own))], golden.unit(own))
        for side, own in rows.items()
    }


def _point(angle: float) -> tuple[float, float]:
    return float(np.cos(np.radians(angle))), float(np.sin(np.radians(angle)))
