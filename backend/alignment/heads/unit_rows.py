"""Rows of length one first, then standardise and map."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from backend.alignment.heads.affine import AffineHead
from backend.alignment.heads.base import HeadConfig, Inputs
from backend.alignment.moments import mean_and_scale
from backend.alignment.rows import Rows


class UnitRowsHead(AffineHead):
    """Kind ``unit-linear``: x -> weight @ ((x / |x| - mean) / scale), as SOTAlign's teacher has it."""

    def prepare(self, rows: Rows) -> None:
        mean, scale = mean_and_scale(rows, unit_rows=True)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(scale))

    def project(self, inputs: Inputs) -> Tensor:
        assert isinstance(inputs, Tensor)
        return super().project(F.normalize(inputs, dim=-1))


def unit_rows_head(
    mean: NDArray[np.floating], scale: NDArray[np.floating], weight: NDArray[np.floating]
) -> UnitRowsHead:
    """A head from a closed form on unit rows.

    Args:
        mean, scale: (inputs,).
        weight: (outputs, inputs).
    """
    head = UnitRowsHead(HeadConfig("unit-linear", weight.shape[1], weight.shape[0]))
    with torch.no_grad():
        head.mean.copy_(torch.from_numpy(np.asarray(mean)))
        head.scale.copy_(torch.from_numpy(np.asarray(scale)))
        head.linear.weight.copy_(torch.from_numpy(np.asarray(weight)))
        head.linear.bias.zero_()
    head.eval()
    return head
