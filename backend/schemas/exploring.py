"""Exploring a run: items, hits, the map."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backend.schemas.base import Frozen, Modality, Side

#: exact, or approximate: a graph in memory, or short codes with the vectors on disk
IndexKind = Literal["flat", "hnsw", "ivf-pq"]


class Item(Frozen):
    """An item or a caption of a run's gallery (its data set's test split)."""

    side: Side
    id: str
    image_id: str = Field(description="the item itself, or the item that a caption belongs to")
    modality: Modality = Field("image", description="of that item")
    thumbnail: Path | None = Field(
        description="of that item: its picture, or a recording's spectrogram; None where it is text"
    )
    recording: Path | None = Field(None, description="what can be played, of audio")
    text: str = Field("", description="the item's own words, of text and code")
    captions: tuple[str, ...] = Field(
        description="all of that item's captions, or just this caption"
    )
    attributes: dict[str, str] = Field(default_factory=dict)


class Hit(Frozen):
    """One answer of a search."""

    rank: int
    score: float = Field(description="cosine similarity in the shared space")
    item: Item
    ground_truth: bool = Field(False, description="is the pair of the query, where that is known")


class SearchResult(Frozen):
    """Answers, best first, and what they were searched in."""

    hits: tuple[Hit, ...]
    gallery: int = Field(description="number of items searched")
    seconds: float
    truth_rank: int | None = Field(None, description="rank of the query's own pair, where known")


class MapView(Frozen):
    """The map of a run: row i is one point. Arrays are sent to the browser as they are."""

    run: str
    layout: Literal["pca", "umap"] = Field(description="pca at once, umap when it is ready")
    graph: str = Field(description="in words: which neighbours the layout is made of")
    ids: tuple[str, ...]
    side: NDArray[np.uint8] = Field(description="(n,) 0 image, 1 text")
    xy: NDArray[np.float32] = Field(description="(n, 2)")
    total: int = Field(description="items in the gallery; more than n where the map is a sample")


class Colouring(Frozen):
    """Colours of a map's points: codes into ``labels``, or numbers where ``labels`` is empty."""

    name: str
    labels: tuple[str, ...]
    values: NDArray[np.float32]


class Neighbours(Frozen):
    """Nearest items of one item in both modalities."""

    item: Item
    images: tuple[Hit, ...]
    texts: tuple[Hit, ...]
