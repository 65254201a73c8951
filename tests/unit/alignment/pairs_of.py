"""Synthetic pairs: two noisy linear views of one latent, several captions an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from backend.alignment.methods import Context, resolve_options
from backend.alignment.pairs import PairedFeatures
from backend.reporting import silent

LATENT, IMAGE, TEXT = 8, 24, 16


def pairs(images: int, seed: int, noise: float = 0.6, captions: int = 3) -> PairedFeatures:
    shape = np.random.default_rng(99)
    to_image, to_text = shape.normal(size=(LATENT, IMAGE)), shape.normal(size=(LATENT, TEXT))
    draw = np.random.default_rng(seed)
    latent = draw.normal(size=(images, LATENT))
    owner = np.repeat(np.arange(images), captions)
    image = latent @ to_image + noise * draw.normal(size=(images, IMAGE)) + 3
    text = latent[owner] @ to_text + noise * draw.normal(size=(len(owner), TEXT)) - 5
    return PairedFeatures(image.astype(np.float32), text.astype(np.float32), owner)


def context(folder: Path, method: str, seed: int = 0, report=silent, **options) -> Context:
    effective = resolve_options(method, options)
    return Context(effective, seed, "cpu", folder, report, lambda step, values: None)
