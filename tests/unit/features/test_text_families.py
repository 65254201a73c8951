"""Every pooling of every family of text models is what the libraries' own output gives, to 1e-5."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from backend.catalog.encoders import find_encoder
from backend.catalog.encoders.files import inspect_folder
from backend.errors import EncoderError
from backend.features.kinds.sentences import SentenceEncoder, reads_as_pooled
from backend.features.kinds.texts import TextEncoder
from backend.features.loading import load_encoder
from backend.settings import Settings
from tests.unit.features import tiny, zoo
from tests.unit.features.close import assert_close

SENTENCES = ["a red circle on the left of a blue star", "dog runs", "", "a dog near the star"]
PLAIN = [name for name in zoo.TEXTS if name not in ("clip", "siglip", "clap", "clip_text_model")]
POOLERS = ("bert", "roberta", "mpnet", "clip_text_model")


def _model(folder: Path) -> Any:
    model: Any = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    return model.get_encoder() if model.config.is_encoder_decoder else model


def _alone(folder: Path, model: Any, sentence: str) -> Any:
    """A sentence's output, without any padding or mask."""
    tokens = AutoTokenizer.from_pretrained(folder)(sentence, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return model(input_ids=tokens, output_hidden_states=True)


def _ways(hidden: Any) -> dict[str, Any]:
    """Of hidden states (tokens, d) of one sentence without padding."""
    mean = hidden.mean(0)
    return {
        "mean": mean,
        "cls": hidden[0],
        "last": hidden[-1],
        "cls+mean": torch.cat([hidden[0], mean]),
    }


@pytest.mark.parametrize("name", [*PLAIN, "clip_text_model"])
def test_every_pooling_and_layer(tmp_path: Path, name: str) -> None:
    folder = zoo.text(tmp_path / "model", name)
    model = _model(folder)
    outputs = [_alone(folder, model, sentence) for sentence in SENTENCES]
    allowed = (
        {"mean", "last"} if name in ("clip_text_model", "t5", "qwen3", "gemma3_text") else None
    )
    for pooling in allowed or _ways(torch.zeros(1, 1)):
        encoder = load_encoder(tiny.spec(folder, "text", pooling=pooling), "cpu")
        expected = [_ways(output.last_hidden_state[0])[pooling] for output in outputs]
        assert_close(encoder.encode(SENTENCES), torch.stack(expected))
    encoder = load_encoder(tiny.spec(folder, "text", all_layers=True, pooling="mean"), "cpu")
    count = len(outputs[0].hidden_states)
    assert len(encoder.outputs) == count == 3
    joined = [torch.cat([state[0].mean(0) for state in output.hidden_states]) for output in outputs]
    assert_close(encoder.encode(SENTENCES), torch.stack(joined))


@pytest.mark.parametrize("name", POOLERS)
def test_the_own_pooler(tmp_path: Path, name: str) -> None:
    folder = zoo.text(tmp_path / "model", name)
    model = _model(folder)
    encoder = load_encoder(tiny.spec(folder, "text", pooling="pooler"), "cpu")
    expected = [_alone(folder, model, sentence).pooler_output[0] for sentence in SENTENCES]
    assert_close(encoder.encode(SENTENCES), torch.stack(expected))


def test_an_encoder_that_was_saved_without_its_decoder(tmp_path: Path) -> None:
    from transformers import T5EncoderModel

    folder = zoo.text(tmp_path / "model", "t5")
    part = T5EncoderModel.from_pretrained(folder, dtype=torch.float32)
    whole = load_encoder(tiny.spec(folder, "text"), "cpu").encode(SENTENCES)
    part.save_pretrained(folder)
    assert_close(load_encoder(tiny.spec(folder, "text"), "cpu").encode(SENTENCES), whole)


@pytest.mark.parametrize("name", ["clip", "siglip", "clap"])
def test_text_towers(tmp_path: Path, name: str) -> None:
    folder = zoo.text(tmp_path / "model", name)
    model = _model(folder)
    full = name == "siglip"  # it is trained on texts filled up to their full length, without a mask
    options: Any = {"padding": "max_length", "max_length": 16} if full else {"padding": True}
    tokens = AutoTokenizer.from_pretrained(folder)(SENTENCES, return_tensors="pt", **options)
    mask = tokens["attention_mask"]
    inputs = {"input_ids": tokens["input_ids"]} | ({} if full else {"attention_mask": mask})
    with torch.inference_mode():
        projected = model.get_text_features(**inputs).pooler_output
        tower = model.text_model(**inputs, output_hidden_states=True)
    for pooling in ("", "projection"):
        encoder = load_encoder(tiny.spec(folder, "text", pooling=pooling), "cpu")
        assert_close(encoder.encode(SENTENCES), projected)
    encoder = load_encoder(tiny.spec(folder, "text", pooling="pooler"), "cpu")
    assert_close(encoder.encode(SENTENCES), tower.pooler_output)
    encoder = load_encoder(tiny.spec(folder, "text", pooling="mean", layers=(1,)), "cpu")
    state, weights = tower.hidden_states[1], mask.unsqueeze(-1)
    assert_close(encoder.encode(SENTENCES), (state * weights).sum(1) / weights.sum(1))
    with pytest.raises(EncoderError, match="not possible of its layers"):
        load_encoder(tiny.spec(folder, "text", pooling="projection", layers=(1,)), "cpu")


@pytest.mark.parametrize("name", ["bert", "qwen3"])
def test_every_token_of_a_text(tmp_path: Path, name: str) -> None:
    folder = zoo.text(tmp_path / "model", name)
    model = _model(folder)
    encoder = load_encoder(tiny.spec(folder, "text", pooling="tokens", layers=(1, 2)), "cpu")
    for sentence, found in zip(SENTENCES, encoder.encode_tokens(SENTENCES), strict=True):
        states = _alone(folder, model, sentence).hidden_states
        for tokens, state in zip(found, states[1:], strict=True):
            assert_close(tokens, state[0])


@pytest.mark.parametrize("mode", ["mean", "cls", "lasttoken"])
def test_a_sentence_model_is_pooled_as_asked(tmp_path: Path, mode: str) -> None:
    folder = tiny.sentence_model(tmp_path / mode, mode)
    model = _model(folder)
    own = load_encoder(tiny.spec(folder, "text"), "cpu")
    assert isinstance(own, TextEncoder)
    lengths = np.linalg.norm(own.encode(SENTENCES), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)
    outputs = [_alone(folder, model, sentence) for sentence in SENTENCES]
    other = "cls" if mode != "cls" else "mean"
    encoder = load_encoder(tiny.spec(folder, "text", pooling=other), "cpu")
    expected = [_ways(output.last_hidden_state[0])[other] for output in outputs]
    assert_close(encoder.encode(SENTENCES), torch.stack(expected))
    # a layer is pooled as the model is, but not made of unit length
    encoder = load_encoder(tiny.spec(folder, "text", layers=(1,)), "cpu")
    word = {"lasttoken": "last"}.get(mode, mode)
    expected = [_ways(output.hidden_states[1][0])[word] for output in outputs]
    assert_close(encoder.encode(SENTENCES), torch.stack(expected))


def test_a_sentence_model_is_a_plain_transformer_where_that_is_asked(tmp_path: Path) -> None:
    folder = tiny.sentence_model(tmp_path / "model", "cls")
    model = _model(folder)
    spec = find_encoder(f"{folder}?library=transformers", "text", Settings())
    means = [_alone(folder, model, one).last_hidden_state[0].mean(0) for one in SENTENCES]
    assert_close(load_encoder(spec, "cpu").encode(SENTENCES), torch.stack(means))


def test_a_default_prompt_is_put_before_every_text(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tiny.sentence_model(tmp_path / "model", "mean")
    loaded = SentenceTransformer(str(folder), device="cpu")
    loaded.prompts = {"query": "a red ", "document": "blue "}
    loaded.default_prompt_name = "document"
    loaded.save_pretrained(str(folder))
    encoder = load_encoder(tiny.spec(folder, "text"), "cpu")
    assert isinstance(encoder, TextEncoder)
    assert_close(encoder.encode(SENTENCES), loaded.encode(SENTENCES))
    asked = load_encoder(tiny.spec(folder, "text", prefix="a red "), "cpu")
    assert_close(asked.encode(SENTENCES), loaded.encode(SENTENCES, prompt_name="query"))


def test_a_causal_sentence_model_is_read_at_its_last_token(tmp_path: Path) -> None:
    """As Qwen3-Embedding is, which its library pads on the left."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    plain = zoo.text(tmp_path / "plain", "qwen3")
    transformer = Transformer(str(plain))
    transformer.tokenizer.padding_side = "left"
    modules = [transformer, Pooling(24, pooling_mode="lasttoken"), Normalize()]
    theirs = SentenceTransformer(modules=modules, device="cpu")
    theirs.save_pretrained(str(tmp_path / "model"))
    encoder = load_encoder(tiny.spec(tmp_path / "model", "text"), "cpu")
    assert isinstance(encoder, TextEncoder)
    assert_close(encoder.encode(SENTENCES), theirs.encode(SENTENCES))


def test_a_model_with_more_behind_its_pooling_is_run_by_its_library(tmp_path: Path) -> None:
    loaded = _dense(tmp_path / "dense")
    encoder = load_encoder(tiny.spec(tmp_path / "dense", "text"), "cpu")
    assert isinstance(encoder, SentenceEncoder) and encoder.dimension == 12
    assert_close(encoder.encode(SENTENCES), loaded.encode(SENTENCES))
    raw = load_encoder(tiny.spec(tmp_path / "dense", "text", pooling="mean", layers=(-1,)), "cpu")
    model = _model(tmp_path / "dense")
    means = [
        _alone(tmp_path / "dense", model, one).hidden_states[-1][0].mean(0) for one in SENTENCES
    ]
    assert_close(raw.encode(SENTENCES), torch.stack(means))


def _dense(folder: Path) -> Any:
    """Saves a sentence model with a dense layer behind its pooling."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense

    torch.manual_seed(0)
    plain = tiny.sentence_model(folder.with_name(f"{folder.name}-plain"), "mean")
    model = SentenceTransformer(str(plain), device="cpu")
    model.insert(2, Dense(20, 12))
    model.save_pretrained(str(folder))
    return model


def test_the_fingerprint_counts_what_is_behind_the_pooling(tmp_path: Path) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    _dense(first)
    shutil.copytree(first, other)
    weights = load_file(other / "2_Dense" / "model.safetensors")
    save_file({k: 2 * v for k, v in weights.items()}, other / "2_Dense" / "model.safetensors")
    shutil.copytree(first, tmp_path / "same")
    told = [
        load_encoder(tiny.spec(tmp_path / name, "text"), "cpu").fingerprint
        for name in ("first", "same", "other")
    ]
    assert told[0] == told[1] != told[2]


def test_siglip2_is_read_in_lower_case(tmp_path: Path) -> None:
    """Its published files name Gemma's tokenizer, which keeps capitals."""
    folder = zoo.text(tmp_path / "model", "siglip")
    path = folder / "tokenizer_config.json"
    told = json.loads(path.read_text()) | {"do_lower_case": False}
    path.write_text(json.dumps(told | {"tokenizer_class": "GemmaTokenizer"}))
    files = inspect_folder(folder, "text")
    pooled = reads_as_pooled(tiny.spec(folder, "text"), files)
    assert pooled is not None and pooled.lower
    path.write_text(json.dumps(told))
    pooled = reads_as_pooled(tiny.spec(folder, "text"), files)
    assert pooled is not None and not pooled.lower


def test_the_prefix_is_in_lower_case_where_texts_are(tmp_path: Path) -> None:
    folder = tiny.sentence_model(tmp_path / "model", "mean")
    for name, lower in (("tokenizer_config.json", False), ("sentence_bert_config.json", True)):
        told = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(told | {"do_lower_case": lower}))
    large = load_encoder(tiny.spec(folder, "text", prefix="A RED "), "cpu").encode(["DOG"])
    assert_close(large, load_encoder(tiny.spec(folder, "text"), "cpu").encode(["a red dog"]))


@pytest.mark.parametrize("name", ["roberta", "mpnet", "bert", "clip_text_model", "clip", "siglip"])
def test_a_long_text_is_cut_to_the_places_a_model_has(tmp_path: Path, name: str) -> None:
    folder = zoo.text(tmp_path / "model", name)
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(
        json.dumps(tokenizer | {"model_max_length": 10**9})
    )
    encoder = load_encoder(tiny.spec(folder, "text"), "cpu")
    long = encoder.encode(["a red dog " * 50, "a red dog " * 500])
    assert_close(long[0], long[1])


def test_minilm_by_any_pooling() -> None:
    spec = find_encoder("minilm?pooling=cls&layers=3,-1", "text", Settings())
    model = _model(Path(spec.location))
    texts = ["A dog runs through the grass.", "Two children.", "A man on a red bicycle waits."]
    outputs = [_alone(Path(spec.location), model, text).hidden_states for text in texts]
    expected = torch.stack([torch.cat([states[3][0, 0], states[6][0, 0]]) for states in outputs])
    assert_close(load_encoder(spec, "cpu").encode(texts), expected)
