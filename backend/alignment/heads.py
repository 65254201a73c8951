"""The trained part: a head a side, from an encoder's features to the shared space.

Every method, trained or in closed form, ends in two of these, so saving, loading and using them is
written once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class HeadConfig:
    """Shape of a head.

    Attributes:
        kind: ``linear`` is one affine map; ``mlp`` adds Linear - GELU - Linear beside it, as in
            freeze-align's projector, so that it can express whatever a linear head can.
        inputs, outputs: dimensions of the features and of the shared space.
        hidden: width of the mlp; 0 for linear.
    """

    kind: Literal["linear", "mlp"]
    inputs: int
    outputs: int
    hidden: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Head(nn.Module):
    """Standardises features by training statistics, then maps them; rows leave with unit length.

    The statistics are buffers, fitted on the training split alone and saved with the weights.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.zeros(config.inputs))
        self.register_buffer("scale", torch.ones(config.inputs))
        self.linear = nn.Linear(config.inputs, config.outputs)
        self.branch: nn.Module | None = None
        if config.kind == "mlp":
            self.branch = nn.Sequential(
                nn.Linear(config.inputs, config.hidden),
                nn.GELU(),
                nn.Linear(config.hidden, config.outputs),
            )

    def standardise_by(self, features: NDArray[np.floating]) -> None:
        """Fits mean and scale on training features (n, inputs); a constant column keeps scale 1."""
        values = np.asarray(features, np.float64)
        spread = values.std(axis=0)
        self.mean.copy_(torch.from_numpy(values.mean(axis=0)).float())
        self.scale.copy_(torch.from_numpy(np.where(spread > 1e-6, spread, 1.0)).float())

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the weights from ``generator`` alone, so a seed decides them (Glorot uniform, bias 0)."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                nn.init.zeros_(module.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(n, inputs) -> (n, outputs), unit rows."""
        standard = (features - self.mean) / self.scale
        shared = self.linear(standard)
        if self.branch is not None:
            shared = shared + self.branch(standard)
        return F.normalize(shared, dim=-1)


def affine_head(
    mean: NDArray[np.floating], scale: NDArray[np.floating], weight: NDArray[np.floating]
) -> Head:
    """A linear head from a closed form: x -> normalise(weight @ ((x - mean) / scale)).

    Args:
        mean, scale: (inputs,).
        weight: (outputs, inputs).
    """
    head = Head(HeadConfig("linear", weight.shape[1], weight.shape[0]))
    with torch.no_grad():
        head.mean.copy_(torch.from_numpy(np.asarray(mean)))
        head.scale.copy_(torch.from_numpy(np.asarray(scale)))
        head.linear.weight.copy_(torch.from_numpy(np.asarray(weight)))
        head.linear.bias.zero_()
    return head.eval()
