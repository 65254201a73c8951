"""Noise that a seed alone decides, on the CPU whatever the model is on."""

from __future__ import annotations

import torch


def gumbel(count: int, generator: torch.Generator) -> torch.Tensor:
    """(count,) Gumbel noise: the largest of (logit / t + noise) is a draw from softmax(logit / t)."""
    return -torch.empty(count).exponential_(generator=generator).log()
