"""The sigmoid loss of SigLIP and SAIL, never holding a batch x batch matrix."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from backend.alignment.losses.gradients import as_number, differentiable
from backend.alignment.losses.owners import Owners
from backend.alignment.losses.tiles import Tiles, scale_gradient


def sigmoid(
    image: Tensor,
    text: Tensor,
    log_scale: Tensor | float,
    bias: Tensor | float,
    owner: Tensor | None = None,
    owner_text: Tensor | None = None,
    reduction: Literal["mean", "rows"] = "mean",
    *,
    edge: int | None = None,
) -> Tensor:
    """Every pair a yes or no: -1/Z sum_ij log sigma(z_ij (s u_i.v_j + b)), s = exp(log_scale).

    SigLIP (Zhai et al. 2023), Z = B; SAIL (Zhang et al. 2025), Z = all pairs. One pass: a tile gives
    its part of the sum, softplus(l), or softplus(-l) at the positives, and at once
    G = sigma(l) - [positive], which goes into dU = s G V, dV = s G^T U, db = sum G, all over Z: three
    products of B x B x d.

    Args:
        image: (B, d) unit rows; nothing is normalised inside. float64, float32 or bfloat16.
        text: (M, d) unit rows. More rows than images are more negatives (unpaired texts), or more
            captions of the same images: SAIL's extra captions are ``text = cat([first, second])``
            with ``owner_text = cat([ids, ids])``.
        log_scale, bias: theta and b, scalars.
        owner: (B,) integer ids of the images; z_ij = +1 where the ids are equal. None: row i belongs
            to row i. A negative id belongs to nothing.
        owner_text: (M,) ids of the texts; None: ``owner``.
        reduction: Z: "mean" all B x M pairs, "rows" the B images.
        edge: of a tile; None: what suits the device.

    Returns:
        Scalar, float32 (float64 where an input is). First derivatives only.

    Raises:
        ValueError: shapes that do not fit, or a rectangle without owners.
    """
    owners = _owners(image, text, owner, owner_text)
    theta, shift = as_number(log_scale, image.device), as_number(bias, image.device)
    count = len(image) * (len(text) if reduction == "mean" else 1)

    def compute(wanted: tuple[bool, ...]) -> tuple[Tensor, tuple[Tensor | None, ...]]:
        scale, offset = torch.stack([theta.double().exp(), shift.double()]).tolist()
        tiles = Tiles(image, text, scale, owners, offset=offset, edge=edge)
        left = tiles.zeros(0) if wanted[0] or wanted[2] else None
        right = tiles.zeros(1) if wanted[1] else None
        loss, moved = torch.zeros((2,), dtype=torch.float64, device=image.device)
        zero = torch.zeros((), dtype=tiles.dtype, device=image.device)
        for tile in tiles:
            logits, work = tile.logits, tiles.work(tile.logits)
            torch.logaddexp(logits, zero, out=work)
            if tile.pairs is not None:
                turned = -logits[tile.pairs]
                work[tile.pairs] = torch.logaddexp(turned, zero)
            loss += work.sum()
            if any(wanted):
                logits.sigmoid_()
                if tile.pairs is not None:
                    logits[tile.pairs] = -turned.sigmoid_()
                if wanted[3]:
                    moved += logits.sum()
                tiles.spread(tile, logits, left, right)
        gathered = [
            None if one is None else tiles.unsorted(side, one.div_(count))
            for side, one in enumerate((left, right))
        ]
        turn = None if gathered[0] is None else scale_gradient(image, gathered[0])
        narrow = (loss / count).to(tiles.dtype), (moved / count).to(tiles.dtype)
        return narrow[0], (gathered[0], gathered[1], turn, narrow[1])

    return differentiable(compute, image, text, theta, shift)


def _owners(image: Tensor, text: Tensor, owner: Tensor | None, owner_text: Tensor | None) -> Owners:
    if image.ndim != 2 or text.ndim != 2 or image.shape[1] != text.shape[1]:
        raise ValueError(f"rows of shapes {tuple(image.shape)} and {tuple(text.shape)}")
    if owner is None:
        if owner_text is not None or len(image) != len(text):
            raise ValueError("name the owners of both sides: the rows do not pair off one to one")
        return Owners()
    owner_text = owner if owner_text is None else owner_text
    if owner.shape != (len(image),) or owner_text.shape != (len(text),):
        raise ValueError(
            f"{len(owner)} and {len(owner_text)} owners of {len(image)} and {len(text)} rows"
        )
    return Owners(owner.to(image.device), owner_text.to(image.device))
