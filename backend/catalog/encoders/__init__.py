"""Encoders that can be picked: a catalogue as data; beyond it, any folder, Hub id or file of features."""

from __future__ import annotations

from backend.catalog.encoders.finding import (
    FEATURE_FILES,
    POOLINGS,
    EncoderSpec,
    Kind,
    Library,
    Precision,
    encoder_info,
    find_encoder,
    list_encoders,
    spec_files,
)

__all__ = [
    "FEATURE_FILES",
    "POOLINGS",
    "EncoderSpec",
    "Kind",
    "Library",
    "Precision",
    "encoder_info",
    "find_encoder",
    "list_encoders",
    "spec_files",
]
