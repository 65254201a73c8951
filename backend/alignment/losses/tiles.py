"""Products of two sets of rows, one tile at a time, in buffers that are used again.

Nothing here holds more than a tile beside the rows and their gradients: O(B d + t^2) memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from backend.alignment.losses.owners import Owners, Pairs

#: edge of a tile: on a CPU so that one stays in the third-level cache, on a GPU so that it fills the card
_EDGE: Final = {"cpu": 1536, "cuda": 8192}
#: a strip of whole rows holds half a tile's numbers, but is never lower than this: thin products are slow
_STRIP: Final = 64


@dataclass(frozen=True)
class Tile:
    """One block of logits. ``logits`` is a buffer: the next tile overwrites it.

    Attributes:
        rows, columns: the places it covers, in the order of the owners.
        left, right: the rows that were multiplied.
        pairs: the places within it whose row and column belong together; None where there are none.
    """

    rows: range
    columns: range
    left: Tensor
    right: Tensor
    logits: Tensor
    pairs: Pairs | None


class Tiles:
    """logits = scale * left right^T + offset, tile by tile.

    Accumulated in float32, or float64 where one side is float64. On a GPU two sides in bfloat16 are
    multiplied as they are, with float32 sums and results, and their gradients' weights are rounded to
    bfloat16; everything else is multiplied in the precision of the sums.

    Args:
        left: (n, d). right: (m, d).
        scale, offset: plain numbers.
        owners: which of them belong together.
        edge: of a tile; None: what suits the device.
        strips: whole rows of logits at a time instead of squares.
    """

    def __init__(
        self,
        left: Tensor,
        right: Tensor,
        scale: float,
        owners: Owners,
        *,
        offset: float = 0.0,
        edge: int | None = None,
        strips: bool = False,
    ) -> None:
        self._sides, self._owners = (left.detach(), right.detach()), owners
        self.dtype, self.device = exact_dtype(left, right), left.device
        self.half = left.is_cuda and left.dtype == right.dtype == torch.bfloat16
        self.scale, self._offset = scale, offset
        self._shift = torch.full((), offset, dtype=self.dtype, device=self.device)
        edge = edge or _EDGE.get(left.device.type, _EDGE["cpu"])
        self._edges = (edge, edge)
        if strips:
            height = max(min(_STRIP, edge), edge * edge // (2 * max(1, len(right))))
            self._edges = (min(height, len(left)), len(right))
        self._buffers: dict[str, Tensor] = {}

    @property
    def shape(self) -> tuple[int, int]:
        return len(self._sides[0]), len(self._sides[1])

    def __iter__(self) -> Iterator[Tile]:
        columns = _spans(self.shape[1], self._edges[1])
        for rows in _spans(self.shape[0], self._edges[0]):
            left = self._operand(0, rows)
            for across in columns:
                right = self._operand(1, across)
                pairs = self._owners.pairs(rows, across, self.device)
                yield Tile(rows, across, left, right, self._product(left, right), pairs)

    def work(self, like: Tensor) -> Tensor:
        """A second buffer of a tile's shape, whatever is in it."""
        return self._buffer("work", len(like), like.shape[1])

    def _buffer(self, name: str, height: int, width: int) -> Tensor:
        flat = self._buffers.get(name)
        if flat is None:
            most = [min(edge, size) for edge, size in zip(self._edges, self.shape, strict=True)]
            flat = torch.empty(most[0] * most[1], dtype=self.dtype, device=self.device)
            self._buffers[name] = flat
        return flat[: height * width].view(height, width)

    def zeros(self, side: int) -> Tensor:
        """Where the gradient of one side is gathered, in the order of its owners."""
        return torch.zeros_like(self._sides[side], dtype=self.dtype)

    def unsorted(self, side: int, gathered: Tensor) -> Tensor:
        """Rows in the caller's order."""
        order = self._owners.orders[side]
        if order is None:
            return gathered
        return torch.empty_like(gathered).index_copy_(0, order, gathered)

    def spread(
        self, tile: Tile, weights: Tensor, left: Tensor | None, right: Tensor | None
    ) -> None:
        """left += weights @ the tile's right rows, right += weights^T @ its left rows, times scale."""
        if self.half:
            weights = weights.to(tile.left.dtype)
        if left is not None:
            self._add(left[tile.rows.start : tile.rows.stop], weights, tile.right)
        if right is not None:
            self._add(right[tile.columns.start : tile.columns.stop], weights.T, tile.left)

    def _add(self, total: Tensor, first: Tensor, second: Tensor) -> None:
        if self.half:
            total.add_(torch.mm(first, second, torch.float32), alpha=self.scale)
        else:
            total.addmm_(first, second, alpha=self.scale)

    def _operand(self, side: int, span: range) -> Tensor:
        rows, order = self._sides[side], self._owners.orders[side]
        places = slice(span.start, span.stop)
        block = rows[places] if order is None else rows[order[places]]
        return block if self.half else block.to(self.dtype)

    def _product(self, left: Tensor, right: Tensor) -> Tensor:
        logits = self._buffer("logits", len(left), len(right))
        if self.half:
            torch.mm(left, right.T, torch.float32, out=logits)
            return torch.add(self._shift, logits, alpha=self.scale, out=logits)
        if self._offset:
            return logits.fill_(self._offset).addmm_(left, right.T, alpha=self.scale)
        return torch.addmm(logits, left, right.T, beta=0, alpha=self.scale, out=logits)


def exact_dtype(*tensors: Tensor) -> torch.dtype:
    """What sums of these are kept in: float64 where one is float64, else float32."""
    double = any(tensor.dtype == torch.float64 for tensor in tensors)
    return torch.float64 if double else torch.float32


def scale_gradient(left: Tensor, gradient: Tensor) -> Tensor:
    """d loss / d theta of logits exp(theta) u_i.v_j: sum_i u_i . d loss / d u_i, without the logits."""
    total = torch.zeros((), dtype=torch.float64, device=left.device)
    for rows in _spans(len(left), 4096):
        block = left[rows.start : rows.stop].detach().to(gradient.dtype)
        total += torch.linalg.vecdot(block, gradient[rows.start : rows.stop]).double().sum()
    return total.to(gradient.dtype)


def _spans(size: int, edge: int) -> list[range]:
    return [range(start, min(start + edge, size)) for start in range(0, size, edge)]
