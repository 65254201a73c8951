"""Tiny models of many families with random weights, saved in the very format of published ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as library

from tests.unit.features import tiny

_TOWER: dict[str, Any] = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
_PATCHES: dict[str, Any] = {**_TOWER, "image_size": 32, "patch_size": 8}
_WORDS: dict[str, Any] = {**_TOWER, "vocab_size": len(tiny.WORDS), "max_position_embeddings": 40}
_STAGES: dict[str, Any] = {"depths": [1, 2], "num_heads": [1, 2], "embed_dim": 8}
_MARKS: dict[str, Any] = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
_WAVES: dict[str, Any] = {
    **_TOWER,
    "conv_dim": [8] * 3,
    "conv_kernel": [10, 8, 4],
    "conv_stride": [8, 8, 5],
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
_CLIP = {
    "text_config": {**_WORDS, **_MARKS, "projection_dim": 16},
    "vision_config": _PATCHES,
    "projection_dim": 16,
}
_SIGLIP = {
    "text_config": {**_WORDS, **_MARKS, "max_position_embeddings": 16, "projection_size": 24},
    "vision_config": _PATCHES,
}
_SIGLIP2 = {
    **_SIGLIP,
    "vision_config": {**_TOWER, "patch_size": 8, "num_patches": 16},
}
_CLAP: dict[str, Any] = {
    "text_config": {**_WORDS, "pad_token_id": 0, "projection_dim": 16},
    "audio_config": {
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [2, 2, 2, 2],
        "patch_embeds_hidden_size": 8,
        "hidden_size": 64,
        "projection_dim": 16,
    },
    "projection_dim": 16,
}
_MAE = {
    "decoder_hidden_size": 16,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 16,
}

#: name -> configuration; made when asked for
IMAGES: dict[str, Callable[[], Any]] = {
    "vit": lambda: library.ViTConfig(**_PATCHES),
    "deit": lambda: library.DeiTConfig(**_PATCHES),
    "vit_msn": lambda: library.ViTMSNConfig(**_PATCHES),
    "vit_mae": lambda: library.ViTMAEConfig(**_PATCHES, **_MAE),
    "dinov2": lambda: library.Dinov2Config(**_PATCHES),
    "dinov2_with_registers": lambda: library.Dinov2WithRegistersConfig(
        **_PATCHES, num_register_tokens=3
    ),
    "dinov3_vit": lambda: library.DINOv3ViTConfig(**_PATCHES, num_register_tokens=3),
    "dinov3_convnext": lambda: library.DINOv3ConvNextConfig(
        hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 2, 1]
    ),
    "beit": lambda: library.BeitConfig(**_PATCHES, vocab_size=10),
    "data2vec-vision": lambda: library.Data2VecVisionConfig(**_PATCHES, vocab_size=10),
    "swin": lambda: library.SwinConfig(image_size=32, patch_size=4, window_size=4, **_STAGES),
    "swinv2": lambda: library.Swinv2Config(image_size=32, patch_size=4, window_size=4, **_STAGES),
    "hiera": lambda: library.HieraConfig(
        **_STAGES,
        image_size=[32, 32],
        num_query_pool=1,
        masked_unit_size=[2, 2],
        patch_stride=[4, 4],
    ),
    "resnet": lambda: library.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic"
    ),
    "regnet": lambda: library.RegNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], groups_width=8
    ),
    "convnextv2": lambda: library.ConvNextV2Config(
        hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 2, 1]
    ),
    "mobilenet_v1": lambda: library.MobileNetV1Config(depth_multiplier=0.25),
    "mobilenet_v2": lambda: library.MobileNetV2Config(depth_multiplier=0.25),
    "ijepa": lambda: library.IJepaConfig(**_PATCHES),
    "aimv2_vision_model": lambda: library.Aimv2VisionConfig(**_PATCHES),
    "clip_vision_model": lambda: library.CLIPVisionConfig(**_PATCHES),
    "siglip_vision_model": lambda: library.SiglipVisionConfig(**_PATCHES),
    "clip": lambda: library.CLIPConfig(**_CLIP),
    "siglip": lambda: library.SiglipConfig(**_SIGLIP),
}
TEXTS: dict[str, Callable[[], Any]] = {
    "bert": lambda: library.BertConfig(**_WORDS),
    "roberta": lambda: library.RobertaConfig(**_WORDS, **_MARKS),
    "mpnet": lambda: library.MPNetConfig(**_WORDS, **_MARKS),
    "distilbert": lambda: library.DistilBertConfig(
        vocab_size=len(tiny.WORDS), dim=24, n_layers=2, n_heads=2, hidden_dim=32
    ),
    "modernbert": lambda: library.ModernBertConfig(
        **_WORDS, **_MARKS, cls_token_id=2, sep_token_id=3
    ),
    "qwen3": lambda: library.Qwen3Config(**_WORDS, **_MARKS, head_dim=12, num_key_value_heads=1),
    "gemma3_text": lambda: library.Gemma3TextConfig(
        **_WORDS, **_MARKS, head_dim=12, num_key_value_heads=1
    ),
    "t5": lambda: library.T5Config(
        vocab_size=len(tiny.WORDS), d_model=24, d_kv=12, d_ff=32, num_layers=2, num_heads=2
    ),
    "clip": lambda: library.CLIPConfig(**_CLIP),
    "siglip": lambda: library.SiglipConfig(**_SIGLIP),
    "clap": lambda: library.ClapConfig(**_CLAP),
    "clip_text_model": lambda: library.CLIPTextConfig(**_WORDS, **_MARKS),
}
SOUNDS: dict[str, Callable[[], Any]] = {
    "audio-spectrogram-transformer": lambda: library.ASTConfig(**_TOWER, max_length=64),
    "whisper": lambda: library.WhisperConfig(
        d_model=24,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        vocab_size=60,
        max_source_positions=100,
        decoder_start_token_id=1,
        **_MARKS,
    ),
    "wav2vec2": lambda: library.Wav2Vec2Config(**_WAVES),
    "hubert": lambda: library.HubertConfig(**_WAVES, feat_extract_norm="layer", conv_bias=True),
    "wavlm": lambda: library.WavLMConfig(**_WAVES),
    "wav2vec2-bert": lambda: library.Wav2Vec2BertConfig(**_TOWER),
    "clap": lambda: library.ClapConfig(**_CLAP),
    "clap-fused": lambda: library.ClapConfig(
        **_CLAP | {"audio_config": {**_CLAP["audio_config"], "enable_fusion": True}}
    ),
}
_EXTRACTORS: dict[str, Callable[[], Any]] = {
    "audio-spectrogram-transformer": lambda: library.ASTFeatureExtractor(max_length=64),
    "whisper": lambda: library.WhisperFeatureExtractor(chunk_length=2),
    "wav2vec2": lambda: library.Wav2Vec2FeatureExtractor(return_attention_mask=False),
    "hubert": lambda: library.Wav2Vec2FeatureExtractor(return_attention_mask=True),
    "wavlm": lambda: library.Wav2Vec2FeatureExtractor(return_attention_mask=True),
    "wav2vec2-bert": lambda: library.SeamlessM4TFeatureExtractor(),
    "clap": lambda: library.ClapFeatureExtractor(truncation="rand_trunc"),
    "clap-fused": lambda: library.ClapFeatureExtractor(truncation="fusion"),
}


def image(folder: Path, name: str) -> Path:
    """A model of :data:`IMAGES`."""
    _model(folder, IMAGES[name]())
    (folder / "preprocessor_config.json").write_text(json.dumps(tiny.PICTURES))
    return folder


def text(folder: Path, name: str) -> Path:
    """A model of :data:`TEXTS`, with the tiny vocabulary."""
    _model(folder, TEXTS[name]())
    tiny.tokenizer(folder)
    return folder


def sound(folder: Path, name: str) -> Path:
    """A model of :data:`SOUNDS`."""
    _model(folder, SOUNDS[name]())
    _EXTRACTORS[name]().save_pretrained(folder)
    return folder


def siglip2() -> Any:
    """The configuration of a SigLIP 2 that takes pictures of any aspect."""
    return library.Siglip2Config(**_SIGLIP2)


def _model(folder: Path, config: Any) -> None:
    torch.manual_seed(0)
    model: Any = library.AutoModel.from_config(config)
    with torch.no_grad():  # norms with random gains, too, so that leaving one out shows
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    model.save_pretrained(folder)
