"""Signed distance functions of the world's shapes, in units of the object's radius.

Each takes ``x`` and ``y`` (any equal shape, float32; x right, y down; the shape fills about the
unit disc) and returns distances: negative inside, positive outside. Only + - * / sqrt, comparisons
and min/max are used on arrays, which IEEE 754 rounds alike on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Distance = Callable[[Array, Array], Array]


def _disc(x: Array, y: Array, radius: float = 0.94, cx: float = 0.0, cy: float = 0.0) -> Array:
    dx, dy = x - np.float32(cx), y - np.float32(cy)
    distance: Array = np.sqrt(dx * dx + dy * dy) - np.float32(radius)
    return distance


def _box(x: Array, y: Array, half_width: float, half_height: float) -> Array:
    dx, dy = np.abs(x) - np.float32(half_width), np.abs(y) - np.float32(half_height)
    outside = np.sqrt(np.maximum(dx, 0) ** 2 + np.maximum(dy, 0) ** 2)
    distance: Array = outside + np.minimum(np.maximum(dx, dy), 0)
    return distance


def _polygon(x: Array, y: Array, corners: Sequence[tuple[float, float]]) -> Array:
    """Distance to a simple polygon: nearest edge, signed by an even-odd crossing count."""
    nearest = np.full(x.shape, np.inf, np.float32)
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        ex, ey = np.float32(bx - ax), np.float32(by - ay)
        px, py = x - np.float32(ax), y - np.float32(ay)
        along = np.clip((px * ex + py * ey) / (ex * ex + ey * ey), 0, 1)
        dx, dy = px - along * ex, py - along * ey
        nearest = np.minimum(nearest, dx * dx + dy * dy)
        if by != ay:
            crosses = (y >= np.float32(min(ay, by))) & (y < np.float32(max(ay, by)))
            inside ^= crosses & (px < py * ex / ey)
    distance = np.sqrt(nearest)
    return np.where(inside, -distance, distance)


def _round_points(count: int, radii: Sequence[float], turn: float) -> list[tuple[float, float]]:
    points = []
    for step in range(count):
        angle = math.radians(turn + 360.0 * step / count)
        radius = radii[step % len(radii)]
        # rounded: two C libraries may differ in the last bit of a cosine
        points.append((round(radius * math.cos(angle), 5), round(radius * math.sin(angle), 5)))
    return points


def _cross(x: Array, y: Array) -> Array:
    return np.minimum(_box(x, y, 0.3, 0.92), _box(x, y, 0.92, 0.3))


def _crescent(x: Array, y: Array) -> Array:
    return np.maximum(_disc(x, y, 0.94, -0.02), -_disc(x, y, 0.78, 0.42))


def _ring(x: Array, y: Array) -> Array:
    return np.abs(_disc(x, y, 0.74)) - np.float32(0.2)


def _heart(x: Array, y: Array) -> Array:
    lobes = np.minimum(_disc(x, y, 0.5, -0.43, -0.32), _disc(x, y, 0.5, 0.43, -0.32))
    return np.minimum(lobes, _polygon(x, y, _HEART_TIP))


def _flower(x: Array, y: Array) -> Array:
    petals = _disc(x, y, 0.36)
    for cx, cy in _PETALS:
        petals = np.minimum(petals, _disc(x, y, 0.36, cx, cy))
    return petals


def _teardrop(x: Array, y: Array) -> Array:
    return np.minimum(_disc(x, y, 0.58, 0.0, 0.38), _polygon(x, y, _DROP_TIP))


_HEART_TIP: Final = ((-0.82, -0.02), (-0.43, -0.4), (0.43, -0.4), (0.82, -0.02), (0.0, 0.92))
_DROP_TIP: Final = ((0.0, -1.0), (0.53, 0.16), (-0.53, 0.16))
_PETALS: Final = _round_points(5, (0.58,), -90)
_TRIANGLE: Final = ((0.0, -0.95), (0.92, 0.7), (-0.92, 0.7))
_DIAMOND: Final = ((0.0, -1.0), (0.66, 0.0), (0.0, 1.0), (-0.66, 0.0))
_STAR: Final = _round_points(10, (1.0, 0.42), -90)
_ARROW: Final = (
    (0.98, 0.0),
    (0.22, -0.78),
    (0.22, -0.3),
    (-0.92, -0.3),
    (-0.92, 0.3),
    (0.22, 0.3),
    (0.22, 0.78),
)

DISTANCES: Final[dict[str, Distance]] = {
    "circle": _disc,
    "square": partial(_box, half_width=0.8, half_height=0.8),
    "triangle": partial(_polygon, corners=_TRIANGLE),
    "diamond": partial(_polygon, corners=_DIAMOND),
    "star": partial(_polygon, corners=_STAR),
    "heart": _heart,
    "cross": _cross,
    "crescent": _crescent,
    "ring": _ring,
    "arrow": partial(_polygon, corners=_ARROW),
    "flower": _flower,
    "teardrop": _teardrop,
}
