"""Principal components: the layout that is there at once, and where the others begin."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.exploration.plane import Plane

#: directions are those of at most so many points, evenly taken: more change nothing that could be seen
_MEASURED: Final = 20_000


def pca(vectors: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """(n, dimensions) of (n, d): along the directions of largest variance, largest first; scaled."""
    step = -(-len(vectors) // _MEASURED) or 1
    return Plane.of(vectors[::step], dimensions).flat(vectors)


def scaled(flat: NDArray[np.floating]) -> NDArray[np.float32]:
    """Centred, and scaled so that nearly all points fall within -1 to 1."""
    centred = flat - np.median(flat, axis=0)
    reach = np.quantile(np.abs(centred), 0.995)
    within: NDArray[np.float32] = (centred / (reach if reach > 0 else 1.0)).astype(np.float32)
    return within
