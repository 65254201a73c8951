"""How much a model takes of one item, by the files beside its weights; for showing only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from backend.schemas import Modality

PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")


def input_size(folder: Path, config: dict[str, Any], modality: Modality) -> dict[str, float]:
    """{"pixels": 224}, {"tokens": 512} or {"seconds": 30, "rate": 16000}; empty where nothing tells.

    Args:
        folder: the model's.
        config: the part of its config.json that is about this modality.
    """
    if modality == "image":
        return _picture_size(folder, config)
    return _audio_size(folder) if modality == "audio" else _text_length(folder, config)


def told_by(path: Path) -> dict[str, Any]:
    """A JSON object; empty when it is missing or damaged, as nothing but what is shown hangs on it."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _preprocessor(folder: Path, part: str) -> dict[str, Any]:
    """The settings of an image processor or feature extractor, wherever they are written."""
    for name in PREPROCESSORS:
        found = told_by(folder / name)
        inner = found.get(part)
        found = inner if isinstance(inner, dict) else found
        if found:
            return found
    return {}


def _picture_size(folder: Path, config: dict[str, Any]) -> dict[str, float]:
    """After cutting: crop_size goes before size, and either is a number or a table of numbers."""
    pretrained = config.get("pretrained_cfg")  # timm's
    if isinstance(pretrained, dict):
        size = pretrained.get("input_size")
        return {"pixels": size[-1]} if isinstance(size, list) and size else {}
    settings = _preprocessor(folder, "image_processor")
    size = (settings.get("do_center_crop") and settings.get("crop_size")) or settings.get("size")
    if isinstance(size, dict):
        size = size.get("height") or size.get("shortest_edge")
    return {"pixels": size} if isinstance(size, int) else {}


def _audio_size(folder: Path) -> dict[str, float]:
    settings = _preprocessor(folder, "feature_extractor")
    rate, length = settings.get("sampling_rate"), settings.get("chunk_length")
    if not isinstance(rate, int):
        return {}
    if length is None:
        length = settings.get("max_length_s")
    if length is None and isinstance(settings.get("max_length"), int):
        length = settings["max_length"] / 100  # frames of 10 ms, of the spectrogram transformer
    return {"rate": rate} | ({"seconds": length} if isinstance(length, int | float) else {})


def _text_length(folder: Path, config: dict[str, Any]) -> dict[str, float]:
    """What the sentence model says, or the tokenizer, or the table of positions."""
    told = [
        told_by(folder / "sentence_bert_config.json").get("max_seq_length"),
        told_by(folder / "tokenizer_config.json").get("model_max_length"),
        config.get("max_position_embeddings"),
    ]
    # a tokenizer without a limit says 10^30
    lengths = [value for value in told if isinstance(value, int) and 0 < value < 10**9]
    return {"tokens": lengths[0]} if lengths else {}
