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
            taken = side.take(_some(len(side), self._batch, generator).cpu().numpy())
            assert isinstance(taken, Tensor)
            drawn.append(taken)
        return drawn[0], drawn[1]


def _some(size: int, count: int, generator: torch.Generator) -> Tensor:
    """Numbers below ``size``, none twice, without shuffling millions for a few."""
    if count * 4 >= size:
        return torch.randperm(size, generator=generator, device=generator.device)[:count]
    drawn = torch.randint(size, (2 * count,), generator=generator, device=generator.device)
    different: Tensor = drawn.unique()  # type: ignore[no-untyped-call]
    order = torch.randperm(len(different), generator=generator, device=generator.device)
    return different[order[:count]]
