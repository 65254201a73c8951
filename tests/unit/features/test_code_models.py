"""Encoders of programs: CodeT5+ without the code it is published with; UniXcoder is a RoBERTa."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, T5Config, T5EncoderModel

from backend.errors import EncoderError
from backend.features.loading import load_encoder
from tests.unit.features import tiny, zoo
from tests.unit.features.close import assert_close

PROGRAMS = ["a red dog", "the star near a blue circle runs", "dog"]


def _codet5p(folder: Path) -> tuple[Path, T5EncoderModel, torch.nn.Linear]:
    """A tiny one in the published form, and its parts."""
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tiny.WORDS), d_model=24, d_kv=12, d_ff=32, num_layers=2, num_heads=2
    )
    encoder, projection = T5EncoderModel(config).eval(), torch.nn.Linear(24, 8)
    weights = {name: value.contiguous() for name, value in encoder.state_dict().items()}
    weights.pop("encoder.embed_tokens.weight", None)
    weights |= {f"proj.{name}": value for name, value in projection.state_dict().items()}
    folder.mkdir()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    told = config.to_dict() | {
        "model_type": "codet5p_embedding",
        "architectures": ["CodeT5pEmbeddingModel"],
        "auto_map": {"AutoModel": "modeling_codet5p_embedding.CodeT5pEmbeddingModel"},
        "embed_dim": 8,
    }
    (folder / "config.json").write_text(json.dumps(told, default=str))
    (folder / "modeling_codet5p_embedding.py").write_text("raise RuntimeError('it was run')")
    tiny.tokenizer(folder)
    return folder, encoder, projection


def test_codet5p_projects_the_first_token_to_unit_length(tmp_path: Path) -> None:
    folder, encoder, projection = _codet5p(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    projected, means = [], []
    for program in PROGRAMS:
        with torch.inference_mode():
            hidden = encoder(**tokenizer(program, return_tensors="pt")).last_hidden_state
            projected.append(torch.nn.functional.normalize(projection(hidden[:, 0]), dim=-1)[0])
        means.append(hidden[0].mean(0))
    ours = load_encoder(tiny.spec(folder, "code"), "cpu")
    assert_close(ours.encode(PROGRAMS), torch.stack(projected))
    mean = load_encoder(tiny.spec(folder, "code", pooling="mean"), "cpu")
    assert_close(mean.encode(PROGRAMS), torch.stack(means))
    assert (ours.dimension, mean.dimension) == (8, 24)


def test_codet5p_without_its_projection_is_refused(tmp_path: Path) -> None:
    folder, _, _ = _codet5p(tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    del weights["proj.bias"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderError, match="proj.bias"):
        load_encoder(tiny.spec(folder, "code"), "cpu").prepare()


def test_words_and_programs_share_their_features(tmp_path: Path) -> None:
    folder = zoo.text(tmp_path / "model", "roberta")
    text, code = (load_encoder(tiny.spec(folder, kind), "cpu") for kind in ("text", "code"))
    assert text.fingerprint == code.fingerprint
    assert_close(text.encode(PROGRAMS), code.encode(PROGRAMS))
