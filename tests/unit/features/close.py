"""What "the same to 1e-5" means."""

from __future__ import annotations

from typing import Any

import numpy as np


def assert_close(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    """The largest difference, relative to the largest number, is at most ``tolerance``."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    scale = np.abs(theirs).max()
    assert scale > 0
    assert np.abs(ours - theirs).max() / scale <= tolerance
