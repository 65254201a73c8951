"""What is asked of a model is decided, refused and named by its files alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from backend.catalog.encoders.files import families, inspect_folder
from backend.errors import EncoderError
from backend.features.loading import load_encoder
from backend.features.models.checkpoints import load_checkpoint
from backend.features.models.readings import Reading, anatomy, readings
from tests.unit.features import tiny, zoo


def _without_pooler(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if "pooler." not in name}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("name", ["vit", "beit", "hiera"])
def test_a_pooler_without_weights_is_refused_before_the_model_is_loaded(
    tmp_path: Path, name: str
) -> None:
    folder = zoo.image(tmp_path / "model", name)
    load_encoder(tiny.spec(folder, "image", pooling="pooler"), "cpu")
    _without_pooler(folder)
    with pytest.raises(
        EncoderError, match="no weights of a pooler, which would be random; allowed"
    ):
        load_encoder(tiny.spec(folder, "image", pooling="pooler"), "cpu")
    load_encoder(tiny.spec(folder, "image"), "cpu").prepare()


def test_a_random_pooler_of_an_unknown_family_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    from transformers import ViTModel

    folder = zoo.image(tmp_path / "model", "vit")
    _without_pooler(folder)
    files = inspect_folder(folder, "image")
    with pytest.raises(EncoderError, match="lacks 2 .*pooler.dense.*would be random"):
        load_checkpoint(files, "image", "cpu", (Reading("pooler"),))
    assert isinstance(load_checkpoint(files, "image", "cpu", (Reading("cls"),)).model, ViTModel)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("vit", {"layers": (3,)}, "has layers 0 to 2"),
        ("vit", {"layers": (1, -4, 7)}, "no layer -4"),
        ("vit", {"pooling": "last"}, '"last" is not possible of its output; allowed: cls, mean'),
        ("ijepa", {"pooling": "cls"}, "allowed: mean, tokens"),
        ("resnet", {"pooling": "cls+mean"}, "allowed: pooler, mean, tokens"),
        ("swin", {"pooling": "pooler", "layers": (1,)}, "of its layers; allowed: mean, tokens"),
        (
            "clip",
            {"pooling": "projection", "all_layers": True},
            "of its layers; allowed: cls, mean",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(
    tmp_path: Path, name: str, options: dict[str, Any], message: str
) -> None:
    folder = zoo.image(tmp_path / "model", name)
    with pytest.raises(EncoderError, match=message):
        load_encoder(tiny.spec(folder, "image", **options), "cpu")


def test_each_output_has_a_fingerprint_of_its_own(tmp_path: Path) -> None:
    folder = zoo.image(tmp_path / "model", "vit")
    asked: list[dict[str, Any]] = [
        {},
        {"pooling": "mean"},
        {"pooling": "tokens"},
        {"layers": (2,)},
        {"layers": (1,)},
        {"layers": (1,), "pooling": "mean"},
        {"precision": "bfloat16"},
    ]
    encoders = [load_encoder(tiny.spec(folder, "image", **options), "cpu") for options in asked]
    assert len({encoder.fingerprint for encoder in encoders}) == len(asked)
    explicit = load_encoder(tiny.spec(folder, "image", pooling="cls"), "cpu")
    assert explicit.fingerprint == encoders[0].fingerprint
    every = load_encoder(tiny.spec(folder, "image", all_layers=True), "cpu")
    assert [output.label for output in every.outputs] == [f"layer {n}, CLS" for n in range(3)]
    assert every.outputs[1].fingerprint == encoders[4].fingerprint
    same = load_encoder(tiny.spec(folder, "image", layers=(1, -2, 1)), "cpu")
    assert same.outputs == encoders[4].outputs


def test_another_prefix_is_another_text_encoder(tmp_path: Path) -> None:
    folder = zoo.text(tmp_path / "model", "bert")
    one, two = (load_encoder(tiny.spec(folder, "text", prefix=p), "cpu") for p in ("", "a "))
    assert one.fingerprint != two.fingerprint
    np.testing.assert_allclose(two.encode(["dog"]), one.encode(["a dog"]), atol=1e-5)


@pytest.mark.parametrize("name", zoo.IMAGES)
def test_layers_and_poolings_of_the_table_are_those_of_the_models(
    tmp_path: Path, name: str
) -> None:
    """families.json says no more and no less than the families can."""
    files = inspect_folder(zoo.image(tmp_path / "model", name), "image")
    body = anatomy(files, "image")
    told = readings(tiny.spec(files.folder, "image", all_layers=True), files)
    checkpoint = load_checkpoint(files, "image", "cpu", (Reading("mean"),))
    pixels = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        output = checkpoint.model(pixel_values=pixels, output_hidden_states=True)
    assert len(told) == len(output.hidden_states)
    poolers = {"pooler"} if getattr(output, "pooler_output", None) is not None else set()
    assert "pooler" not in body.poolings or poolers
    special = [n for n, _ in checkpoint.model.named_parameters() if n.startswith("embeddings.")]
    has_cls = any(n.endswith(("cls_token", "class_embedding")) for n in special)
    assert body.layout.cls == has_cls == ("cls" in body.poolings)
    assert name in families()


def test_the_defaults_that_a_configuration_leaves_out_count_too(tmp_path: Path) -> None:
    """SigLIP's configurations on the Hub name nothing that is as usual."""
    import json

    folder = zoo.image(tmp_path / "model", "siglip")
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"] = {"model_type": "siglip_vision_model"}
    (folder / "config.json").write_text(json.dumps(config))
    files = inspect_folder(folder, "image")
    assert len(readings(tiny.spec(folder, "image", all_layers=True), files)) == 13


def test_a_family_that_is_not_in_the_table_is_read_by_its_weights(tmp_path: Path) -> None:
    from transformers import YolosConfig, YolosModel

    config = YolosConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=[32, 32],
        patch_size=16,
        num_detection_tokens=2,
    )
    assert config.model_type not in families()
    folder = zoo.image(tmp_path / "model", "vit")
    YolosModel(config).save_pretrained(folder)
    body = anatomy(inspect_folder(folder, "image"), "image")
    assert (body.pooling, body.layout.prefix, body.layout.cls) == ("cls", 1, True)
    assert load_encoder(tiny.spec(folder, "image"), "cpu").encode(
        tiny.pictures(tmp_path / "pictures", 1)
    ).shape == (1, 24)


def test_fingerprints_are_told_without_torch(tmp_path: Path) -> None:
    folder = zoo.image(tmp_path / "model", "vit")
    code = (
        "import sys; from backend.catalog.encoders import find_encoder; "
        "from backend.features.loading import load_encoder; "
        "from backend.settings import Settings; "
        "spec = find_encoder(sys.argv[1], 'image', Settings()); "
        "encoder = load_encoder(spec, 'auto'); assert len(encoder.outputs) == 3; "
        "assert 'torch' not in sys.modules and 'transformers' not in sys.modules"
    )
    address = f"{folder}?layers=all"
    subprocess.run([sys.executable, "-c", code, address], check=True, timeout=60)
