"""timm's models through the library itself, where it can be imported; else a sentence says what to do."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from backend.catalog.encoders.files import inspect_folder
from backend.errors import EncoderError
from backend.features.loading import load_encoder
from backend.features.models.readings import anatomy
from tests.unit.features import tiny
from tests.unit.features.close import assert_close

TINY: dict[str, Any] = {"embed_dim": 24, "depth": 2, "num_heads": 2}
#: architecture -> arguments that make it tiny, tokens before the patches
MODELS: dict[str, tuple[dict[str, Any], int]] = {
    "vit_tiny_patch16_224": ({**TINY, "img_size": 32}, 1),
    "vit_small_patch14_reg4_dinov2": ({**TINY, "img_size": 28}, 5),
    "deit_tiny_distilled_patch16_224": ({**TINY, "img_size": 32}, 2),
    "vit_base_patch16_siglip_224": ({**TINY, "img_size": 32}, 0),
    "convnextv2_atto": ({"depths": [1, 1, 1, 1], "dims": [8, 8, 12, 16]}, 0),
    "swin_tiny_patch4_window7_224": (
        {"img_size": 32, "window_size": 2, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2]},
        0,
    ),
    "resnet18": ({"channels": [8, 8, 8, 12], "layers": [1, 1, 1, 1]}, 0),
}


def _timm() -> Any:
    try:
        return importlib.import_module("timm")
    except Exception as error:  # a torchvision for another torch
        pytest.skip(f"needs timm, which cannot be imported here: {error}")


def _saved(folder: Path, name: str) -> tuple[Path, Any]:
    """A tiny model in the form of timm's repositories on the Hub."""
    timm = _timm()
    arguments, _ = MODELS[name]
    torch.manual_seed(0)
    size = arguments.get("img_size", 32)
    told = {"input_size": [3, size, size], "crop_pct": 0.9, "interpolation": "bicubic"}
    model = timm.create_model(name, pretrained=False, **arguments).eval()
    folder.mkdir()
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    told |= {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4], "crop_mode": "center"}
    config = {"architecture": name, "num_classes": 1000, "num_features": model.num_features}
    config |= {"model_args": arguments, "pretrained_cfg": told}
    (folder / "config.json").write_text(json.dumps(config))
    return folder, model


def _pixels(folder: Path, paths: list[Path]) -> torch.Tensor:
    data = importlib.import_module("timm.data")
    told = json.loads((folder / "config.json").read_text())["pretrained_cfg"]
    transform = data.create_transform(**data.resolve_data_config(pretrained_cfg=told))
    return torch.stack([transform(Image.open(path)) for path in paths])


@pytest.mark.parametrize("name", MODELS)
def test_every_pooling(tmp_path: Path, name: str) -> None:
    folder, model = _saved(tmp_path / "model", name)
    paths = tiny.pictures(tmp_path / "pictures", 3)
    before = MODELS[name][1]
    with torch.inference_mode():
        hidden = model.forward_features(_pixels(folder, paths))
        pooled = model.forward_head(hidden, pre_logits=True)
    if name.startswith("deit_tiny_distilled"):
        pooled = (hidden[:, 0] + hidden[:, 1]) / 2
    if hidden.ndim == 4:
        positions = (1, 2) if name.startswith("swin") else (2, 3)
        mean = hidden.mean(positions)
    else:
        mean = hidden[:, before:].mean(1)
    ways = {"": pooled, "pooler": pooled, "mean": mean}
    if before:
        ways |= {"cls": hidden[:, 0], "cls+mean": torch.cat([hidden[:, 0], mean], 1)}
    for pooling, expected in ways.items():
        encoder = load_encoder(tiny.spec(folder, "image", pooling=pooling), "cpu")
        assert_close(encoder.encode(paths), expected)
    if not before:
        with pytest.raises(EncoderError, match="allowed: pooler, mean, tokens"):
            load_encoder(tiny.spec(folder, "image", pooling="cls"), "cpu")


@pytest.mark.parametrize("name", [name for name in MODELS if name != "resnet18"])
def test_every_layer(tmp_path: Path, name: str) -> None:
    folder, model = _saved(tmp_path / "model", name)
    paths = tiny.pictures(tmp_path / "pictures", 2)
    with torch.inference_mode():
        states = model.forward_intermediates(_pixels(folder, paths), intermediates_only=True)
    encoder = load_encoder(tiny.spec(folder, "image", all_layers=True, pooling="mean"), "cpu")
    vectors = encoder.encode(paths)
    expected = torch.cat([state.mean((2, 3)) for state in states], 1)
    assert len(encoder.outputs) == len(states) + 1
    assert_close(vectors[:, -expected.shape[1] :], expected)


def test_threads_do_not_hear_each_other(tmp_path: Path) -> None:
    folder, _ = _saved(tmp_path / "model", "vit_tiny_patch16_224")
    paths = tiny.pictures(tmp_path / "pictures", 100)
    encoder = load_encoder(tiny.spec(folder, "image", all_layers=True), "cpu")
    alone = [encoder.encode([path])[0] for path in paths[::10]]
    assert_close(encoder.encode(paths)[::10], alone)


def test_weights_that_are_missing_are_told(tmp_path: Path) -> None:
    folder, model = _saved(tmp_path / "model", "vit_tiny_patch16_224")
    kept = {name: value for name, value in model.state_dict().items() if "blocks.1." not in name}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(EncoderError, match=r"lacks .* \(such as body.blocks.1"):
        load_encoder(tiny.spec(folder, "image", pooling="cls"), "cpu").prepare()


def _without_timm(folder: Path) -> Path:
    """What a folder of timm's looks like, made without it."""
    folder.mkdir()
    shapes = {"cls_token": (1, 1, 8), "reg_token": (1, 4, 8), "blocks.0.norm1.weight": (8,)}
    save_file({n: torch.zeros(s) for n, s in shapes.items()}, folder / "model.safetensors")
    told = {"architecture": "vit_nowhere", "pretrained_cfg": {"input_size": [3, 32, 32]}}
    (folder / "config.json").write_text(json.dumps(told))
    return folder


def test_tokens_before_the_patches_are_counted_by_their_weights(tmp_path: Path) -> None:
    body = anatomy(inspect_folder(_without_timm(tmp_path / "model"), "image"), "image")
    assert (body.layout.prefix, body.layout.cls, body.pooling) == (5, True, "pooler")


def test_without_timm_or_its_model_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    encoder = load_encoder(tiny.spec(_without_timm(tmp_path / "model"), "image"), "cpu")
    with pytest.raises(EncoderError, match="pip install timm|knows no model vit_nowhere"):
        encoder.prepare()
