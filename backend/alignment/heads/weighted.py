"""CSA's weighted similarity as a dot product of unit rows."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from backend.alignment.heads.affine import AffineHead
from backend.alignment.heads.base import HeadConfig, Inputs
from backend.schemas import Side

#: where each side keeps what is missing to length one; the other side has 0 there
_SLOTS: dict[str, int] = {"image": 0, "text": 1}


class WeightedHead(AffineHead):
    """Kind ``weighted``: canonical coordinates, of length one, weighted by their correlations.

    CSA scores a pair by sum_i rho_i x^_i y^_i, with x^ and y^ of length one and 0 <= rho_i <= 1 (Li et al.,
    ICLR 2025). This head gives the image [sqrt(rho) x^, sqrt(1 - |sqrt(rho) x^|^2), 0] and the text
    [sqrt(rho) y^, 0, sqrt(1 - |sqrt(rho) y^|^2)]: both have length one, and since the last two
    coordinates never meet, their dot product is CSA's score exactly. So searching, indexes and maps need to
    know nothing of the weights. The price is two dimensions. Normalising the weighted coordinates instead,
    as a plain head would, divides by lengths that differ from item to item and ranks differently.

    Settings: ``side``, which of the two a head is.
    """

    weights: Tensor

    def __init__(self, config: HeadConfig) -> None:
        if config.settings.get("side") not in _SLOTS:
            raise ValueError(f"side {config.settings.get('side')!r}; expected image or text")
        inner = HeadConfig("linear", config.inputs, config.outputs - len(_SLOTS))
        super().__init__(inner)
        self.config = config
        self.register_buffer("weights", torch.ones(inner.outputs))

    def project(self, inputs: Inputs) -> Tensor:
        assert isinstance(inputs, Tensor)
        weighted = F.normalize(super().project(inputs), dim=-1) * self.weights
        missing = (1 - weighted.square().sum(dim=-1, keepdim=True)).clamp_min(0).sqrt()
        slots = [torch.zeros_like(missing)] * len(_SLOTS)
        slots[_SLOTS[self.config.settings["side"]]] = missing
        return torch.cat([weighted, *slots], dim=-1)


def weighted_head(
    side: Side,
    mean: NDArray[np.floating],
    scale: NDArray[np.floating],
    directions: NDArray[np.floating],
    correlations: NDArray[np.floating],
) -> WeightedHead:
    """One side's head from canonical directions.

    Args:
        mean, scale: (inputs,) of the training features.
        directions: (inputs, s) of the scaled features.
        correlations: (s,) from 0 to 1.
    """
    inputs, kept = directions.shape
    head = WeightedHead(HeadConfig("weighted", inputs, kept + len(_SLOTS), {"side": side}))
    with torch.no_grad():
        head.mean.copy_(torch.from_numpy(np.asarray(mean)))
        head.scale.copy_(torch.from_numpy(np.asarray(scale)))
        head.linear.weight.copy_(torch.from_numpy(np.asarray(directions).T.copy()))
        head.linear.bias.zero_()
        head.weights.copy_(torch.from_numpy(np.sqrt(np.clip(correlations, 0.0, 1.0))))
    head.eval()
    return head
