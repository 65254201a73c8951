"""Similarity distribution matching as an objective."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from backend.alignment.losses import similarity_distribution
from backend.alignment.training.objective import Objective, Step


class DistributionMatching(Objective):
    """IRRA's loss at a fixed temperature; captions of one image share the mass of its label.

    Args:
        temperature: of the similarities; 0.02 in IRRA.
    """

    log_scale: Tensor

    def __init__(self, temperature: float = 0.02) -> None:
        super().__init__()
        self.register_buffer("log_scale", torch.tensor(math.log(1 / temperature)))

    def forward(self, step: Step) -> Tensor:
        return similarity_distribution(step.image, step.text, self.log_scale, step.batch.owner)
