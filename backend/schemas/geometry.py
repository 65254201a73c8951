"""What a shared space looks like from inside: how far its sides lie apart, how evenly each is spread."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Frozen


class SideGeometry(Frozen):
    """One side of the shared space."""

    items: int = Field(description="how many of the split's were measured")
    uniformity: float = Field(description="Wang & Isola 2020, t = 2; lower is more evenly spread")
    effective_rank: float = Field(description="Roy & Vetterli 2007, of the centred embeddings")
    hubness: float | None = Field(
        description="skewness of how often each is among the k nearest of the other side's; None "
        "where all are so equally often"
    )
    trustworthiness: float | None = Field(
        description="of the head's neighbourhoods against the frozen encoder's; None of tokens"
    )
    continuity: float | None = Field(description="the same, with the roles swapped")


class GeometryReport(Frozen):
    """Geometry of one split's unit embeddings."""

    neighbours: int = Field(description="k of hubness, trustworthiness and continuity")
    dimension: int
    modality_gap: float = Field(description="length of the difference of the two sides' means")
    alignment: float = Field(description="mean squared distance of a pair, Wang & Isola 2020")
    pair_cosine: float = Field(description="mean cosine of a pair")
    cross_uniformity: float = Field(description="uniformity over items that are no pair")
    image: SideGeometry
    text: SideGeometry
