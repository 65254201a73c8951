"""Batches of items and captions whose pairing is not told."""

from __future__ import annotations

import torch
from torch import Tensor

from backend.alignment.pairs import Unpaired
from backend.alignment.training.bank import Bank


class UnpairedBatches:
    """Draws of both sides, independent of each other.

    Args:
        unpaired: what is drawn from.
        batch: rows of each side in a draw, without repetition; a side with fewer gives all.
        device: where to.
    """

    def __init__(self, unpaired: Unpaired, batch: int, device: str) -> None:
        self._sides = tuple(
            Bank(rows, torch.device(device)) for rows in (unpaired.image, unpaired.text)
        )
        self._batch = batch

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Raw features (n, d_image) and (m, d_text); all randomness comes from ``generator``."""
        drawn = []
        for side in self._sides:
            order = torch.randperm(len(side), generator=generator, device=generator.device)
            taken = side.take(order[: self._batch].cpu().numpy())
            assert isinstance(taken, Tensor)
            drawn.append(taken)
        return drawn[0], drawn[1]
