"""Tokens drawn by seeds of their own: no generator that others use is touched, and none is shared.

transformers draws from torch's global generator, one stream for a whole batch. Here each row has its own:
the largest of (logit / temperature + Gumbel noise) is a draw from the softmax at that temperature (Gumbel
1954), so that a model which takes the likeliest token draws. Noise comes from the CPU on every device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from backend.drift.noise import gumbel


class Drawn(LogitsProcessor):
    """Adds the noise of each row's own seed.

    Args:
        seeds: one a row.
        temperature: above 0.
    """

    def __init__(self, seeds: Sequence[int], temperature: float) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._temperature = temperature

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> Any:
        """(n, vocabulary) logits whose largest is a draw; what was ruled out stays so."""
        noise = torch.stack([gumbel(scores.shape[-1], each) for each in self._generators])
        return scores / self._temperature + noise.to(scores.device, scores.dtype)


def drawing(seeds: Sequence[int], temperature: float) -> LogitsProcessorList:
    """What ``generate(do_sample=False)`` takes, so that it draws; nothing at temperature 0."""
    found = LogitsProcessorList()
    if temperature > 0:
        found.append(Drawn(seeds, temperature))
    return found
