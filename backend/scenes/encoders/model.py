"""The architecture that all three built-in image encoders share, and the files they are kept in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn
from transformers import ResNetConfig, ResNetModel

from backend.scenes.graph import Scene
from backend.scenes.vocabulary import SHAPES

#: width and height that the encoders see, in pixels
INPUT_SIZE: Final = 96
#: pictures drawn for training; probes use other ones
TRAINING_SCENES: Final = 30_000

_PREPROCESSOR: Final = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": INPUT_SIZE, "width": INPUT_SIZE},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def new_model(seed: int) -> Any:
    """A ResNet-18 of half width (He et al. 2016), a transformers ResNetModel of 2.8 M parameters.

    Convolutions, because 30,000 pictures and minutes of two cores are too little for a transformer.
    """
    config = ResNetConfig(
        embedding_size=32, hidden_sizes=[32, 64, 128, 256], depths=[2, 2, 2, 2], layer_type="basic"
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: Any = ResNetModel(config)
    return model.to(memory_format=torch.channels_last)


def pooled(model: Any, pictures: Tensor) -> Tensor:
    """The last stage's global average (n, 256) float32; the network itself runs in bfloat16."""
    with torch.autocast("cpu", torch.bfloat16):
        output = model(pictures.contiguous(memory_format=torch.channels_last))
    features: Tensor = output.pooler_output.flatten(1).float()
    return features


def save_encoder(model: Any, folder: Path, card: str) -> None:
    """Writes a folder in transformers' format: half-precision safetensors, configs, a card."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    # a copy: training may go on with the full-precision weights
    half: Any = ResNetModel(model.config)
    half.load_state_dict(weights)
    half.half().save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(_PREPROCESSOR, indent=2) + "\n", encoding="utf-8"
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


def shape_presence(scenes: list[Scene]) -> Tensor:
    """(n, shapes) 1 where a scene holds at least one object of that class: the supervised labels."""
    labels = torch.zeros(len(scenes), len(SHAPES))
    for row, scene in enumerate(scenes):
        for item in scene.objects:
            labels[row, SHAPES.index(item.shape)] = 1
    return labels


def schedule(
    parameters: list[nn.Parameter], steps: int, rate: float = 2e-3
) -> Iterator[torch.optim.AdamW]:
    """Yields AdamW once a step with its rate set: warm-up over 50 steps, then a cosine to 0."""
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.02)
    for step in range(steps):
        warm = min(1.0, (step + 1) / 50)
        cosine = 0.5 * (1 + float(torch.cos(torch.tensor(torch.pi * step / steps))))
        for group in optimizer.param_groups:
            group["lr"] = rate * warm * cosine
        yield optimizer
