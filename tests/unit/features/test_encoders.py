"""Encoders give what the libraries give, from checkpoints that hold what they use."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

from backend.catalog.encoders import find_encoder
from backend.errors import Cancelled, EncoderError, InvalidInput
from backend.features.encoders import resolve_device
from backend.features.kinds.images import ImageEncoder
from backend.features.kinds.sentences import SentenceEncoder
from backend.features.kinds.texts import TextEncoder
from backend.features.loading import load_encoder
from backend.settings import Settings
from tests.unit.features import tiny

SENTENCES = [
    "a red circle on the left of a blue star",
    "dog runs",
    "",
    "a dog",
    "a red dog near the blue circle near the red star on the left " * 3,
    "star",
]


def _library(folder: Path, paths: list[Path]) -> Any:
    """transformers' own output for pictures."""
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    processor: Any = AutoImageProcessor
    loaded = processor.from_pretrained(folder)
    with torch.inference_mode():
        return model(**loaded(images=[Image.open(path) for path in paths], return_tensors="pt"))


def test_a_vit_gives_its_cls_token(tmp_path: Path) -> None:
    paths = tiny.pictures(tmp_path / "pictures", 40)
    for folder in (tiny.vit(tmp_path / "a"), tiny.vit(tmp_path / "b", pooler=False)):
        encoder = load_encoder(tiny.spec(folder, "image"), "cpu")
        assert isinstance(encoder, ImageEncoder) and encoder.pooling == "cls"
        hidden = _library(folder, paths).last_hidden_state
        np.testing.assert_allclose(encoder.encode(paths), hidden[:, 0], atol=1e-5)
        assert encoder.dimension == 24


def test_a_resnet_gives_its_global_average_in_single_precision(tmp_path: Path) -> None:
    folder = tiny.resnet(tmp_path / "resnet")
    paths = tiny.pictures(tmp_path / "pictures", 20)
    vectors = load_encoder(tiny.spec(folder, "image"), "cpu").encode(paths)
    output = _library(folder, paths)
    assert vectors.dtype == np.float32 and vectors.shape == (20, 12)
    np.testing.assert_allclose(vectors, output.pooler_output[:, :, 0, 0], atol=1e-5)
    np.testing.assert_allclose(vectors, output.last_hidden_state.mean((2, 3)), atol=1e-5)


def _without(folder: Path, part: str) -> None:
    """Takes the weights with a name out of a checkpoint."""
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if part not in name}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def test_a_pooler_counts_only_when_the_checkpoint_holds_it(tmp_path: Path) -> None:
    from transformers import HieraConfig, HieraModel

    folder = tiny.resnet(tmp_path / "hiera")  # for its preprocessor
    config = HieraConfig(
        embed_dim=8,
        image_size=[32, 32],
        depths=[1, 1],
        num_heads=[1, 2],
        num_query_pool=1,
        masked_unit_size=[2, 2],
        patch_stride=[4, 4],
    )
    HieraModel(config).save_pretrained(folder)
    paths = tiny.pictures(tmp_path / "pictures", 3)
    encoder = load_encoder(tiny.spec(folder, "image"), "cpu")
    assert isinstance(encoder, ImageEncoder) and encoder.pooling == "pooler"
    np.testing.assert_allclose(
        encoder.encode(paths), _library(folder, paths).pooler_output, atol=1e-5
    )
    _without(folder, "pooler")
    encoder = load_encoder(tiny.spec(folder, "image"), "cpu")
    assert isinstance(encoder, ImageEncoder) and encoder.pooling == "mean"
    hidden = _library(folder, paths).last_hidden_state
    np.testing.assert_allclose(encoder.encode(paths), hidden.mean(1), atol=1e-5)


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    folder = tiny.vit(tmp_path / "vit")
    _without(folder, "layer.1.")
    with pytest.raises(EncoderError, match="lacks .* of the model's weights"):
        load_encoder(tiny.spec(folder, "image"), "cpu").prepare()


def test_both_towers_of_clip_give_their_projection(tmp_path: Path) -> None:
    folder = tiny.clip(tmp_path / "clip")
    paths = tiny.pictures(tmp_path / "pictures", 3)
    model = AutoModel.from_pretrained(folder).eval()
    processor: Any = AutoImageProcessor
    pixels = processor.from_pretrained(folder)(
        images=[Image.open(path) for path in paths], return_tensors="pt"
    )
    tokens = AutoTokenizer.from_pretrained(folder)(
        ["a red dog", "star"], padding=True, return_tensors="pt"
    )
    with torch.inference_mode():
        image = model.get_image_features(**pixels).pooler_output
        text = model.get_text_features(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        ).pooler_output
    ours = load_encoder(tiny.spec(folder, "image"), "cpu").encode(paths)
    np.testing.assert_allclose(ours, image, atol=1e-5)
    ours = load_encoder(tiny.spec(folder, "text"), "cpu").encode(["a red dog", "star"])
    np.testing.assert_allclose(ours, text, atol=1e-5)


def test_a_plain_transformer_gives_the_masked_mean(tmp_path: Path) -> None:
    folder = tiny.bert(tmp_path / "bert")
    model = AutoModel.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for sentence in SENTENCES:
        inputs = tokenizer(sentence, return_tensors="pt", truncation=True, max_length=32)
        with torch.inference_mode():
            rows.append(model(**inputs).last_hidden_state[0].mean(0).numpy())
    encoder = load_encoder(tiny.spec(folder, "text"), "cpu")
    np.testing.assert_allclose(encoder.encode(SENTENCES), np.stack(rows), atol=1e-5)
    assert encoder.encode([]).shape == (0, 20)


@pytest.mark.parametrize(
    ("mode", "ours"), [("mean", TextEncoder), ("cls", TextEncoder), ("max", SentenceEncoder)]
)
def test_sentence_transformers_folders_give_what_the_library_gives(
    tmp_path: Path, mode: str, ours: type
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tiny.sentence_model(tmp_path / mode, mode)
    encoder = load_encoder(tiny.spec(folder, "text"), "cpu")
    assert type(encoder) is ours
    sentences = SENTENCES * 30
    theirs = SentenceTransformer(str(folder), device="cpu").encode(sentences)
    np.testing.assert_allclose(encoder.encode(sentences), theirs, atol=1e-5)


def test_parts_of_a_sentence_model_that_are_pickled_are_refused(tmp_path: Path) -> None:
    folder = tiny.sentence_model(tmp_path / "model", "mean")
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"x")
    modules = json.loads((folder / "modules.json").read_text())
    modules[2] = {"idx": 2, "name": "2", "path": "2_Dense", "type": "x.Dense"}
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(EncoderError, match="2_Dense/pytorch_model.bin"):
        load_encoder(tiny.spec(folder, "text"), "cpu")


@pytest.fixture(scope="module")
def captions() -> list[str]:
    words = "a dog runs through the green grass while two children watch it jump over a log".split()
    return [" ".join(words[n % 5 : n % 5 + 3 + n % 11]) + f" {n % 90}" for n in range(80)]


def test_minilm_gives_what_sentence_transformers_gives(captions: list[str]) -> None:
    from sentence_transformers import SentenceTransformer

    spec = find_encoder("minilm", "text", Settings())
    ours = load_encoder(spec, "cpu").encode(captions)
    theirs = SentenceTransformer(spec.location, device="cpu").encode(captions)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_bfloat16_turns_minilm_by_less_than_a_thousandth(captions: list[str]) -> None:
    spec = find_encoder("minilm", "text", Settings())
    exact = load_encoder(spec, "cpu")
    fast = load_encoder(replace(spec, precision="bfloat16"), "cpu")
    assert exact.fingerprint != fast.fingerprint
    cosines = _cosines(exact.encode(captions[:64]), fast.encode(captions[:64]))
    assert cosines.min() > 1 - 1e-3


def _cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(1) / lengths)


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path: Path) -> None:
    spec = replace(tiny.spec(tiny.bert(tmp_path / "bert"), "text"), sha256="0" * 64)
    with pytest.raises(EncoderError, match="not the published"):
        load_encoder(spec, "cpu")


def test_the_fingerprint_is_that_of_the_files_and_needs_no_model(tmp_path: Path) -> None:
    one, two = tiny.vit(tmp_path / "one"), tiny.vit(tmp_path / "two")
    other = tiny.vit(tmp_path / "other", seed=1)
    changed = tiny.vit(tmp_path / "changed")
    preprocessor = json.loads((changed / "preprocessor_config.json").read_text())
    preprocessor["size"] = {"height": 16, "width": 16}
    (changed / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    prints = [
        load_encoder(tiny.spec(f, "image"), "cpu").fingerprint for f in (one, two, other, changed)
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_unreadable_pictures_are_all_listed(tmp_path: Path) -> None:
    paths = tiny.pictures(tmp_path / "pictures", 6)
    paths[1].write_bytes(b"no picture")
    paths[4].unlink()
    encoder = load_encoder(tiny.spec(tiny.vit(tmp_path / "vit"), "image"), "cpu")
    with pytest.raises(InvalidInput) as caught:
        encoder.encode(paths)
    assert len(caught.value.faults) == 2
    picture = Image.open(paths[0])
    np.testing.assert_array_equal(encoder.encode([picture]), encoder.encode(paths[:1]))


def test_a_model_that_transformers_does_not_know_is_told(tmp_path: Path) -> None:
    folder = tiny.vit(tmp_path / "vit")
    (folder / "config.json").write_text('{"model_type": "never-heard-of"}')
    with pytest.raises(EncoderError, match="cannot be loaded by transformers"):
        load_encoder(tiny.spec(folder, "image"), "cpu").prepare()


def test_a_model_of_an_unknown_family_for_the_other_side_is_told(tmp_path: Path) -> None:
    from transformers import UniSpeechConfig, UniSpeechModel

    config = UniSpeechConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=[8] * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    UniSpeechModel(config).save_pretrained(tmp_path / "sound")
    (tmp_path / "sound" / "preprocessor_config.json").write_text(
        '{"image_processor_type": "ViTImageProcessor"}'
    )
    spec = tiny.spec(tmp_path / "sound", "image")
    with pytest.raises(EncoderError, match="it is no image encoder"):
        load_encoder(spec, "cpu").prepare()


def test_a_model_is_asked_for_items_that_are_features_alone(tmp_path: Path) -> None:
    spec = replace(tiny.spec(tiny.vit(tmp_path / "vit"), "image"), modality="features")
    with pytest.raises(EncoderError, match="known by their features alone"):
        load_encoder(spec, "cpu")


def test_threads_started_afterwards_may_use_every_core(tmp_path: Path) -> None:
    encoder = load_encoder(tiny.spec(tiny.bert(tmp_path / "bert"), "text"), "cpu")
    before = torch.get_num_threads()
    encoder.encode(["a red dog"] * 500)
    seen: list[int] = []
    thread = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert (torch.get_num_threads(), seen) == (before, [before])


def test_a_stop_reaches_the_caller(tmp_path: Path) -> None:
    encoder = load_encoder(tiny.spec(tiny.bert(tmp_path / "bert"), "text"), "cpu")

    def stop(done: int, total: int, unit: str) -> None:
        raise Cancelled(f"{done} of {total} {unit}")

    before = torch.get_num_threads()
    with pytest.raises(Cancelled, match="of 500 captions"):
        encoder.encode(["a red dog"] * 500, stop)
    assert torch.get_num_threads() == before


def test_the_device_is_found() -> None:
    assert resolve_device("cuda:1") == "cuda:1"
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
