"""Supervised by object classes, as ImageNet models are: which of the twelve shapes a picture holds.

Multi-label binary cross-entropy on a linear layer over the global average. No caption, no colour, no
texture, no count and no position is in the loss.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import torch
from torch import nn
from torch.nn import functional as F

from backend.scenes.encoders.model import (
    INPUT_SIZE,
    TRAINING_SCENES,
    new_model,
    pooled,
    save_encoder,
    schedule,
    shape_presence,
)
from backend.scenes.encoders.pictures import draw_many, random_batch, random_view
from backend.scenes.vocabulary import SHAPES

log = logging.getLogger(__name__)

STEPS: Final = 450
BATCH: Final = 256

CARD: Final = """---
license: apache-2.0
---
# scene-resnet-classes

A ResNet-18 of half width trained on pictures of Isthmus's built-in world to tell which of twelve shapes
a picture holds (labels, never captions). Made by `python -m backend.scenes.encoders classes`.
"""


def train_supervised(folder: Path, seed: int = 0, steps: int = STEPS) -> None:
    """Trains the encoder and writes it to ``folder``."""
    pictures, scenes = draw_many("encoder-train", TRAINING_SCENES)
    labels = shape_presence(scenes)
    generator = torch.Generator().manual_seed(seed)
    model = new_model(seed).train()
    classify = nn.Linear(model.config.hidden_sizes[-1], len(SHAPES))
    middle = torch.zeros(BATCH, 2)
    for step, optimizer in enumerate(
        schedule([*model.parameters(), *classify.parameters()], steps)
    ):
        batch, rows = random_batch(pictures, BATCH, generator)
        view = random_view(batch, INPUT_SIZE, generator, middle, field=(0.85, 1.05), shift=0.1)
        loss = F.binary_cross_entropy_with_logits(classify(pooled(model, view)), labels[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 20 == 0:
            log.info("step %d of %d: loss %.3f", step, steps, loss)
        if step % 100 == 99:
            save_encoder(model, folder, CARD)
    save_encoder(model.eval(), folder, CARD)
