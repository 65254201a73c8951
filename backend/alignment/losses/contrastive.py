"""InfoNCE over both directions, never holding a batch x batch matrix."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, Literal

import torch
from torch import Tensor

from backend.alignment.losses.gradients import as_number, differentiable
from backend.alignment.losses.owners import Owners, Pairs
from backend.alignment.losses.tiles import Tile, Tiles, exact_dtype, scale_gradient

Siblings = Literal["mask", "positive"]

#: logits are shifted so that none exceeds this: exp stays far inside float32, above and below
_CEILING: Final = 50.0
#: a sum of exponentials below this has lost terms; what is lost above it is under 1e-7 of it
_TINY: Final = 1e-30


def info_nce(
    image: Tensor,
    text: Tensor,
    log_scale: Tensor | float,
    owner: Tensor | None = None,
    siblings: Siblings = "mask",
    *,
    edge: int | None = None,
) -> Tensor:
    """Symmetric InfoNCE: row i of each side is the positive of row i of the other.

    L = 1/2 [CE(s U V^T, i) + CE(s V U^T, i)], s = exp(log_scale); van den Oord et al. 2018, in the
    two-sided form of CLIP (Radford et al. 2021). Tiled after Inf-CL (Cheng et al. 2024), with both
    directions in the same two passes: the first gathers the sums of exponentials of rows and columns
    at once, the second forms each tile again (unless there is only one) and adds
    G = P_row + P_column - positives to the gradients: four products of B x B x d in all, where autograd
    on the dense form takes six.

    Exponentials are taken of logits less a constant that keeps them below e^50. Where a row or column
    lies so far below that its sum would lose terms (cosines all under about -0.2 at s = 100), the
    first pass is done again with a maximum for each row and column: exact at every scale.

    Args:
        image, text: (B, d) unit rows; nothing is normalised inside. float64, float32 or bfloat16.
        log_scale: theta, a scalar.
        owner: (B,) integer ids; rows with the same id are siblings (captions of one picture, say), a
            negative id has none. None: no siblings.
        siblings: "mask" leaves them out of the denominators; "positive" counts their sum as the
            numerator, inside the logarithm. (The mean of positives outside the logarithm repairs
            nothing where the picture's rows are copies, and is not offered.)
        edge: of a tile; None: what suits the device.

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
        scale, shift = _scale_and_shift(image, text, theta)
        tiles = Tiles(image, text, scale, owners, offset=-shift, edge=edge)
        sums = _Sums(tiles, positive=siblings == "positive")
        if not any(wanted):
            return sums.loss(), (None, None, None)
        left = tiles.zeros(0) if wanted[0] or wanted[2] else None
        right = tiles.zeros(1) if wanted[1] else None
        for tile in sums.tiles():
            tiles.spread(tile, sums.weights(tile), left, right)
        gradients = [
            None if one is None else tiles.unsorted(side, one.div_(2 * len(image)))
            for side, one in enumerate((left, right))
        ]
        moved = None if gradients[0] is None else scale_gradient(image, gradients[0])
        return sums.loss(), (gradients[0], gradients[1], moved)

    return differentiable(compute, image, text, theta)


def _scale_and_shift(image: Tensor, text: Tensor, theta: Tensor) -> tuple[float, float]:
    """s, and what is taken off every logit so that none exceeds the ceiling."""
    dtype = exact_dtype(image, text)
    with torch.no_grad():
        longest = [
            torch.linalg.vector_norm(side, dim=1, dtype=dtype).amax() for side in (image, text)
        ]
        told = torch.stack([theta.double().exp(), *(one.double() for one in longest)]).tolist()
    return told[0], max(0.0, math.prod(told) - _CEILING)


class _Sums:
    """Logarithms of the sums of exponentials of every row and column: of all logits, of the positives.

    Index 0 is the rows, 1 the columns; in float64, in the order of the owners.
    """

    def __init__(self, tiles: Tiles, positive: bool) -> None:
        self._tiles, self._positive = tiles, positive
        # of a batch that is a single tile, what the first pass left behind: the second need not repeat it
        self._remains: tuple[Tile, Pairs | None, Tensor] | None = None
        self._all, self._own = self._gathered(exact=False)
        self._exact = any(bool((one < _TINY).any()) for one in self._all)
        if self._exact:
            self._remains = None
            self._all, self._own = self._gathered(exact=True)
            self._factors = [one.to(tiles.dtype) for one in self._all]
        else:
            self._factors = [one.reciprocal().to(tiles.dtype) for one in self._all]
            self._all = [one.log() for one in self._all]

    def loss(self) -> Tensor:
        rows, columns = ((a - o).mean() for a, o in zip(self._all, self._own, strict=True))
        return ((rows + columns) / 2).to(self._tiles.dtype)

    def tiles(self) -> Iterable[Tile]:
        """Those of the second pass."""
        return self._tiles if self._remains is None else [self._remains[0]]

    def weights(self, tile: Tile) -> Tensor:
        """2 B x d loss / d logits of a tile, in place of its logits."""
        logits, work = tile.logits, self._tiles.work(tile.logits)
        own, values = self._separate(tile) if self._remains is None else self._remains[1:]
        row, column = (
            factor[span.start : span.stop]
            for factor, span in zip(self._factors, (tile.rows, tile.columns), strict=True)
        )
        if self._exact:
            torch.sub(logits, column, out=work).exp_()
            logits.sub_(row[:, None]).exp_().add_(work)
        else:
            shares = logits.exp_() if self._remains is None else logits
            shares.mul_(torch.add(row[:, None], column, out=work))
        if own is not None:
            spans = zip(self._own, own, (tile.rows, tile.columns), strict=True)
            for known, places, span in spans:
                share = (values - known[span.start : span.stop][places]).exp().to(logits.dtype)
                logits.index_put_(own, -share, accumulate=True)
        return logits

    def _gathered(self, exact: bool) -> tuple[list[Tensor], list[Tensor]]:
        tiles = self._tiles
        every, own = (
            [
                torch.full((size,), fill, dtype=torch.float64, device=tiles.device)
                for size in tiles.shape
            ]
            for fill in (-math.inf if exact else 0.0, -math.inf)
        )
        for tile in tiles:
            pairs, values = self._separate(tile)
            if not exact:
                tile.logits.exp_()
            for side, span in enumerate((tile.rows, tile.columns)):
                total, mine = every[side][span.start : span.stop], own[side][span.start : span.stop]
                if exact:
                    torch.logaddexp(total, tile.logits.logsumexp(1 - side), out=total)
                else:
                    total += tile.logits.sum(1 - side)
                if pairs is not None:
                    found = _grouped(values, pairs[side], len(span))
                    torch.logaddexp(mine, found, out=mine)
            if not exact and tiles.shape == tuple(tile.logits.shape):
                self._remains = tile, pairs, values
        return every, own

    def _separate(self, tile: Tile) -> tuple[Pairs | None, Tensor]:
        """The places of the positives and their logits; masked siblings are put at minus infinity."""
        own = tile.pairs
        if own is None:
            return None, tile.logits[:0, 0]
        if not self._positive:
            same = own[0] + tile.rows.start == own[1] + tile.columns.start
            tile.logits[own[0][~same], own[1][~same]] = -math.inf
            own = own[0][same], own[1][same]
        return own, tile.logits[own].double()


def _grouped(values: Tensor, group: Tensor, size: int) -> Tensor:
    """(size,) the log of the sum of exponentials of each group's values; minus infinity for none."""
    top = values.new_full((size,), -math.inf).scatter_reduce_(0, group, values, "amax")
    total = torch.zeros_like(top).index_add_(0, group, (values - top[group]).exp())
    return top + total.log()
