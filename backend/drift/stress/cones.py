"""The nearest point from which a chain ends elsewhere, exactly: no smaller change does it.

Elsewhere is a union of convex cones, one for each item w of another attractor: the points that w is at
least as near to as every item u of the own attractor. The nearest point of a cone is a projection,

    min |x - v|  with  <w - u, x> >= 0 for all u

solved by its dual, a non-negative least squares of few variables (Lawson and Hanson 1974): items u are
taken in only when they are found to be violated. Of one u alone the distance is <u - w, v> / |u - w|, which
no w can undercut; so most cones are passed over, and the rest are tried in that order.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.drift.stress.cells import Cells

#: by how much an item may be violated, rows being single precision
_SLACK: Final = 1e-9
#: points nearer to 0 than this have no nearest item
_NOTHING: Final = 1e-7
_MOST_ROUNDS: Final = 200
_ROUNDING: Final = 1e-6  # of a squared distance in single precision

Values = NDArray[np.float64]


class Nearest(NamedTuple):
    """The smallest change.

    Attributes:
        length: of the change; infinite where there is no other attractor.
        point: (d,) where it leads, on the border of the cell.
        attractor: in which chains from beyond the border end; -1 where there is no other.
    """

    length: float
    point: Values
    attractor: int


def smallest_change(cells: Cells, start: NDArray[np.floating]) -> Nearest:
    """The smallest change to a seed that sends its chain elsewhere.

    Args:
        cells: of the seed's modality.
        start: (d,) its unit vector.
    """
    vector = start.astype(np.float64)
    scores = (cells.vectors @ start.astype(np.float32)).astype(np.float64)
    top = int(scores.argmax())
    ours = cells.attractor == cells.attractor[top]
    own = cells.vectors[ours].astype(np.float64)
    others = np.flatnonzero(~ours)
    best = Nearest(np.inf, vector, -1)
    if not len(others):
        return best
    # rather too far apart than too near: then no cone is passed over that has the nearest point
    apart = np.sqrt(2 - 2 * np.minimum(cells.vectors[others] @ cells.vectors[top], 1) + _ROUNDING)
    least = (scores[top] - scores[others]) / apart.astype(np.float64)
    order = np.argsort(least, kind="stable")
    first = int(ours[:top].sum())
    for place in order:
        if least[place] >= best.length:
            break
        row = int(others[place])
        found = _projected(vector, cells.vectors[row].astype(np.float64), own, first, best.length)
        if found is not None:
            length = float(np.linalg.norm(found - vector))
            if length < best.length:
                best = Nearest(length, found, int(cells.attractor[row]))
    return best


def _projected(vector: Values, item: Values, own: Values, first: int, most: float) -> Values | None:
    """The nearest point (d,) of an item's cone; None where it is no nearer than ``most``."""
    from scipy.optimize import nnls

    taken = [first]
    for _ in range(_MOST_ROUNDS):
        edges = item - own[taken]
        weights, _ = nnls(edges.T, -vector)
        point: Values = vector + weights @ edges
        # fewer conditions than there are: the true one is no nearer
        if float(np.linalg.norm(point - vector)) >= most:
            return None
        if float(np.linalg.norm(point)) < _NOTHING:
            # nearest is 0 itself, and the cone's points near to it: all of the vector goes
            return item * _NOTHING
        violated = own @ point - item @ point
        worst = int(violated.argmax())
        if violated[worst] <= _SLACK or worst in taken:
            return point
        taken.append(worst)
    return None
