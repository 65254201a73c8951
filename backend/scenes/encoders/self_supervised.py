"""Self-supervised: no label of any kind, the loss sees pixels alone.

Two losses share one encoder, on windows of a picture around something that stands out:

- contrast (SimCLR, Chen et al. 2020, with MoCo's queue, He et al. 2020): two views of one window are told
  apart from the windows of other pictures. Views keep their hue, so colours are learned quickly.
- HOG prediction (MaskFeat, Wei et al. 2022): from a view that is moved, turned and partly covered,
  predict the histogram of oriented gradients of the clean window. Contrast alone hardly needs shapes,
  since colour tells windows apart; edges are what this loss is about.

Windows are found by contrast with their surroundings, refined by mean shift: a classical saliency measure.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backend.scenes.encoders.model import (
    INPUT_SIZE,
    TRAINING_SCENES,
    new_model,
    pooled,
    save_encoder,
    schedule,
)
from backend.scenes.encoders.pictures import draw_many, random_batch, random_view

log = logging.getLogger(__name__)

STEPS: Final = 900
BATCH: Final = 192
WINDOW: Final = (
    52  # pixels, at the scale of the encoder's input: one large object and its surroundings
)
QUEUE: Final = 4096
QUEUE_FROM: Final = 60  # steps until the queue's entries mean something
TEMPERATURE: Final = 0.1
CONTRAST_WEIGHT: Final = 0.3
HOG_WEIGHT: Final = 4.0
_CELL: Final = 8
_BINS: Final = 8

CARD: Final = """---
license: apache-2.0
---
# scene-resnet-ssl

A ResNet-18 of half width trained on pictures of Isthmus's built-in world without any label, by contrast of
views and prediction of oriented gradients. Made by `python -m backend.scenes.encoders ssl`.
"""


def train_self_supervised(folder: Path, seed: int = 0, steps: int = STEPS) -> None:
    """Trains the encoder and writes it to ``folder``."""
    pictures, _ = draw_many("encoder-train", TRAINING_SCENES)
    generator = torch.Generator().manual_seed(seed)
    model = new_model(seed).train()
    width = model.config.hidden_sizes[-1]
    project = nn.Sequential(
        nn.Linear(width, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 128)
    )
    predict = nn.Linear(width, _BINS * (48 // _CELL) ** 2)
    queue = torch.zeros(0, 128)
    parameters = [*model.parameters(), *project.parameters(), *predict.parameters()]
    share = WINDOW / INPUT_SIZE
    for step, optimizer in enumerate(schedule(parameters, steps)):
        batch, _ = random_batch(pictures, BATCH, generator)
        centre = salient_centres(batch, generator)
        views = [
            random_view(batch, WINDOW, generator, centre, (0.85 * share, 1.15 * share), 0.1)
            for _ in range(2)
        ]
        features = pooled(model, torch.cat(views))
        target = oriented_gradients(batch, centre, share)
        embedded = F.normalize(project(features), dim=1)
        contrast = contrastive_loss(embedded, queue if step >= QUEUE_FROM else queue[:0])
        edges = (predict(features) - target.repeat(2, 1)).square().mean()
        loss = CONTRAST_WEIGHT * contrast + HOG_WEIGHT * edges
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        queue = torch.cat([embedded.detach(), queue])[:QUEUE]
        if step % 20 == 0:
            log.info("step %d of %d: contrast %.3f, edges %.3f", step, steps, contrast, edges)
        if step % 200 == 199:
            save_encoder(model, folder, CARD)
    save_encoder(model.eval(), folder, CARD)


def contrastive_loss(embedded: Tensor, queue: Tensor) -> Tensor:
    """NT-Xent: row i and row i + n/2 are two views of one window; the queue adds negatives.

    Args:
        embedded: (n, d) unit rows. queue: (q, d) unit rows of earlier steps.
    """
    n = len(embedded)
    scores = embedded @ embedded.T / TEMPERATURE
    scores = scores.masked_fill(torch.eye(n, dtype=torch.bool), -torch.inf)
    scores = torch.cat([scores, embedded @ queue.T / TEMPERATURE], dim=1)
    return F.cross_entropy(scores, (torch.arange(n) + n // 2) % n)


def salient_centres(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """(n, 2) in -1 to 1: a random place that stands out from its surroundings, centred by mean shift."""
    side = 32
    small = F.adaptive_avg_pool2d(pictures, side)
    around = F.avg_pool2d(F.pad(small, (7, 7, 7, 7), mode="reflect"), 15, 1)
    weight = (small - around).square().sum(dim=1).flatten(1)
    start = torch.multinomial(weight, 1, generator=generator)[:, 0]
    axis = (torch.arange(side) + 0.5) / (side / 2) - 1
    x, y = axis.repeat(side), axis.repeat_interleave(side)
    centre = torch.stack([x[start], y[start]], 1)
    for _ in range(4):
        squared = (x - centre[:, :1]).square() + (y - centre[:, 1:]).square()
        near = weight * torch.exp(-squared / (2 * 0.22**2))
        near = near / near.sum(1, keepdim=True)
        centre = torch.stack([(near * x).sum(1), (near * y).sum(1)], 1)
    return centre


def oriented_gradients(pictures: Tensor, centre: Tensor, share: float) -> Tensor:
    """Histogram of oriented gradients (Dalal and Triggs 2005) of clean windows, standardised by column.

    8 unsigned orientations in cells of 8 pixels of a 48-pixel window, each normalised by the energy
    of its 3 x 3 neighbourhood.

    Returns:
        (n, 8 * 36).
    """
    n = len(pictures)
    size, zero = torch.full((n,), share), torch.zeros(n)
    theta = torch.stack(
        [torch.stack([size, zero, centre[:, 0]], 1), torch.stack([zero, size, centre[:, 1]], 1)], 1
    )
    grid = F.affine_grid(theta, [n, 3, 48, 48], align_corners=False)
    window = F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    grey = F.pad(window.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4
    gradient = F.conv2d(grey, torch.stack([sobel, sobel.T])[:, None])
    magnitude = gradient.norm(dim=1, keepdim=True)
    angle = torch.atan2(gradient[:, 1:], gradient[:, :1])
    bins = torch.arange(_BINS)[None, :, None, None] * (np.pi / _BINS)
    histogram = F.avg_pool2d((angle - bins).cos().abs() ** 8 * magnitude, _CELL)
    energy = histogram.sum(1, keepdim=True)
    energy = F.avg_pool2d(F.pad(energy, (1, 1, 1, 1), mode="replicate"), 3, 1)
    flat = (histogram / (energy + 0.02)).clamp(max=0.5).flatten(1)
    return (flat - flat.mean(0)) / (flat.std(0) + 0.02)
