"""Similarity distribution matching, never holding a batch x batch matrix."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from backend.alignment.losses.gradients import as_number, differentiable
from backend.alignment.losses.owners import Owners
from backend.alignment.losses.tiles import Tiles, scale_gradient


def similarity_distribution(
    image: Tensor,
    text: Tensor,
    log_scale: Tensor | float,
    owner: Tensor | None = None,
    epsilon: float = 1e-8,
    *,
    edge: int | None = None,
) -> Tensor:
    """KL(p || q) of the softmax of the similarities against the labels' distribution, both directions.

    SDM of IRRA (Jiang and Ye 2023), as released: p_i = softmax(s u_i.V), q_ij = 1/n_i where the ids
    agree, else 0; 1/B sum_ij p_ij (log p_ij - log(q_ij + epsilon)), the two directions added, not
    averaged. IRRA keeps s = 1/0.02 = 50 fixed. Its soft labels from a second id are not offered.

    Whole rows at a time (t x B numbers), so that a row's distribution is at hand when its gradient
    p_ij (log p_ij - log(q_ij + epsilon) - KL_i) is formed: three products of B x B x d a direction.

    Args:
        image, text: (B, d) unit rows; nothing is normalised inside. float64, float32 or bfloat16.
        log_scale: theta, s = exp(theta); a scalar.
        owner: (B,) integer ids; a negative id has no siblings. None: row i belongs to row i alone.
        epsilon: added to q within the logarithm.
        edge: of a tile, of which a strip takes a few; None: what suits the device.

    Returns:
        Scalar, float32 (float64 where an input is). First derivatives only.

    Raises:
        ValueError: sides of different shapes, or not one id a row.
    """
    if image.shape != text.shape or image.ndim != 2:
        raise ValueError(f"rows of shapes {tuple(image.shape)} and {tuple(text.shape)}")
    theta = as_number(log_scale, image.device)
    owners = Owners.among(owner, image)

    def compute(wanted: tuple[bool, ...]) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        scale = float(theta.double().exp())
        there = Tiles(image, text, scale, owners, edge=edge, strips=True)
        back = Tiles(text, image, scale, owners, edge=edge, strips=True)
        left = there.zeros(0) if wanted[0] or wanted[2] else None
        right = there.zeros(1) if wanted[1] or wanted[2] else None
        loss = _one_way(there, owners, epsilon, left, right)
        loss += _one_way(back, owners, epsilon, right, left)
        gathered = [
            None if one is None else there.unsorted(side, one.div_(len(image)))
            for side, one in enumerate((left, right))
        ]
        moved = None if gathered[0] is None else scale_gradient(image, gathered[0])
        return (loss / len(image)).to(there.dtype), (gathered[0], gathered[1], moved)

    return differentiable(compute, image, text, theta)


def _one_way(
    tiles: Tiles, owners: Owners, epsilon: float, left: Tensor | None, right: Tensor | None
) -> Tensor:
    """The sum over rows of their divergence; what it adds to the gradients goes into ``left, right``."""
    counts = owners.counts(tiles.shape[0], tiles.device).to(tiles.dtype)
    # log(q + epsilon) where the ids agree, above what it is elsewhere
    lift = (1 / counts + epsilon).log() - math.log(epsilon)
    loss = torch.zeros((), dtype=torch.float64, device=tiles.device)
    for tile in tiles:
        distance = torch.log_softmax(tile.logits, 1)
        share = torch.exp(distance, out=tile.logits)
        distance -= math.log(epsilon)
        if tile.pairs is not None:
            rows = tile.pairs[0]
            distance.index_put_(tile.pairs, -lift[tile.rows.start + rows], accumulate=True)
        divergence = torch.mul(share, distance, out=tiles.work(share)).sum(1, keepdim=True)
        loss += divergence.double().sum()
        if left is not None or right is not None:
            tiles.spread(tile, share.mul_(distance.sub_(divergence)), left, right)
    return loss
