"""Image encoders as functions of their pixels: the same features, with gradients that are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.errors import EncoderError
from backend.features.loading import load_encoder
from tests.unit.features import tiny

PICTURES = [
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 52, 3)).astype(np.uint8))
    for seed in range(3)
]


def encoder(folder: Path, **options):
    return load_encoder(tiny.spec(folder, "image", **options), "cpu")


@pytest.mark.parametrize("make", [tiny.vit, tiny.resnet])
@pytest.mark.parametrize("options", [{}, {"all_layers": True}])
def test_features_are_the_encoders_own(tmp_path: Path, make, options) -> None:
    one = encoder(make(tmp_path / "model"), **options)
    model = one.with_gradients()
    kept, pixels = model.pictures(PICTURES, 10_000)
    assert kept == (0, 1, 2)
    assert pixels.min() >= 0
    assert pixels.max() <= 255
    np.testing.assert_allclose(model(pixels).numpy(), one.encode(PICTURES), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("make", [tiny.vit, tiny.resnet])
def test_gradients_are_those_of_small_differences(tmp_path: Path, make) -> None:
    model = encoder(make(tmp_path / "model")).with_gradients()
    _, pixels = model.pictures(PICTURES[:1], 10_000)
    weights = torch.linspace(-1, 1, model(pixels).shape[1])

    def value(at: torch.Tensor) -> torch.Tensor:
        return (model(at) * weights).sum()

    pixels.requires_grad_()
    (gradient,) = torch.autograd.grad(value(pixels), pixels)
    way = torch.sign(gradient)
    with torch.no_grad():
        rise = (value(pixels + 0.5 * way) - value(pixels - 0.5 * way)).item()
    assert rise == pytest.approx((gradient * way).sum().item(), rel=0.05)


def test_every_token_is_one_of_an_item(tmp_path: Path) -> None:
    one = encoder(tiny.vit(tmp_path / "model"), pooling="tokens")
    model = one.with_gradients()
    _, pixels = model.pictures(PICTURES, 10_000)
    own = np.stack([tokens[0] for tokens in one.encode_tokens(PICTURES)])
    np.testing.assert_allclose(model(pixels).numpy(), own, rtol=1e-3, atol=1e-4)


def test_pictures_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    model = encoder(tiny.vit(tmp_path / "model")).with_gradients()
    kept, pixels = model.pictures([PICTURES[0], tmp_path / "gone.png", PICTURES[1]], 10_000)
    assert kept == (0, 2)
    assert len(pixels) == 2


def test_a_processor_of_its_own_is_refused(tmp_path: Path) -> None:
    folder = tiny.vit(tmp_path / "model")
    path = folder / "preprocessor_config.json"
    path.write_text(path.read_text().replace('"do_resize": true', '"do_resize": false'))
    with pytest.raises(EncoderError, match="no gradient"):
        encoder(folder).with_gradients()
