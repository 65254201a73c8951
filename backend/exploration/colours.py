"""What a map's points can be coloured by."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import NotFound
from backend.exploration.gallery import Gallery
from backend.exploration.points import Drawn
from backend.schemas import ITEM_WORDS, Colouring

MODALITY: Final = "modality"
CLUSTER: Final = "cluster"
RANK: Final = "rank error"
#: an attribute with more values than this is coloured by its most frequent ones and "other"
MOST_LABELS: Final = 12
_OTHER: Final = "other"
_UNKNOWN: Final = "unknown"


def names(gallery: Gallery) -> list[str]:
    """Modality, region, rank error, then every attribute that tells at least two items apart."""
    return [MODALITY, CLUSTER, RANK, *_attributes(gallery)]


def by_modality(gallery: Gallery, points: NDArray[np.int32]) -> Colouring:
    """0 of an item, 1 of a caption."""
    words = (ITEM_WORDS[gallery.modality][0], "caption")
    codes = points >= len(gallery.indexes["image"])
    return Colouring(name=MODALITY, labels=words, values=codes.astype(np.float32))


def by_attribute(gallery: Gallery, name: str, points: NDArray[np.int32]) -> Colouring:
    """Codes of an attribute's values; a caption has its item's.

    Raises:
        NotFound: the gallery has no such attribute.
    """
    attribute = _attributes(gallery).get(name)
    if attribute is None:
        raise NotFound(f"The map cannot be coloured by {name!r}, but by {_listed(names(gallery))}.")
    entries = gallery.entries.values()
    values = [entry.attributes.get(attribute, _UNKNOWN) for entry in entries]
    labels = _labels(values)
    code = {label: number for number, label in enumerate(labels)}
    of_items = np.array([code.get(value, len(labels) - 1) for value in values], np.float32)
    drawn = Drawn.of(points, len(values))
    owners = np.concatenate([drawn.image, gallery.owners[drawn.text]])
    return Colouring(name=name, labels=labels, values=of_items[owners])


def by_region(regions: NDArray[np.integer]) -> Colouring:
    """The regions of a map, numbered from 1.

    Args:
        regions: (n,) from 0, of the points that are coloured.
    """
    count = int(regions.max(initial=0)) + 1
    labels = tuple(str(number) for number in range(1, count + 1))
    return Colouring(name=CLUSTER, labels=labels, values=regions.astype(np.float32))


def by_rank(ranks: NDArray[np.floating]) -> Colouring:
    """log10 of the rank of each point's true partner: 0 is found first, 2 is at place 100."""
    return Colouring(name=RANK, labels=(), values=np.log10(ranks).astype(np.float32))


def by_similarity(
    gallery: Gallery, query: NDArray[np.float32], name: str, points: NDArray[np.int32]
) -> Colouring:
    """Cosine of each point to a query, as a z-score among the points of its own modality.

    The modality gap would otherwise paint one modality alone; within a modality the order is that of
    the cosine.
    """
    drawn = Drawn.of(points, len(gallery.indexes["image"]))
    parts = []
    for side, rows in (("image", drawn.image), ("text", drawn.text)):
        vectors = gallery.indexes["image" if side == "image" else "text"].vectors()
        cosine = (vectors if len(rows) == len(vectors) else vectors[rows]) @ query
        if len(cosine):
            parts.append((cosine - cosine.mean()) / max(float(cosine.std()), 1e-6))
    values = np.concatenate(parts) if parts else np.zeros(0)
    return Colouring(name=name, labels=(), values=values.astype(np.float32))


def _attributes(gallery: Gallery) -> dict[str, str]:
    """What an attribute is called among the colourings -> its name in the data set."""
    values: dict[str, set[str]] = {}
    for entry in gallery.entries.values():
        for name, value in entry.attributes.items():
            values.setdefault(name, set()).add(value)
    own = (MODALITY, CLUSTER, RANK)
    return {
        f"{name} (attribute)" if name in own else name: name
        for name, found in values.items()
        if len(found) > 1
    }


def _labels(values: list[str]) -> tuple[str, ...]:
    """All values in order; of many the most frequent, then "other"."""
    counts = Counter(values)
    if len(counts) <= MOST_LABELS:
        return tuple(sorted(counts))
    # of equally frequent ones the first in order, whatever their order in the data
    frequent = sorted(counts, key=lambda value: (-counts[value], value))[: MOST_LABELS - 1]
    return (*sorted(value for value in frequent if value != _OTHER), _OTHER)


def _listed(found: list[str]) -> str:
    return ", ".join(found)
