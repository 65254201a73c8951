"""Standardise, then one affine map; or a hidden layer beside it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from backend.alignment.heads.base import Head, HeadConfig, Inputs
from backend.alignment.moments import mean_and_scale
from backend.alignment.rows import Rows


class AffineHead(Head):
    """Standardises features by training statistics, then maps them.

    Kind ``linear`` is one affine map; ``mlp`` adds Linear - GELU - Linear (settings: ``hidden``)
    beside it, as in freeze-align's projector, so that it can express whatever a linear head can. The
    statistics are buffers, fitted on the training split alone and saved with the weights.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: HeadConfig) -> None:
        super().__init__(config)
        self.register_buffer("mean", torch.zeros(config.inputs))
        self.register_buffer("scale", torch.ones(config.inputs))
        self.linear = nn.Linear(config.inputs, config.outputs)
        self.branch: nn.Module | None = None
        if config.kind == "mlp":
            hidden = int(config.settings["hidden"])
            self.branch = nn.Sequential(
                nn.Linear(config.inputs, hidden),
                nn.GELU(),
                nn.Linear(hidden, config.outputs),
            )

    def prepare(self, rows: Rows) -> None:
        mean, scale = mean_and_scale(rows)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(scale))

    def project(self, inputs: Inputs) -> Tensor:
        assert isinstance(inputs, Tensor)
        standard = (inputs - self.mean) / self.scale
        shared: Tensor = self.linear(standard)
        return shared if self.branch is None else shared + self.branch(standard)


def affine_head(
    mean: NDArray[np.floating], scale: NDArray[np.floating], weight: NDArray[np.floating]
) -> AffineHead:
    """A linear head from a closed form: x -> normalise(weight @ ((x - mean) / scale)).

    Args:
        mean, scale: (inputs,).
        weight: (outputs, inputs).
    """
    head = AffineHead(HeadConfig("linear", weight.shape[1], weight.shape[0]))
    with torch.no_grad():
        head.mean.copy_(torch.from_numpy(np.asarray(mean)))
        head.scale.copy_(torch.from_numpy(np.asarray(scale)))
        head.linear.weight.copy_(torch.from_numpy(np.asarray(weight)))
        head.linear.bias.zero_()
    head.eval()
    return head
