"""Exploring a run: items, hits, neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

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


class Neighbours(Frozen):
    """Nearest items of one item in both modalities."""

    item: Item
    images: tuple[Hit, ...]
    texts: tuple[Hit, ...]
    partners: tuple[str, ...] = Field(
        (), description="ids of its true partners: a caption's image, an image's captions"
    )
    retrieved: str | None = Field(None, description="id of the nearest item of the other modality")
    partner_rank: int | None = Field(None, description="rank of the best partner there")
