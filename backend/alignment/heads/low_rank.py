"""STRUCTURE's residual head: an orthogonal start, and a gated branch of low rank beside it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backend.alignment.heads.affine import AffineHead
from backend.alignment.heads.base import Dropout, HeadConfig, Inputs


class LowRankHead(AffineHead):
    """z = P x + sigmoid(alpha) W2 Dropout(GELU(W1 x)), without biases; Gröger et al. 2025.

    P and W1 start orthogonal, W2 at 0, so the head starts as a linear map. The released configuration
    starts alpha at minus infinity, where the gate is 0 and has no gradient: its branch never opens and
    its "MLP" stays linear. Here the gate starts at ``gate`` (settings, with ``rank`` and ``dropout``),
    and features are standardised first, as for the linear head.
    """

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config)
        settings = config.settings
        rank = int(settings["rank"])
        self.linear = nn.Linear(config.inputs, config.outputs, bias=False)
        self.down = nn.Linear(config.inputs, rank, bias=False)
        self.up = nn.Linear(rank, config.outputs, bias=False)
        self.dropout = Dropout(float(settings["dropout"]))
        gate = float(settings["gate"])
        self.gate = nn.Parameter(torch.tensor(math.log(gate / (1 - gate))))

    def initialise(self, generator: torch.Generator) -> None:
        nn.init.orthogonal_(self.linear.weight, generator=generator)
        nn.init.orthogonal_(self.down.weight, generator=generator)
        nn.init.zeros_(self.up.weight)

    def project(self, inputs: Inputs) -> Tensor:
        assert isinstance(inputs, Tensor)
        standard = (inputs - self.mean) / self.scale
        branch: Tensor = self.up(self.dropout(F.gelu(self.down(standard))))
        shared: Tensor = self.linear(standard) + self.gate.sigmoid() * branch
        return shared
