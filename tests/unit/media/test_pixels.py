"""Our own preprocessing gives the library's numbers, bit for bit, or leaves it to the library."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image
from transformers import (
    BitImageProcessorPil,
    CLIPImageProcessorPil,
    ConvNextImageProcessorPil,
    EfficientNetImageProcessorPil,
    MobileNetV2ImageProcessorPil,
    MobileViTImageProcessorPil,
    SiglipImageProcessorPil,
    ViTImageProcessorPil,
)

from backend.errors import InvalidInput
from backend.media.pixels import Plan, recipe
from backend.settings import REPOSITORY

#: as their models on the Hub are configured
PROCESSORS = {
    "ViT": ViTImageProcessorPil(image_mean=[0.5] * 3, image_std=[0.5] * 3, resample=2),
    "ViT augreg": ViTImageProcessorPil(resample=3, size={"height": 224, "width": 224}),
    "not square": ViTImageProcessorPil(size={"height": 112, "width": 160}),
    "DINOv2": BitImageProcessorPil(
        size={"shortest_edge": 256},
        crop_size={"height": 224, "width": 224},
        resample=3,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    ),
    "CLIP": CLIPImageProcessorPil(),
    "CLIP, odd crop": CLIPImageProcessorPil(
        size={"shortest_edge": 233}, crop_size={"height": 225, "width": 201}
    ),
    "SigLIP": SiglipImageProcessorPil(size={"height": 256, "width": 256}),
    "ConvNeXt": ConvNextImageProcessorPil(size={"shortest_edge": 224}),
    "ConvNeXt, warped": ConvNextImageProcessorPil(size={"shortest_edge": 384}),
    "MobileNetV2": MobileNetV2ImageProcessorPil(),
    "not normalised": ViTImageProcessorPil(do_normalize=False, do_rescale=False),
}

SIZES = [(640, 480), (224, 224), (37, 301), (500, 333), (1, 1), (256, 256), (1001, 700)]


def _picture(size: tuple[int, int], seed: int) -> Image.Image:
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (9, 9, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))
    noise = generator.integers(-40, 40, smooth.shape)
    return Image.fromarray((smooth + noise).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("name", PROCESSORS)
def test_it_equals_the_library_bit_for_bit(name: str) -> None:
    processor: Any = PROCESSORS[name]
    ours = recipe(processor)
    assert ours is not None
    for seed, size in enumerate(SIZES):
        picture = _picture(size, seed)
        wanted = processor(images=picture, return_tensors="np")["pixel_values"]
        found = ours.numbers(ours.plan.apply(picture)[None])
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, wanted.astype(np.float32), f"{name}, {size}")


@pytest.mark.parametrize(
    "processor",
    [
        MobileViTImageProcessorPil(),  # turns the channels round
        EfficientNetImageProcessorPil(),  # rescales in its own way
        CLIPImageProcessorPil(do_center_crop=False),  # pictures keep their own shapes
        CLIPImageProcessorPil(
            size={"shortest_edge": 200}, crop_size={"height": 224, "width": 224}
        ),  # pads
        ViTImageProcessorPil(do_resize=False),
        ViTImageProcessorPil(size={"shortest_edge": 224, "longest_edge": 300}),
        object(),
    ],
)
def test_what_is_out_of_the_ordinary_is_left_to_the_library(processor: Any) -> None:
    assert recipe(processor) is None


def test_a_thread_of_a_picture_is_not_blown_up() -> None:
    plan = Plan(256, None, 3, (224, 224))
    with pytest.raises(InvalidInput, match="3 x 50000 pixels: too long and narrow"):
        plan.apply(Image.new("RGB", (3, 50_000)))


def test_a_decoder_needs_no_heavy_library() -> None:
    code = (
        "import sys, backend.media.decoding\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
