"""Boxes in a picture: overlap, non-maximum suppression, how two stand to each other.

A box is (left, top, right, bottom) in pixels, y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]

#: share of the sum of both sizes by which boxes may be beside each other and count as at one place
SLACK: Final = 0.1
#: of an offset's length, or pixels of it, from which a relation holds
_LEAST: Final = 0.5
_NOTHING: Final = 1e-3  # pixels

Values = NDArray[np.float64]


def overlaps(boxes: Values, others: Values) -> Values:
    """(n, m) intersection over union; 0 of boxes without any area."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=-1)
    areas = [np.maximum(each[:, 2:] - each[:, :2], 0).prod(axis=-1) for each in (boxes, others)]
    union = areas[0][:, None] + areas[1][None] - shared
    share: Values = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return share


def suppress(boxes: Sequence[Box], scores: Sequence[float], most: float | None) -> list[int]:
    """Non-maximum suppression: one box an object.

    Args:
        boxes: of one class.
        scores: of each.
        most: intersection over union with a better box that is kept, beyond which a box is the same
            object seen again; None keeps all.

    Returns:
        Rows that are kept, the highest score first; of equal scores the first.
    """
    order: list[int] = np.argsort(-np.asarray(scores, np.float64), kind="stable").tolist()
    if most is None or len(order) < 2:
        return order
    corners = np.asarray(boxes, np.float64)
    shared = overlaps(corners, corners)
    kept: list[int] = []
    for row in order:
        if not kept or shared[row, kept].max() <= most:
            kept.append(row)
    return kept


def relations(box: Box, other: Box, pixels: bool = False) -> frozenset[str]:
    """How a box stands to another: "left of", "right of", "above", "below", at most one of each axis.

    As GenEval has it: the offset d of the centres is shortened on each axis by a tenth of the sum of
    both sizes, divided by |d|, and a relation holds beyond 0.5. So two objects are beside each other in
    the same sense whether the picture is large or small.

    Args:
        pixels: do not divide, as the drift paper's code does: then half a pixel beyond the slack is
            enough, and nearly any two boxes are beside and above each other at once.
    """
    one, two = np.asarray(box, np.float64), np.asarray(other, np.float64)
    offset = (one[:2] + one[2:] - two[:2] - two[2:]) / 2
    sizes = (one[2:] - one[:2]) + (two[2:] - two[:2])
    beyond = np.maximum(np.abs(offset) - SLACK * sizes, 0) * np.sign(offset)
    if not pixels:
        if np.abs(beyond).max() < _NOTHING:
            return frozenset()
        beyond /= np.linalg.norm(offset)
    right, down = beyond
    told = {
        "left of": right < -_LEAST,
        "right of": right > _LEAST,
        "above": down < -_LEAST,
        "below": down > _LEAST,
    }
    return frozenset(name for name, holds in told.items() if holds)
