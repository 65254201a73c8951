"""Tiny encoders with random weights, in the very format of published ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    CLIPConfig,
    CLIPModel,
    ResNetConfig,
    ResNetModel,
    ViTConfig,
    ViTForImageClassification,
    ViTModel,
)

from backend.catalog.encoders import EncoderSpec, find_encoder
from backend.schemas import Modality
from backend.settings import Settings

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] a red blue circle star on the left of near dog runs".split()

_MARKS = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}

PICTURES = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "resample": 3,
    "do_rescale": True,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.5, 0.6, 0.7],
}


def spec(folder: Path | str, modality: Modality, **options: Any) -> EncoderSpec:
    """What loads the encoder in a folder."""
    return replace(find_encoder(str(folder), modality, Settings()), **options)


def vit(folder: Path, *, pooler: bool = True, seed: int = 0) -> Path:
    """A ViT of 24 numbers; saved with a classification head it has no pooler."""
    torch.manual_seed(seed)
    config = ViTConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=32,
        patch_size=16,
    )
    model: Any = ViTModel(config) if pooler else ViTForImageClassification(config)
    return _save(model, folder, PICTURES)


def resnet(folder: Path) -> Path:
    """A ResNet of 12 numbers in half precision, as the built-in encoders are stored."""
    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic")
    return _save(ResNetModel(config).half(), folder, PICTURES)


def bert(folder: Path) -> Path:
    """A BERT of 20 numbers with a vocabulary of a few words."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=20,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=32,
    )
    _save(BertModel(config), folder)
    tokenizer(folder)
    return folder


def clip(folder: Path) -> Path:
    """A CLIP with both towers, 16 numbers."""
    torch.manual_seed(0)
    tower = {
        "hidden_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
    }
    config = CLIPConfig(
        text_config={**tower, **_MARKS, "vocab_size": len(WORDS)},
        vision_config={**tower, "image_size": 32, "patch_size": 16},
        projection_dim=16,
    )
    _save(CLIPModel(config), folder, PICTURES)
    tokenizer(folder)
    return folder


def sentence_model(folder: Path, mode: str) -> Path:
    """A sentence-transformers folder around the tiny BERT, with normalisation."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    transformer = Transformer(str(bert(folder.with_name(f"{folder.name}-bert"))))
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode=mode)
    SentenceTransformer(modules=[transformer, pooling, Normalize()]).save_pretrained(str(folder))
    return folder


def pictures(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """Random pictures, each of another size."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(seed)
    paths = []
    for number in range(count):
        shape = (20 + number % 7, 24 + number % 5, 3)
        path = folder / f"{number:03}.png"
        Image.fromarray(generator.integers(0, 255, shape, dtype=np.uint8)).save(path)
        paths.append(path)
    return paths


def _save(model: Any, folder: Path, preprocessor: dict[str, Any] | None = None) -> Path:
    model.save_pretrained(folder)
    if preprocessor is not None:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return folder


def tokenizer(folder: Path) -> None:
    """Words to tokens, with [CLS] before and [SEP] behind."""
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    BertTokenizer(vocab=vocabulary, model_max_length=32).save_pretrained(folder)
