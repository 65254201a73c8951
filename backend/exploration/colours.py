"""What a map's points can be coloured by."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import NotFound
from backend.exploration.gallery import Gallery
from backend.schemas import ITEM_WORDS, Colouring

MODALITY: Final = "modality"
#: an attribute with more values than this is coloured by its most frequent ones and "other"
MOST_LABELS: Final = 12


def names(gallery: Gallery) -> list[str]:
    """Modality, then every attribute that tells at least two items apart."""
    values: dict[str, set[str]] = {}
    for entry in gallery.entries.values():
        for name, value in entry.attributes.items():
            values.setdefault(name, set()).add(value)
    return [MODALITY, *(name for name, found in values.items() if len(found) > 1)]


def colouring(gallery: Gallery, name: str) -> Colouring:
    """Codes of all points, images before captions, for a modality or attribute colouring.

    Raises:
        NotFound: the gallery has no such attribute.
    """
    items = [*gallery.indexes["image"].ids, *gallery.indexes["text"].ids]
    if name == MODALITY:
        codes = np.repeat([0.0, 1.0], [len(gallery.indexes["image"]), len(gallery.indexes["text"])])
        words = (ITEM_WORDS[gallery.modality][0], "caption")
        return Colouring(name=name, labels=words, values=codes.astype(np.float32))
    if name not in names(gallery):
        raise NotFound(f"There is no attribute {name!r}; there are {', '.join(names(gallery))}.")
    values = [
        gallery.entries[gallery.owner(item)].attributes.get(name, "unknown") for item in items
    ]
    labels = _labels(values)
    code = {label: number for number, label in enumerate(labels)}
    other = code.get("other", 0)
    return Colouring(
        name=name,
        labels=labels,
        values=np.array([code.get(value, other) for value in values], np.float32),
    )


def similarity(gallery: Gallery, query: NDArray[np.float32], name: str) -> Colouring:
    """Cosine of each point to a query, as a z-score within its own modality.

    The modality gap would otherwise paint one modality alone; within a modality the order is that of
    the cosine.
    """
    parts = []
    for index in (gallery.indexes["image"], gallery.indexes["text"]):
        cosine = index.vectors() @ query
        parts.append((cosine - cosine.mean()) / max(float(cosine.std()), 1e-6))
    return Colouring(name=name, labels=(), values=np.concatenate(parts).astype(np.float32))


def _labels(values: list[str]) -> tuple[str, ...]:
    found, counts = np.unique(values, return_counts=True)
    if len(found) <= MOST_LABELS:
        return tuple(str(value) for value in found)
    frequent = found[np.argsort(-counts, kind="stable")[: MOST_LABELS - 1]]
    return (*(str(value) for value in sorted(frequent)), "other")
