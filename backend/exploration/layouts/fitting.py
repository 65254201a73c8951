"""Laying one map over another: rotation, reflection, scale and shift by Procrustes' method."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Coordinates = NDArray[np.float32]


class Fit(NamedTuple):
    """A similarity transform: x -> scale * (x - centre) @ turn + onto.

    Attributes:
        turn: (d, d) orthogonal; it may mirror.
    """

    turn: NDArray[np.float64]
    scale: float
    centre: NDArray[np.float64]
    onto: NDArray[np.float64]

    def __call__(self, points: Coordinates) -> Coordinates:
        """Points moved by it."""
        moved = self.scale * ((points - self.centre) @ self.turn) + self.onto
        return moved.astype(np.float32)


def procrustes(moving: Coordinates, fixed: Coordinates) -> Fit:
    """The transform that brings (n, d) points nearest to others, in the sum of squares (Gower 1975).

    Points that are all the same are moved onto the others' mean and nothing else.
    """
    first, second = moving.astype(np.float64), fixed.astype(np.float64)
    centre, onto = first.mean(axis=0), second.mean(axis=0)
    left, values, right = np.linalg.svd((first - centre).T @ (second - onto))
    spread = float(((first - centre) ** 2).sum())
    scale = float(values.sum()) / spread if spread > 0 and values.sum() > 0 else 1.0
    return Fit(left @ right, scale, centre, onto)
