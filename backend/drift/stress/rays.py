"""Along a direction: the first point from which a chain ends elsewhere, exactly.

On the ray v + e u every item's score is a line in e,

    <w, v + e u> = <w, v> + e <w, u>

and the nearest item is the upper envelope of these lines. It is walked from e = 0, line by line, to the
first one whose item ends in another attractor. Farther on the ray may come back: cells are no balls, so
the first crossing is not found by bisection, which finds any of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.drift.stress.cells import Cells

#: slopes nearer than this are equal but for rounding
_ROUNDING: Final = 1e-6

Vectors = NDArray[np.float32]
Values = NDArray[np.float64]


def first_crossings(
    cells: Cells, start: Vectors, directions: Vectors
) -> tuple[Values, NDArray[np.int64]]:
    """How far one has to go in each direction until the chain ends elsewhere.

    Args:
        cells: of the start's modality.
        start: (d,) a seed's unit vector.
        directions: (k, d) unit rows.

    Returns:
        (k,) lengths, infinite where it never does; (k,) the attractor that it then ends in, or -1.
    """
    scores = (cells.vectors @ start).astype(np.float64)
    slopes = (cells.vectors @ directions.T).astype(np.float64)
    k = len(directions)
    own = cells.attractor[int(scores.argmax())]
    at = np.full(k, int(scores.argmax()))
    lengths, ends = np.full(k, np.inf), np.full(k, -1, np.int64)
    going = np.arange(k)
    while len(going):
        top = at[going]
        gain = slopes[:, going] - slopes[top, going]
        behind = scores[top] - scores[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            meets = np.where(gain > _ROUNDING, behind / gain, np.inf)
        following = meets.argmin(axis=0)
        far = meets[following, np.arange(len(going))]
        elsewhere = np.isfinite(far) & (cells.attractor[following] != own)
        crossed = going[elsewhere]
        lengths[crossed] = np.maximum(far[elsewhere], 0.0)
        ends[crossed] = cells.attractor[following[elsewhere]]
        left = np.isfinite(far) & ~elsewhere
        at[going[left]] = following[left]
        going = going[left]
    return lengths, ends


def directions(count: int, dimension: int, draw: np.random.Generator) -> Vectors:
    """(count, dimension) unit rows, every direction as likely as any other."""
    rows = draw.standard_normal((count, dimension))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit
