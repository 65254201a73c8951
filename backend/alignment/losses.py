"""Contrastive losses on unit rows."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

#: the logit scale is exp(theta), theta clamped to 0..MAX_LOG_SCALE after each step (CLIP)
MAX_LOG_SCALE: Final = math.log(100.0)


def info_nce(image: Tensor, text: Tensor, log_scale: Tensor) -> Tensor:
    """Symmetric InfoNCE: row i of each side is the positive of row i of the other.

    L = 1/2 [CE(s U V^T, i) + CE(s V U^T, i)], s = exp(log_scale); van den Oord et al. 2018, in the
    two-sided form of CLIP (Radford et al. 2021).

    Args:
        image, text: (batch, d) unit rows.
        log_scale: scalar theta.
    """
    logits = log_scale.exp() * image @ text.T
    target = torch.arange(len(image), device=image.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
