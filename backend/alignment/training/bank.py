"""Features at hand for training: kept on the device when they fit, else taken from disk by the batch."""

from __future__ import annotations

import os
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.alignment.heads import Inputs, TokenBatch
from backend.alignment.rows import FeatureRows, Rows

#: share of the free memory that features may take; heads, their gradients and a batch need room, too
_SHARE: Final = 0.4


class Bank:
    """One side's features.

    Args:
        rows: what to give out.
        device: where to.
    """

    def __init__(self, rows: Rows, device: torch.device) -> None:
        self.rows, self.device = rows, device
        self._kept: Tensor | None = None
        if isinstance(rows, FeatureRows) and 4 * len(rows) * rows.width <= _SHARE * _free(device):
            kept = torch.empty((len(rows), rows.width), device=device)
            for start, block in rows.blocks():
                kept[start : start + len(block)] = torch.from_numpy(block).to(device)
            self._kept = kept

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def kept(self) -> bool:
        """Whether all of it is on the device."""
        return self._kept is not None

    def take(self, rows: NDArray[np.int64]) -> Inputs:
        """Some rows, float32, on the device."""
        if self._kept is not None:
            return self._kept[torch.from_numpy(rows).to(self.device)]
        taken = self.rows.take(rows)
        if isinstance(taken, tuple):
            values, mask = (torch.from_numpy(part) for part in taken)
            return TokenBatch(values.to(self.device), mask.to(self.device))
        return torch.from_numpy(taken).to(self.device)


def _free(device: torch.device) -> int:
    """Bytes of memory that nobody uses."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
