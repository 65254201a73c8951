"""The plane of largest variance in a space, as a frame that more than one set of vectors is drawn in.

A map of its own for each state of a space would move by itself: directions swap, signs flip, scales differ.
Drawn in one frame, what moves is the vectors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 16_384


@dataclass(frozen=True)
class Plane:
    """Where a vector stands in the plane: ``((vector - mean) @ axes - middle) / reach``.

    Attributes:
        mean: (d,) of the vectors that it is of.
        axes: (d, 2) their first two principal directions; signs are fixed so that it does not flip.
        middle: (2,) median of the points.
        reach: nearly all points of those vectors fall within -1 to 1.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    middle: NDArray[np.float64]
    reach: float

    @staticmethod
    def of(vectors: NDArray[np.float32]) -> Plane:
        """The principal plane of vectors (n, d)."""
        width = vectors.shape[1]
        mean = vectors.mean(axis=0, dtype=np.float64)
        covariance = np.zeros((width, width))
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK] - mean
            covariance += block.T @ block
        axes = np.linalg.eigh(covariance)[1][:, :-3:-1]
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
        if width < 2:  # a one-dimensional space lies on a line
            axes = np.column_stack([axes, np.zeros(width)])
        bare = Plane(mean, axes, np.zeros(2), 1.0)
        flat = bare.flat(vectors)
        middle = np.median(flat, axis=0).astype(np.float64)
        reach = float(np.quantile(np.abs(flat - middle), 0.995)) if len(flat) else 0.0
        return Plane(mean, axes, middle, reach if reach > 0 else 1.0)

    def flat(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 2) where vectors (n, d) stand."""
        ahead = (self.mean @ self.axes + self.middle) / self.reach
        flat: NDArray[np.float32] = (vectors @ (self.axes / self.reach) - ahead).astype(np.float32)
        return flat
