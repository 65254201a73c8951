"""The tables of known encoders: complete, in order, and their figures are those of the models."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import backend.catalog.encoders.table as encoder_table
from backend.catalog.encoders import list_encoders
from backend.catalog.encoders.files import families, family_poolings
from backend.catalog.encoders.options import POOLINGS
from backend.catalog.encoders.table import EncoderRow, own_table
from backend.schemas import Modality
from backend.settings import Settings

MODALITIES: tuple[Modality, ...] = ("image", "text", "audio", "code")
ROWS = [(modality, row) for modality in MODALITIES for row in own_table(modality)]
HUB = [(modality, row) for modality, row in ROWS if row.kind == "hub"]
EVERY = pytest.mark.parametrize(("modality", "row"), HUB, ids=[f"{m}-{r.id}" for m, r in HUB])


def _families(modality: Modality) -> set[str]:
    return {row.family for row in own_table(modality)}


@pytest.mark.parametrize(
    ("modality", "least"), [("image", 25), ("text", 20), ("audio", 8), ("code", 2)]
)
def test_there_are_enough_encoders(modality: Modality, least: int) -> None:
    rows = own_table(modality)
    published = [row for row in rows if row.kind == "hub" and not row.aligned]
    assert len(rows) >= least and len({row.id for row in rows}) == len(rows)
    assert len({row.name for row in rows}) == len(rows)
    if modality in ("image", "text"):
        assert len(published) >= 20


@pytest.mark.parametrize(
    ("modality", "wanted"),
    [
        (
            "image",
            "DINOv2;DINOv2 with registers;DINOv3;DINO;I-JEPA;MAE;ViT;DeiT III;BEiT;Swin;"
            "ConvNeXt V2;ResNet;AIMv2;Hiera;CLIP;SigLIP;SigLIP 2",
        ),
        (
            "text",
            "MiniLM;MPNet;RoBERTa;E5;Multilingual E5;BGE;GTE;Qwen3 Embedding;EmbeddingGemma;"
            "ModernBERT;BERT;CLIP;SigLIP;SigLIP 2;CLAP",
        ),
        ("audio", "AST;Whisper;wav2vec 2.0;HuBERT;CLAP"),
        ("code", "CodeT5+;UniXcoder;CodeBERT"),
    ],
)
def test_every_family_that_is_promised_is_there(modality: Modality, wanted: str) -> None:
    assert set(wanted.split(";")) <= _families(modality)


def test_dinov2_comes_in_all_sizes_with_and_without_registers() -> None:
    ids = {row.id for row in own_table("image")}
    for size in ("small", "base", "large", "giant"):
        assert {f"facebook/dinov2-{size}", f"facebook/dinov2-with-registers-{size}"} <= ids


@EVERY
def test_every_row_has_the_figures_that_the_picker_shows(
    modality: Modality, row: EncoderRow
) -> None:
    for figure in (row.dimension, row.layers, row.parameters, row.download_mb):
        assert figure is not None and figure > 0
    assert row.licence and row.family and str(row.input)
    assert row.description.endswith(".") and len(row.description) < 140
    assert row.revision is None or re.fullmatch("[0-9a-f]{40}", row.revision)
    assert row.name and not row.name.endswith(".")


@EVERY
def test_every_row_is_of_a_family_that_can_do_what_it_says(
    modality: Modality, row: EncoderRow
) -> None:
    kind = "text" if modality == "code" else modality
    assert kind in families()[row.model_type]["modalities"]
    assert row.pooling in family_poolings(row.model_type, kind)
    assert (row.library == "timm") == (row.model_type == "timm") == row.id.startswith("timm/")
    # a checkpoint holds at least the part that is used: two bytes a number, at the least
    assert row.download_mb is not None and row.parameters is not None
    assert row.download_mb * 1e6 > 1.95 * row.parameters


def test_aligned_models_stand_in_the_table_of_each_of_their_towers() -> None:
    towers = {m: {row.id for row in own_table(m) if row.aligned} for m in MODALITIES}
    assert len(towers["image"]) >= 8 and len(towers["audio"]) >= 1 and not towers["code"]
    assert towers["text"] == towers["image"] | towers["audio"]
    rows = {(m, row.id): row for m, row in ROWS}
    for modality in ("image", "audio"):
        for name in towers[modality]:
            one, other = rows[modality, name], rows["text", name]
            assert (one.dimension, one.revision) == (other.dimension, other.revision)
            assert one.download_mb == other.download_mb and one.parameters != other.parameters


def test_most_revisions_are_pinned_and_gated_ones_are_said_to_be() -> None:
    pinned = [row for _, row in HUB if row.revision]
    assert len(pinned) / len(HUB) > 0.75
    gated = {row.id.split("/")[1].split("-")[0] for _, row in HUB if row.gated}
    assert gated == {"dinov3", "embeddinggemma"}


def test_poolings_of_families_are_known_words() -> None:
    for name, family in families().items():
        listed = family["poolings"]
        every = listed if isinstance(listed, list) else sum(listed.values(), [])
        assert set(every) <= set(POOLINGS) and family["pooling"] in every, name
        assert family["modalities"] and set(family["modalities"]) <= {"image", "audio", "text"}


def test_what_is_listed_is_what_the_table_says() -> None:
    listed = {info.id: info for info in list_encoders("image", Settings())}
    info = listed["facebook/dinov3-vits16-pretrain-lvd1689m"]
    assert (info.gated, info.dimension, info.layers, info.pooling) == (True, 384, 12, "cls")
    assert info.download_bytes == 86_000_000 and info.input_size == "224 x 224 pixels"
    assert info.revision == "114c1379950215c8b35dfcd4e90a5c251dde0d32" and not info.available
    assert listed["openai/clip-vit-base-patch32"].aligned
    assert listed["openai/clip-vit-base-patch32"].poolings[0] == "projection"


def test_a_row_with_a_word_that_nobody_reads_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"id": "a/b", "kind": "hub", "name": "A", "description": "B.", "licence": "MIT"}
    for extra in ({}, {"licens": "MIT"}):
        (tmp_path / "image_encoders.json").write_text(json.dumps([row | extra]))
        monkeypatch.setattr(encoder_table, "_TABLES", tmp_path)
        own_table.cache_clear()
        try:
            if extra:
                with pytest.raises(ValueError, match="licens"):
                    own_table("image")
            else:
                assert own_table("image")[0].id == "a/b"
        finally:
            own_table.cache_clear()


# --- parameters, counted on models without memory -----------------------------------------------

_LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}
_WIDE = {"hidden_size": 384, "num_attention_heads": 12, "intermediate_size": 1536}


def _count(model: Any) -> int:
    return sum(tensor.numel() for tensor in model.parameters())


def _whole(name: str, **options: Any) -> Callable[[], int]:
    """Of ``<name>Model`` with its family's default configuration, changed by ``options``."""

    def count() -> int:
        config = getattr(transformers, f"{name}Config")(**options)
        with torch.device("meta"):
            return _count(getattr(transformers, f"{name}Model")(config))

    return count


def _vit() -> int:
    with torch.device("meta"):
        return _count(transformers.ViTModel(transformers.ViTConfig(), add_pooling_layer=False))


def _clip_image() -> int:
    with torch.device("meta"):
        model = transformers.CLIPModel(transformers.CLIPConfig())
    return _count(model.vision_model) + _count(model.visual_projection)


def _clip_text() -> int:
    with torch.device("meta"):
        model = transformers.CLIPModel(transformers.CLIPConfig())
    return _count(model.text_model) + _count(model.text_projection)


def _whisper() -> int:
    with torch.device("meta"):
        return _count(transformers.WhisperModel(transformers.WhisperConfig()).encoder)


@pytest.mark.parametrize(
    ("modality", "name", "count"),
    [
        ("image", "facebook/dinov2-base", _whole("Dinov2", image_size=518, patch_size=14)),
        (
            "image",
            "facebook/dinov2-with-registers-base",
            _whole("Dinov2WithRegisters", image_size=518, patch_size=14),
        ),
        (
            "image",
            "facebook/dinov3-vits16-pretrain-lvd1689m",
            _whole("DINOv3ViT", num_register_tokens=4),
        ),
        ("image", "facebook/dinov3-convnext-tiny-pretrain-lvd1689m", _whole("DINOv3ConvNext")),
        ("image", "facebook/vit-mae-base", _whole("ViTMAE")),
        ("image", "facebook/vit-mae-large", _whole("ViTMAE", **_LARGE)),
        ("image", "google/vit-base-patch16-224", _vit),
        ("image", "microsoft/swin-tiny-patch4-window7-224", _whole("Swin")),
        ("image", "facebook/convnextv2-tiny-22k-224", _whole("ConvNextV2")),
        ("image", "microsoft/resnet-50", _whole("ResNet")),
        ("image", "facebook/hiera-base-224-hf", _whole("Hiera")),
        ("image", "openai/clip-vit-base-patch32", _clip_image),
        ("text", "openai/clip-vit-base-patch32", _clip_text),
        ("text", "google-bert/bert-base-uncased", _whole("Bert")),
        ("text", "BAAI/bge-large-en-v1.5", _whole("Bert", **_LARGE)),
        ("text", "minilm", _whole("Bert", **_WIDE, num_hidden_layers=6)),
        ("text", "sentence-transformers/all-MiniLM-L12-v2", _whole("Bert", **_WIDE)),
        ("text", "answerdotai/ModernBERT-base", _whole("ModernBert")),
        ("audio", "MIT/ast-finetuned-audioset-10-10-0.4593", _whole("AST")),
        ("audio", "openai/whisper-tiny", _whisper),
        ("audio", "facebook/wav2vec2-base", _whole("Wav2Vec2")),
        ("audio", "facebook/hubert-base-ls960", _whole("Hubert")),
    ],
)
def test_parameters_are_those_of_the_architecture(
    modality: Modality, name: str, count: Callable[[], int]
) -> None:
    row = next(row for row in own_table(modality) if row.id == name)
    assert row.parameters == count()
