"""Options behind an encoder's name: read, checked against what is known, and refused with reasons."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from backend.catalog.encoders import encoder_info, find_encoder
from backend.errors import EncoderError
from backend.schemas import Modality
from backend.settings import Settings
from tests.unit.features import tiny


def test_options_go_into_the_spec_and_its_id_has_one_form() -> None:
    asked = "facebook/dinov2-base?pooling=cls%2Bmean&layers=6,-1&precision=float16&revision=main"
    spec = find_encoder(asked, "image", Settings())
    assert (spec.kind, spec.location) == ("hub", "facebook/dinov2-base")
    assert (spec.pooling, spec.layers, spec.precision) == ("cls+mean", (6, -1), "float16")
    assert spec.revision == "main"
    assert spec.id == (
        "facebook/dinov2-base?layers=6,-1&pooling=cls+mean&precision=float16&revision=main"
    )
    again = find_encoder(spec.id, "image", Settings())
    assert again == spec
    plain = find_encoder("facebook/dinov2-base", "image", Settings())
    assert plain.id == "facebook/dinov2-base" and plain.revision != "main"
    assert (plain.pooling, plain.layers, plain.all_layers) == ("", (), False)


def test_layers_may_be_the_last_all_or_those_of_the_table() -> None:
    table = find_encoder("scene-resnet-ssl", "image", Settings())
    last = find_encoder("scene-resnet-ssl?layers=last", "image", Settings())
    every = find_encoder("scene-resnet-ssl?layers=all", "image", Settings())
    assert table.layers == (2, 3, 4) and not table.all_layers
    assert last.layers == () and not last.all_layers
    assert every.layers == () and every.all_layers
    assert find_encoder("scene-resnet-ssl?layers=0,4", "image", Settings()).layers == (0, 4)


def test_a_prefix_replaces_that_of_the_table_and_may_be_empty() -> None:
    assert find_encoder("intfloat/e5-small-v2", "text", Settings()).prefix == "query: "
    for asked in ("passage:%20", "passage: &precision=float32", ""):
        spec = find_encoder(f"intfloat/e5-small-v2?prefix={asked}", "text", Settings())
        assert spec.prefix == ("passage: " if asked else "")
        assert find_encoder(spec.id, "text", Settings()) == spec


@pytest.mark.parametrize(
    ("address", "modality", "where", "what"),
    [
        ("minilm?poolng=cls", "text", "poolng", "is not an option here"),
        ("minilm?pooling=sum", "text", "pooling", '"sum" is not one of cls, mean'),
        ("minilm?pooling=projection", "text", "pooling", "it has no projection"),
        ("openai/clip-vit-base-patch32?pooling=cls", "text", "pooling", "it has no cls"),
        ("minilm?layers=7", "text", "layers", "it has the layers 0 to 6"),
        ("minilm?layers=-8", "text", "layers", "it has the layers 0 to 6"),
        ("minilm?layers=6,-1", "text", "layers", "named twice"),
        ("minilm?layers=2,2", "text", "layers", "named twice"),
        ("minilm?layers=two", "text", "layers", '"two" is neither last, all, nor numbers'),
        ("minilm?layers=1&layers=2", "text", "layers", "is given more than once"),
        ("minilm?layers=1&pooling=pooler", "text", "pooling", "made of the last layer alone"),
        ("minilm?revision=main", "text", "revision", "is not an option here"),
        ("scene-resnet-ssl?prefix=x", "image", "prefix", "is not an option here"),
        ("scene-resnet-ssl?pooling=cls", "image", "pooling", "it has no cls"),
        ("bag-of-words?pooling=mean", "text", "pooling", "is not an option here"),
        ("a/b?precision=int8", "image", "precision", '"int8" is not one of auto'),
        ("a/b?library=keras", "image", "library", '"keras" is not one of transformers'),
        ("a/b?revision=a b", "image", "revision", "is not a branch, tag or commit"),
    ],
)
def test_options_that_cannot_be_are_told(
    address: str, modality: Modality, where: str, what: str
) -> None:
    with pytest.raises(EncoderError) as caught:
        find_encoder(address, modality, Settings())
    assert [fault.where for fault in caught.value.faults] == [where]
    assert what in caught.value.faults[0].what


def test_all_options_that_cannot_be_are_told_at_once() -> None:
    with pytest.raises(EncoderError) as caught:
        find_encoder("a/b?pooling=x&precision=y&layers=z", "image", Settings())
    assert {fault.where for fault in caught.value.faults} == {"pooling", "precision", "layers"}


@pytest.mark.parametrize(
    ("options", "dimension"),
    [
        ("", 384),
        ("?pooling=cls", 384),
        ("?pooling=cls+mean", 768),
        ("?layers=1,2,3", 3 * 384),
        ("?layers=all", 7 * 384),
        ("?layers=all&pooling=cls+mean", 14 * 384),
    ],
)
def test_the_dimension_follows_the_options(options: str, dimension: int) -> None:
    assert encoder_info(f"minilm{options}", "text", Settings()).dimension == dimension


def test_dimensions_of_towers_that_are_not_here_are_known_too() -> None:
    name = "openai/clip-vit-base-patch32"
    assert encoder_info(name, "image", Settings()).dimension == 512
    assert encoder_info(f"{name}?pooling=cls", "image", Settings()).dimension == 768
    assert encoder_info(f"{name}?pooling=cls+mean", "image", Settings()).dimension == 1536


def test_folders_are_checked_against_their_own_files(tmp_path: Path) -> None:
    folder = tiny.vit(tmp_path / "vit", pooler=False)
    info = encoder_info(f"{folder}?layers=-1&pooling=cls", "image", Settings())
    assert info.id == f"{folder}?layers=-1&pooling=cls" and info.dimension == 24
    assert info.poolings == ("cls", "mean", "cls+mean", "tokens")
    for options, what in (("layers=3", "layers 0 to 2"), ("pooling=pooler", "it has no pooler")):
        with pytest.raises(EncoderError, match=what):
            find_encoder(f"{folder}?{options}", "image", Settings())


def test_a_folder_whose_name_has_a_question_mark_is_still_found(tmp_path: Path) -> None:
    folder = tiny.vit(tmp_path / "vit?pooling=nothing")
    assert find_encoder(str(folder), "image", Settings()).location == str(folder)


# --- files of features --------------------------------------------------------------------------


@pytest.mark.parametrize("modality", ["image", "audio", "text", "code", "features"])
def test_a_file_of_features_is_an_encoder_of_any_modality(
    tmp_path: Path, modality: Modality
) -> None:
    path = tmp_path / "recordings.npy"
    np.save(path, np.zeros((5, 7), np.float32))
    spec = find_encoder(f"{path}?ids=ids.txt", modality, Settings())
    assert (spec.kind, spec.location, spec.id) == ("features", str(path), f"{path}?ids=ids.txt")
    assert spec.modality == ("text" if modality == "code" else modality)
    info = encoder_info(str(path), modality, Settings())
    assert (info.dimension, info.name, info.available) == (7, "recordings.npy", True)


def test_the_columns_of_safetensors_are_read_from_its_header(tmp_path: Path) -> None:
    tensor = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    header = json.dumps({"v": tensor}).encode()
    path = tmp_path / "v.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(24))
    assert encoder_info(str(path), "image", Settings()).dimension == 3
    path.write_bytes(b"nothing of the kind")
    assert encoder_info(str(path), "image", Settings()).dimension is None


def test_pickled_features_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "objects.npy"
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert encoder_info(str(path), "image", Settings()).dimension is None


def test_other_files_and_options_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "features.csv"
    path.write_text("1,2")
    with pytest.raises(EncoderError, match="neither a model's folder nor a file of features"):
        find_encoder(str(path), "image", Settings())
    path = path.with_suffix(".npy")
    np.save(path, np.zeros((1, 2)))
    with pytest.raises(EncoderError, match="pooling: is not an option here; allowed: ids, name"):
        find_encoder(f"{path}?pooling=cls", "image", Settings())


@pytest.mark.parametrize("given", ["minilm", "facebook/dinov2-small", "no/such", ""])
def test_items_known_by_features_alone_take_no_model(given: str) -> None:
    with pytest.raises(EncoderError, match="no model can encode them"):
        find_encoder(given, "features", Settings())
