"""Which rows belong together, kept so that these pairs lie in few tiles."""

from __future__ import annotations

import torch
from torch import Tensor

Pairs = tuple[Tensor, Tensor]


class Owners:
    """Rows and columns with the same owner; both sides are walked in the order of their owners.

    In that order the pairs that belong together lie along a band, and a tile off the band holds none:
    nothing has to be compared there. Without owners row i belongs to column i.

    Args:
        left: (n,) integers, or None. right: (m,) integers, or None.
    """

    def __init__(self, left: Tensor | None = None, right: Tensor | None = None) -> None:
        self.orders: tuple[Tensor | None, Tensor | None] = (None, None)
        self._sorted: tuple[Tensor, Tensor] | None = None
        if left is not None and right is not None:
            # those that belong to nothing get an id that the other side does not have
            left, right = left.detach().long(), right.detach().long()
            left, right = left.clamp(min=-1), right.where(right >= 0, -2)
            first, second = left.sort(stable=True), right.sort(stable=True)
            self._sorted = first.values, second.values
            self._ids = first.values.tolist(), second.values.tolist()
            self.orders = first.indices, second.indices

    @classmethod
    def among(cls, owner: Tensor | None, rows: Tensor) -> Owners:
        """Of rows that are pairs already: row i always belongs to column i.

        Negative ids have no siblings.
        """
        if owner is None:
            return cls()
        if owner.shape != rows.shape[:1]:
            raise ValueError(f"owners of shape {tuple(owner.shape)}; expected ({len(rows)},)")
        owner = owner.to(rows.device)
        lone = owner.amax().clamp(min=-1) + 1 + torch.arange(len(rows), device=rows.device)
        known = owner.where(owner >= 0, lone)
        return cls(known, known)

    def counts(self, size: int, device: torch.device) -> Tensor:
        """(size,) how many columns belong to each row, in the order of the walk."""
        if self._sorted is None:
            return torch.ones(size, dtype=torch.long, device=device)
        rows, columns = self._sorted
        return torch.searchsorted(columns, rows, right=True) - torch.searchsorted(columns, rows)

    def pairs(self, rows: range, columns: range, device: torch.device) -> Pairs | None:
        """Places within a tile whose row and column belong together; None where there are none."""
        if self._sorted is None:
            both = range(max(rows.start, columns.start), min(rows.stop, columns.stop))
            if not both:
                return None
            places = torch.arange(both.start, both.stop, device=device)
            return places - rows.start, places - columns.start
        left, right = self._ids
        if left[rows[-1]] < right[columns[0]] or right[columns[-1]] < left[rows[0]]:
            return None
        first, second = self._sorted
        same = first[rows.start : rows.stop, None] == second[None, columns.start : columns.stop]
        found = same.nonzero(as_tuple=True)
        return found[0], found[1]
