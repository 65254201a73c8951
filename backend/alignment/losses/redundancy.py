"""Barlow Twins: the two sides' dimensions should agree one by one and else be unrelated."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.alignment.losses.tiles import exact_dtype


def barlow(image: Tensor, text: Tensor, off_diagonal: float = 0.0051) -> Tensor:
    """sum_i (c_ii - 1)^2 + lambda sum_(i != j) c_ij^2 of the d x d correlation of the two sides.

    Zbontar et al. 2021, as in SAIL's code: columns are z-scored with the N - 1 deviation and the
    correlation is divided by N, so that c_ii reaches (N - 1) / N at most. A statistic of the batch: it
    changes with the batch's size, and needs no batch x batch matrix.

    Args:
        image, text: (N, d) projections, N >= 2; z-scored inside, not unit rows.
        off_diagonal: lambda.

    Returns:
        Scalar, float32 (float64 where an input is).

    Raises:
        ValueError: sides of different shapes, or fewer than two rows.
    """
    if image.shape != text.shape or image.ndim != 2 or len(image) < 2:
        raise ValueError(f"rows of shapes {tuple(image.shape)} and {tuple(text.shape)}")
    with torch.autocast(image.device.type, enabled=False):
        dtype = exact_dtype(image, text)
        first, second = (_scored(side.to(dtype)) for side in (image, text))
        correlation = first.T @ second / len(image)
        own = correlation.diagonal()
        others = correlation.square().sum() - own.square().sum()
        return (own - 1).square().sum() + off_diagonal * others


def _scored(rows: Tensor) -> Tensor:
    deviation, mean = torch.std_mean(rows, 0)
    # a column that is constant in this batch tells nothing, and must not divide by 0
    return (rows - mean) / deviation.clamp_min(torch.finfo(rows.dtype).eps)
