"""Generative models of a few thousand weights, drawn at random, saved as their real ones are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BartConfig,
    BertTokenizerFast,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipProcessor,
    CLIPImageProcessorPil,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    GitConfig,
    GitForCausalLM,
    GitProcessor,
    JanusConfig,
    JanusForConditionalGeneration,
    JanusProcessor,
    LlamaConfig,
    PreTrainedTokenizerFast,
)
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.janus.image_processing_pil_janus import JanusImageProcessorPil

WORDS = (
    "a red blue circle star left of and small large the image describe in one sentence this".split()
)
SIZE = 16


def pictures(count: int = 3) -> list[Image.Image]:
    draw = np.random.default_rng(0)
    return [
        Image.fromarray(draw.integers(0, 255, (20 + 3 * at, 24, 3)).astype(np.uint8))
        for at in range(count)
    ]


def _words(special: list[str]) -> Tokenizer:
    names = {name: place for place, name in enumerate([*special, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(names, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def _bert(folder: Path) -> Any:
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    return BertTokenizerFast(vocab={name: place for place, name in enumerate(names)})


def janus(folder: Path, template: bool = True) -> Path:
    """Janus whose pictures are 4 x 4 tokens."""
    torch.manual_seed(0)
    special = ["<pad>", "<s>", "</s>", "<unk>", "<image>", "<boi>", "<eoi>"]
    own = _words(special)
    own.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=own, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>", "boi_token": "<boi>", "eoi_token": "<eoi>"},
        model_max_length=256,
    )  # fmt: skip
    count = len(tokenizer)
    text = LlamaConfig(
        vocab_size=count, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=256,
        pad_token_id=0, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    vision = {
        "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "image_size": SIZE,
        "patch_size": 4, "projection_dim": 32, "num_image_tokens": 16,
    }  # fmt: skip
    vq = {
        "embed_dim": 8, "num_embeddings": 24, "latent_channels": 16, "base_channels": 32,
        "channel_multiplier": [1, 1, 1], "num_res_blocks": 1, "projection_dim": 32,
        "image_token_embed_dim": 32, "num_patches": 4,
    }  # fmt: skip
    config = JanusConfig(
        text_config=text.to_dict(), vision_config=vision, vq_config=vq, image_token_id=4
    )
    model = JanusForConditionalGeneration(config).eval()
    told = model.generation_config
    told.pad_token_id, told.bos_token_id, told.eos_token_id = 0, 1, 2
    told.generation_kwargs = {"boi_token_id": 5}
    model.save_pretrained(folder)
    turn = (
        "{% for m in messages %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image> "
        "{% else %}{{ c['text'] }} {% endif %}{% endfor %}{% endfor %}"
    )
    JanusProcessor(
        JanusImageProcessorPil(size={"height": SIZE, "width": SIZE}),
        tokenizer,
        chat_template=turn if template else None,
        num_image_tokens=16,
    ).save_pretrained(folder)
    return folder


def blip(folder: Path) -> Path:
    torch.manual_seed(1)
    tokenizer = _bert(folder)
    tower = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
    }
    text = {
        **tower, "vocab_size": len(tokenizer), "encoder_hidden_size": 32, "max_position_embeddings": 128,
        "bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0, "projection_dim": 32,
    }  # fmt: skip
    config = BlipConfig(
        text_config=text,
        vision_config={**tower, "image_size": SIZE, "patch_size": 8},
        projection_dim=32,
    )
    BlipForConditionalGeneration(config).eval().save_pretrained(folder)
    BlipProcessor(
        BlipImageProcessorPil(size={"height": SIZE, "width": SIZE}), tokenizer
    ).save_pretrained(folder)
    return folder


def git(folder: Path) -> Path:
    torch.manual_seed(2)
    tokenizer = _bert(folder)
    tower = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
    }
    config = GitConfig(
        vision_config={**tower, "image_size": SIZE, "patch_size": 8}, vocab_size=len(tokenizer),
        max_position_embeddings=128, bos_token_id=2, eos_token_id=3, pad_token_id=0, **tower,
    )  # fmt: skip
    GitForCausalLM(config).eval().save_pretrained(folder)
    images = CLIPImageProcessorPil(
        size={"height": SIZE, "width": SIZE}, crop_size={"height": SIZE, "width": SIZE}
    )
    GitProcessor(images, tokenizer).save_pretrained(folder)
    return folder


def florence(folder: Path) -> Path:
    torch.manual_seed(3)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<image>"]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_words(special), bos_token="<s>", pad_token="<pad>", eos_token="</s>",
        unk_token="<unk>", extra_special_tokens={"image_token": "<image>"}, model_max_length=128,
    )  # fmt: skip
    text = BartConfig(
        vocab_size=len(tokenizer), d_model=32, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48,
        max_position_embeddings=256, bos_token_id=0, pad_token_id=1, eos_token_id=2,
        decoder_start_token_id=2, forced_eos_token_id=2,
    )  # fmt: skip
    vision = {
        "depths": [1, 1], "patch_size": [7, 3], "patch_stride": [4, 2], "patch_padding": [3, 1],
        "patch_prenorm": [False, True], "embed_dim": [8, 16], "num_heads": [2, 2], "num_groups": [2, 2],
        "window_size": 4, "projection_dim": 32,
    }  # fmt: skip
    config = Florence2Config(text_config=text.to_dict(), vision_config=vision, image_token_id=4)
    model = Florence2ForConditionalGeneration(config).eval()
    model.save_pretrained(folder)
    images = CLIPImageProcessorPil(
        size={"height": 32, "width": 32}, crop_size={"height": 32, "width": 32}
    )
    images.image_seq_length = 17  # 4 x 4 places and their mean
    Florence2Processor(images, tokenizer).save_pretrained(folder)
    return folder
