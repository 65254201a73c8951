"""The directions of largest variance in a space, as a frame that more than one set of vectors is drawn in.

A map of its own for each state of a space would move by itself: directions swap, signs flip, scales differ.
Drawn in one frame, what moves is the vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse.linalg import LinearOperator

_BLOCK: Final = 16_384
#: the covariance of wider spaces, as those of anchors, is never formed
_WIDE: Final = 1024
_SMALL: Final = 16  # dimensions from which iteration is worth it


@dataclass(frozen=True)
class Plane:
    """Where a vector stands in the plane: ``((vector - mean) @ axes - middle) / reach``.

    Attributes:
        mean: (d,) of the vectors that it is of.
        axes: (d, 2 or 3) their first principal directions; signs are fixed so that it does not flip.
        middle: (2 or 3,) median of the points.
        reach: nearly all points of those vectors fall within -1 to 1.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]
    middle: NDArray[np.float64]
    reach: float

    @staticmethod
    def of(vectors: NDArray[np.float32], dimensions: int = 2) -> Plane:
        """The principal plane, or space, of vectors (n, d)."""
        width = vectors.shape[1]
        mean = vectors.mean(axis=0, dtype=np.float64)
        axes = _directions(vectors, mean, dimensions)
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
        # a one-dimensional space lies on a line
        axes = np.column_stack([axes, np.zeros((width, dimensions - axes.shape[1]))])
        bare = Plane(mean, axes, np.zeros(dimensions), 1.0)
        flat = bare.flat(vectors)
        middle = np.median(flat, axis=0).astype(np.float64)
        reach = float(np.quantile(np.abs(flat - middle), 0.995)) if len(flat) else 0.0
        return Plane(mean, axes, middle, reach if reach > 0 else 1.0)

    def flat(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, 2) where vectors (n, d) stand."""
        ahead = (self.mean @ self.axes + self.middle) / self.reach
        flat: NDArray[np.float32] = (vectors @ (self.axes / self.reach) - ahead).astype(np.float32)
        return flat


def _directions(
    vectors: NDArray[np.float32], mean: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """(d, count) orthonormal, of largest variance first; (d, d) where that is fewer."""
    width = len(mean)
    if not (vectors != vectors[:1]).any():  # one point, however often: no direction is any better
        return np.eye(width, count)
    if width <= _SMALL:
        every: NDArray[np.float64] = np.linalg.eigh(_covariance(vectors, mean))[1]
        return every[:, ::-1][:, :count]
    from scipy.sparse.linalg import eigsh

    # a few directions by Lanczos' method: all of them take many times as long
    covariance = _product(vectors, mean) if width > _WIDE else _covariance(vectors, mean)
    first = np.random.default_rng(0).normal(size=width)
    axes: NDArray[np.float64] = eigsh(covariance, k=count, v0=first)[1]
    return axes[:, ::-1]


def _covariance(vectors: NDArray[np.float32], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """(d, d), times n."""
    covariance = np.zeros((len(mean), len(mean)))
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK] - mean
        covariance += block.T @ block
    return covariance


def _product(vectors: NDArray[np.float32], mean: NDArray[np.float64]) -> LinearOperator:
    """The covariance as what it does to a direction."""
    from scipy.sparse.linalg import LinearOperator

    def along(direction: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = vectors @ direction.ravel().astype(np.float32) - mean @ direction.ravel()
        back: NDArray[np.float64] = vectors.T @ flat.astype(np.float32) - mean * flat.sum()
        return back

    return LinearOperator((len(mean), len(mean)), matvec=along, dtype=np.float64)
