"""Every pooling of every family of image models is what transformers' own output gives, to 1e-5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoImageProcessor, AutoModel

from backend.catalog.encoders.files import inspect_folder
from backend.errors import EncoderError
from backend.features.loading import load_encoder
from backend.features.models.checkpoints import load_checkpoint
from backend.features.models.readings import Reading
from tests.unit.features import tiny, zoo
from tests.unit.features.close import assert_close

#: tokens before the patches, as the papers have them: CLS, a distillation token, three registers
BEFORE = {
    "vit": 1,
    "deit": 2,
    "vit_msn": 1,
    "vit_mae": 1,
    "dinov2": 1,
    "dinov2_with_registers": 4,
    "dinov3_vit": 4,
    "beit": 1,
    "data2vec-vision": 1,
    "ijepa": 0,
    "aimv2_vision_model": 0,
    "swin": 0,
    "swinv2": 0,
    "hiera": 0,
    "clip_vision_model": 1,
    "siglip_vision_model": 0,
    "clip": 1,
    "siglip": 0,
}
GRIDS = ("resnet", "regnet", "convnextv2", "mobilenet_v1", "mobilenet_v2")
OWN = {
    "beit": "mean",
    "data2vec-vision": "mean",
    "ijepa": "mean",
    "aimv2_vision_model": "mean",
    "swin": "pooler",
    "swinv2": "pooler",
    "hiera": "pooler",
    "clip_vision_model": "pooler",
    "siglip_vision_model": "pooler",
    "clip": "projection",
    "siglip": "projection",
    **dict.fromkeys((*GRIDS, "dinov3_convnext"), "pooler"),
}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return tiny.pictures(tmp_path_factory.mktemp("pictures"), 3)


def _theirs(folder: Path, name: str, paths: list[Path]) -> tuple[Any, Any]:
    """The output of the image tower, and the projection where there is one."""
    processor: Any = AutoImageProcessor
    loaded = processor.from_pretrained(folder)
    inputs = loaded(images=[Image.open(path) for path in paths], return_tensors="pt")
    extra = {}
    if name == "vit_mae":  # it shuffles its patches unless told their order
        extra = {"noise": torch.arange(16).expand(len(paths), -1)}
    model = AutoModel.from_pretrained(
        folder, dtype=torch.float32, **({"mask_ratio": 0.0} if extra else {})
    ).eval()
    with torch.inference_mode():
        if name in ("clip", "siglip"):
            projected = model.get_image_features(**inputs).pooler_output
            return model.vision_model(**inputs, output_hidden_states=True), projected
        return model(**inputs, **extra, output_hidden_states=True), None


def _expected(output: Any, projected: Any, pooling: str, before: int) -> NDArray[np.float32]:
    hidden = output.last_hidden_state
    if pooling == "projection":
        return np.asarray(projected)
    if pooling == "pooler":
        return np.asarray(output.pooler_output.flatten(1))
    if hidden.ndim == 4:
        return np.asarray(hidden.mean((2, 3)))
    mean = hidden[:, before:].mean(1)
    ways = {"cls": hidden[:, 0], "mean": mean, "cls+mean": torch.cat([hidden[:, 0], mean], 1)}
    return np.asarray(ways[pooling])


def _poolings(name: str, output: Any, before: int) -> list[str]:
    found = ["mean"]
    if before:
        found += ["cls", "cls+mean"]
    if name not in ("aimv2_vision_model",) and getattr(output, "pooler_output", None) is not None:
        found.append("pooler")
    return found + (["projection"] if name in ("clip", "siglip") else [])


@pytest.mark.parametrize("name", [*BEFORE, *GRIDS])
def test_every_pooling(tmp_path: Path, pictures: list[Path], name: str) -> None:
    folder, before = zoo.image(tmp_path / "model", name), BEFORE.get(name, 0)
    output, projected = _theirs(folder, name, pictures)
    for pooling in _poolings(name, output, before):
        encoder = load_encoder(tiny.spec(folder, "image", pooling=pooling), "cpu")
        expected = _expected(output, projected, pooling, before)
        assert_close(encoder.encode(pictures), expected)
    own = load_encoder(tiny.spec(folder, "image"), "cpu")
    expected = _expected(output, projected, OWN.get(name, "cls"), before)
    assert_close(own.encode(pictures), expected)
    assert own.dimension == expected.shape[1]


@pytest.mark.parametrize("name", [*BEFORE, *GRIDS, "dinov3_convnext"])
def test_every_layer_in_one_pass(tmp_path: Path, pictures: list[Path], name: str) -> None:
    folder, before = zoo.image(tmp_path / "model", name), BEFORE.get(name, 0)
    states = _theirs(folder, name, pictures)[0].hidden_states
    encoder = load_encoder(tiny.spec(folder, "image", all_layers=True, pooling="mean"), "cpu")
    expected = [
        state.mean((2, 3)) if state.ndim == 4 else state[:, before:].mean(1) for state in states
    ]
    assert [output.label for output in encoder.outputs] == [
        f"layer {layer}, mean" for layer in range(len(states))
    ]
    assert_close(encoder.encode(pictures), torch.cat(expected, 1))
    some = load_encoder(tiny.spec(folder, "image", layers=(-1, 1), pooling="mean"), "cpu")
    assert_close(some.encode(pictures), torch.cat([expected[-1], expected[1]], 1))
    assert [output.fingerprint for output in some.outputs] == [
        encoder.outputs[len(states) - 1].fingerprint,
        encoder.outputs[1].fingerprint,
    ]


@pytest.mark.parametrize(
    "name", ["vit", "deit", "dinov2_with_registers", "ijepa", "resnet", "swin"]
)
def test_tokens_by_themselves(tmp_path: Path, pictures: list[Path], name: str) -> None:
    folder, before = zoo.image(tmp_path / "model", name), BEFORE.get(name, 0)
    hidden = _theirs(folder, name, pictures)[0].last_hidden_state
    if hidden.ndim == 4:
        hidden = hidden.flatten(2).transpose(1, 2)
    encoder = load_encoder(tiny.spec(folder, "image", pooling="tokens"), "cpu")
    assert encoder.outputs[0].ragged
    for row, (tokens,) in enumerate(encoder.encode_tokens(pictures)):
        kept = [0, *range(before, hidden.shape[1])] if before else list(range(hidden.shape[1]))
        assert_close(tokens, hidden[row, kept])
    with pytest.raises(EncoderError, match="every token by itself"):
        encoder.encode(pictures)


def test_a_dinov3_convnext_has_its_average_before_its_positions(
    tmp_path: Path, pictures: list[Path]
) -> None:
    folder = zoo.image(tmp_path / "model", "dinov3_convnext")
    output = _theirs(folder, "dinov3_convnext", pictures)[0]
    mean = load_encoder(tiny.spec(folder, "image", pooling="mean"), "cpu").encode(pictures)
    assert_close(mean, output.last_hidden_state[:, 1:].mean(1))
    assert_close(
        load_encoder(tiny.spec(folder, "image"), "cpu").encode(pictures), output.pooler_output
    )


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["vit-tiny-patch16-224-augreg", "mobilenet-v2-1.0-224"])
def test_published_models(shared: Path, name: str) -> None:
    folder = shared / "models" / name
    paths = sorted((shared / "data" / "flickr8k" / "images").glob("*.jpg"))[:4]
    output, _ = _theirs(folder, "", paths)
    before = 1 if name.startswith("vit") else 0
    ways = ("cls", "mean", "cls+mean") if before else ("mean", "pooler")
    for pooling in ways:
        encoder = load_encoder(tiny.spec(folder, "image", pooling=pooling), "cpu")
        assert_close(encoder.encode(paths), _expected(output, None, pooling, before))
    encoder = load_encoder(tiny.spec(folder, "image", all_layers=True, pooling="mean"), "cpu")
    states = [
        state[:, before:].mean(1) if before else state.mean((2, 3))
        for state in output.hidden_states
    ]
    assert_close(encoder.encode(paths), torch.cat(states, 1))


def test_siglip2_of_any_aspect_leaves_its_padding_out(tmp_path: Path) -> None:
    """Its pictures are patches with a mask, as many as a picture has."""
    model = AutoModel.from_config(zoo.siglip2()).eval()
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text("{}")
    files = inspect_folder(tmp_path, "image")
    mask = torch.tensor([[1] * 16, [1] * 12 + [0] * 4])
    inputs = {
        "pixel_values": torch.randn(2, 16, 192),
        "pixel_attention_mask": mask,
        "spatial_shapes": torch.tensor([[4, 4], [3, 4]]),
    }
    with torch.inference_mode():
        projected = model.get_image_features(**inputs).pooler_output
        tower = model.vision_model(**inputs, output_hidden_states=True)
    weights = mask.unsqueeze(-1)
    mean = (tower.last_hidden_state * weights).sum(1) / weights.sum(1)
    for pooling, expected in (("projection", projected), ("mean", mean)):
        checkpoint = load_checkpoint(files, "image", "cpu", (Reading(pooling),))
        (ours,) = checkpoint.outcome((0, 1), inputs, "image").blocks
        assert_close(ours, expected)
    checkpoint = load_checkpoint(files, "image", "cpu", (Reading("tokens", 1),))
    outcome = checkpoint.outcome((0, 1), inputs, "image")
    assert outcome.lengths == ((16, 12),)
    assert_close(outcome.blocks[0], tower.hidden_states[1][mask.bool()])


def test_pictures_of_any_aspect_are_read_by_siglip2s_own_processor(tmp_path: Path) -> None:
    model, processor = AutoModel.from_config(zoo.siglip2()).eval(), _siglip2_processor()
    model.save_pretrained(tmp_path / "model")
    processor.save_pretrained(tmp_path / "model")
    paths = []
    for number, size in enumerate([(30, 90), (64, 64), (90, 20)]):
        paths.append(tmp_path / f"{number}.png")
        Image.effect_noise(size, 90).convert("RGB").save(paths[-1])
    pictures = [Image.open(path) for path in paths]
    with torch.inference_mode():
        inputs = processor(images=pictures, return_tensors="pt")
        expected = model.get_image_features(**inputs).pooler_output
    assert_close(
        load_encoder(tiny.spec(tmp_path / "model", "image"), "cpu").encode(paths), expected
    )


def _siglip2_processor() -> Any:
    from transformers import Siglip2ImageProcessorPil

    return Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16)


def test_a_processor_that_gives_every_picture_another_size_is_told(tmp_path: Path) -> None:
    folder = zoo.image(tmp_path / "model", "vit")
    told = tiny.PICTURES | {"size": {"shortest_edge": 32}, "do_center_crop": False}
    told["image_processor_type"] = "CLIPImageProcessor"
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    pictures = [Image.new("RGB", (40, 40)), Image.new("RGB", (40, 80))]
    with pytest.raises(EncoderError, match="do_center_crop with crop_size"):
        load_encoder(tiny.spec(folder, "image"), "cpu").encode(pictures)


@pytest.mark.parametrize("name", ["dinov2", "resnet", "swin", "aimv2_vision_model"])
def test_layers_of_batches_that_run_at_once_are_not_mixed_up(tmp_path: Path, name: str) -> None:
    folder, paths = zoo.image(tmp_path / "model", name), tiny.pictures(tmp_path / "pictures", 100)
    encoder = load_encoder(tiny.spec(folder, "image", all_layers=True, pooling="mean"), "cpu")
    alone = [encoder.encode([path])[0] for path in paths[::10]]
    assert_close(encoder.encode(paths)[::10], alone)
