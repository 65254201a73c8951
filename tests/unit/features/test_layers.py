"""Features from chosen hidden states: what transformers itself gives, joined in order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel

from backend.catalog.encoders import encoder_info, find_encoder
from backend.features.loading import load_encoder
from backend.settings import Settings

NAMES = ("scene-resnet-ssl", "scene-resnet-classes", "scene-resnet-untrained")


@pytest.mark.parametrize("name", NAMES)
def test_built_in_encoders_join_the_stages_that_the_table_names(name: str) -> None:
    spec = find_encoder(name, "image", Settings())
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (128, 128, 3), np.uint8))
    mine = load_encoder(spec, "cpu").encode([picture])[0]

    model = AutoModel.from_pretrained(spec.location, dtype=torch.float32).eval()
    inputs = AutoImageProcessor.from_pretrained(spec.location)(picture, return_tensors="pt")
    with torch.inference_mode():
        states = model(**inputs, output_hidden_states=True).hidden_states
    theirs = torch.cat([states[i].mean((2, 3))[0] for i in spec.layers])
    assert len(spec.layers) >= 3
    np.testing.assert_allclose(mine, theirs, atol=1e-5)
    assert len(mine) == encoder_info(name, "image", Settings()).dimension


@pytest.mark.parametrize("name", NAMES)
def test_built_in_encoders_are_small_files(name: str) -> None:
    spec = find_encoder(name, "image", Settings())
    assert sum(path.stat().st_size for path in Path(spec.location).iterdir()) < 8_000_000


def test_other_layers_are_other_features() -> None:
    spec = find_encoder(NAMES[0], "image", Settings())
    own = replace(spec, layers=())
    picture = [Image.new("RGB", (128, 128), "red")]
    whole, last = load_encoder(spec, "cpu"), load_encoder(own, "cpu")
    assert whole.fingerprint != last.fingerprint
    np.testing.assert_allclose(whole.encode(picture)[:, -256:], last.encode(picture), atol=1e-5)
