"""Heads: from an encoder's features to the shared space. One file a kind."""

from __future__ import annotations

from typing import Final

from backend.alignment.heads.affine import AffineHead, affine_head
from backend.alignment.heads.anchors import AnchorsHead, anchors_head
from backend.alignment.heads.base import Head, HeadConfig, Inputs, TokenBatch
from backend.alignment.heads.low_rank import LowRankHead
from backend.alignment.heads.projector import ProjectorHead
from backend.alignment.heads.star import StarHead
from backend.alignment.heads.unit_rows import UnitRowsHead, unit_rows_head
from backend.alignment.heads.weighted import WeightedHead, weighted_head

__all__ = [
    "KINDS",
    "AffineHead",
    "AnchorsHead",
    "Head",
    "HeadConfig",
    "Inputs",
    "LowRankHead",
    "ProjectorHead",
    "StarHead",
    "TokenBatch",
    "UnitRowsHead",
    "WeightedHead",
    "affine_head",
    "anchors_head",
    "build_head",
    "unit_rows_head",
    "weighted_head",
]

KINDS: Final[dict[str, type[Head]]] = {
    "linear": AffineHead,
    "mlp": AffineHead,
    "unit-linear": UnitRowsHead,
    "weighted": WeightedHead,
    "anchors": AnchorsHead,
    "low-rank": LowRankHead,
    "star": StarHead,
    "norm-mlp": StarHead,
    "norm-linear": StarHead,
    "projector": ProjectorHead,
}


def build_head(config: HeadConfig) -> Head:
    """A head of the given shape, its weights not yet drawn."""
    return KINDS[config.kind](config)
