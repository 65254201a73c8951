"""The table of encoders, and what is said about folders and ids that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import CLIPModel, WhisperConfig, WhisperModel

from backend.catalog.encoders import encoder_info, find_encoder, list_encoders, spec_files
from backend.errors import EncoderError
from backend.schemas import Modality
from backend.settings import Settings
from tests.unit.features import tiny


@pytest.mark.parametrize("modality", ["image", "text"])
def test_the_table_names_every_encoder_once_and_the_built_in_ones_first(modality: Modality) -> None:
    listed = list_encoders(modality, Settings())
    assert len({info.id for info in listed}) == len(listed) >= 5
    built_in = [info.built_in for info in listed]
    assert built_in == sorted(built_in, reverse=True) and built_in[0]
    assert all(info.modality == modality and info.licence for info in listed)


def test_minilm_is_on_this_disk_and_the_hub_is_not() -> None:
    listed = {info.id: info for info in list_encoders("text", Settings())}
    assert listed["minilm"].available and listed["bag-of-words"].available
    assert not listed["intfloat/e5-small-v2"].available
    assert find_encoder("intfloat/e5-small-v2", "text", Settings()).prefix == "query: "


def test_a_folder_is_an_encoder_under_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny.vit(tmp_path / "vit")
    monkeypatch.chdir(tmp_path)
    assert find_encoder("./vit", "image", Settings()).id == str(folder)
    info = encoder_info("vit", "image", Settings())
    assert (info.name, info.dimension, info.built_in, info.available) == ("vit", 24, False, True)
    model_parameters = info.parameters
    assert model_parameters is not None and 5_000 < model_parameters < 50_000


@pytest.mark.parametrize(
    ("encoder", "modality", "what"),
    [
        ("minilm", "image", "minilm encodes texts. As an image"),
        ("scene-resnet-ssl", "text", "scene-resnet-ssl encodes images. As a text"),
        ("no-such", "image", "There is no image encoder"),
        ("/no/such/folder", "image", "There is no image encoder"),
        ("", "text", "There is no text encoder"),
        ("a/b/c", "text", "There is no text encoder"),
        ("\0", "text", "There is no text encoder"),
    ],
)
def test_an_id_that_names_nothing_is_told(encoder: str, modality: Modality, what: str) -> None:
    with pytest.raises(EncoderError, match=what):
        find_encoder(encoder, modality, Settings())


def _gone(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _written(name: str, content: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return write


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _shard_missing(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def _shard_outside(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "../model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (_gone("config.json"), "config.json: missing"),
        (_written("config.json", b"{"), "config.json: cannot be read"),
        (_written("config.json", b"[]"), "config.json: cannot be read"),
        (_written("config.json", b"{}"), "names no model_type"),
        (_gone("model.safetensors"), "the folder has no weights"),
        (_pickled, "can run code"),
        (_cut, "damaged or cut short"),
        (_written("model.safetensors", b"version https://git-lfs"), "damaged or cut short"),
        (_written("model.safetensors", b""), "damaged or cut short"),
        (_written("model.safetensors", b"\2\0\0\0\0\0\0\0[]"), "damaged or cut short"),
        (_shard_missing, "model-00001-of-00002.safetensors: missing"),
        (_shard_outside, "index.json: cannot be read"),
        (_gone("preprocessor_config.json"), "preprocessor_config.json: missing"),
    ],
)
def test_a_damaged_folder_is_told_with_what_is_wrong(
    tmp_path: Path, damage: Callable[[Path], None], what: str
) -> None:
    folder = tiny.vit(tmp_path / "vit")
    damage(folder)
    with pytest.raises(EncoderError) as caught:
        find_encoder(str(folder), "image", Settings())
    assert what in str(caught.value)


def test_all_faults_of_a_folder_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(EncoderError) as caught:
        find_encoder(str(tmp_path), "text", Settings())
    assert [fault.where for fault in caught.value.faults] == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_a_model_for_another_modality_is_told(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="model_type bert is an? text encoder"):
        find_encoder(str(tiny.bert(tmp_path / "bert")), "image", Settings())
    with pytest.raises(EncoderError, match="model_type vit is an image encoder"):
        find_encoder(str(tiny.vit(tmp_path / "vit")), "text", Settings())


def test_encoders_of_programs_read_texts_and_the_other_way_round() -> None:
    code = [info.id for info in list_encoders("code", Settings())]
    text = [info.id for info in list_encoders("text", Settings())]
    assert code[0] == "Salesforce/codet5p-110m-embedding" and code[-len(text) :] == text
    assert "microsoft/unixcoder-base" not in text and not list_encoders("features", Settings())
    assert find_encoder("minilm", "code", Settings()) == find_encoder("minilm", "text", Settings())
    spec = find_encoder("microsoft/unixcoder-base", "text", Settings())
    assert spec == find_encoder("microsoft/unixcoder-base", "code", Settings())
    assert spec.modality == "text"
    assert encoder_info("minilm", "code", Settings()).modality == "text"


def test_a_model_with_two_towers_is_counted_tower_by_tower(tmp_path: Path) -> None:
    folder = tiny.clip(tmp_path / "clip")
    image = encoder_info(str(folder), "image", Settings())
    text = encoder_info(str(folder), "text", Settings())
    model = CLIPModel.from_pretrained(folder)
    towers: dict[str, tuple[Any, Any]] = {
        "image": (model.vision_model, model.visual_projection),
        "text": (model.text_model, model.text_projection),
    }
    for info in (image, text):
        parts = towers[info.modality]
        assert info.parameters == sum(t.numel() for part in parts for t in part.parameters())
        assert (info.dimension, info.layers, info.aligned) == (16, 1, True)
        assert info.pooling == "projection" == info.poolings[0]
    assert encoder_info(f"{folder}?pooling=pooler", "image", Settings()).dimension == 24
    assert image.input_size == "32 x 32 pixels" and text.input_size == "32 tokens"


def test_a_tower_is_known_where_the_configuration_says_nothing_of_it(tmp_path: Path) -> None:
    folder = tiny.clip(tmp_path / "clip")
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"] = {"model_type": "clip_vision_model"}
    (folder / "config.json").write_text(json.dumps(config))
    info = encoder_info(f"{folder}?pooling=pooler", "image", Settings())
    assert (info.dimension, info.layers) == (24, 1)


@pytest.mark.parametrize("mode", ["cls", "mean"])
def test_a_sentence_model_tells_its_own_pooling(tmp_path: Path, mode: str) -> None:
    folder = tiny.sentence_model(tmp_path / "st", mode)
    info = encoder_info(str(folder), "text", Settings())
    assert (info.library, info.pooling, info.dimension) == ("sentence-transformers", mode, 20)
    assert info.poolings[0] == mode and "last" in info.poolings
    plain = find_encoder(f"{folder}?library=transformers", "text", Settings())
    files = spec_files(plain)
    assert files is not None and files.library == "transformers" and files.pooling == "mean"


def _timm(folder: Path) -> Path:
    """A folder as timm's models lie on the Hub."""
    folder.mkdir()
    config = {
        "architecture": "vit_tiny",
        "num_features": 8,
        "pretrained_cfg": {"input_size": [3, 64, 48]},
    }
    (folder / "config.json").write_text(json.dumps(config))
    names = ("blocks.0.norm1.weight", "blocks.1.norm1.weight", "head.weight")
    save_file({name: torch.zeros(8) for name in names}, folder / "model.safetensors")
    return folder


def test_a_folder_of_timm_needs_no_other_file(tmp_path: Path) -> None:
    folder = _timm(tmp_path / "timm")
    info = encoder_info(str(folder), "image", Settings())
    assert (info.library, info.family, info.dimension, info.layers) == ("timm", "vit_tiny", 8, 2)
    assert info.parameters == 16 and info.input_size == "48 x 48 pixels"
    with pytest.raises(EncoderError, match="model_type timm is an image encoder"):
        find_encoder(str(folder), "text", Settings())
    with pytest.raises(EncoderError, match="made for timm, not for transformers"):
        find_encoder(f"{folder}?library=transformers", "image", Settings())


def test_a_library_that_a_folder_is_not_made_for_is_refused(tmp_path: Path) -> None:
    folder = tiny.bert(tmp_path / "bert")
    with pytest.raises(EncoderError, match="not a sentence-transformers model"):
        find_encoder(f"{folder}?library=sentence-transformers", "text", Settings())


def test_a_recording_encoder_is_checked_like_the_others(tmp_path: Path) -> None:
    config = WhisperConfig(
        d_model=16,
        encoder_layers=3,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        vocab_size=60,
        max_source_positions=20,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=1,
    )
    model = WhisperModel(config)
    model.save_pretrained(tmp_path)
    with pytest.raises(EncoderError, match="how recordings are sampled and cut"):
        find_encoder(str(tmp_path), "audio", Settings())
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"sampling_rate": 16000, "chunk_length": 30})
    )
    info = encoder_info(str(tmp_path), "audio", Settings())
    encoder: Any = model.get_encoder()
    assert info.parameters == sum(tensor.numel() for tensor in encoder.parameters())
    assert (info.dimension, info.layers, info.pooling) == (16, 3, "mean")
    assert info.input_size == "30 s at 16 kHz"
    with pytest.raises(EncoderError, match="model_type whisper is an audio encoder"):
        find_encoder(str(tmp_path), "image", Settings())
