"""Where chains of nearest items end that begin at any point of the space.

A chain from a point goes to the nearest item of the other modality, and from there where that item's own
chain goes. So the space falls into cells, one an attractor: all points whose nearest item ends there. A
cell is a union of convex cones, since an item's own points are those with

    <x, its vector> >= <x, any other's>

which holds of every multiple of x, too. How far a point can be moved and stay in its cell is how robust
its chain is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from backend.drift.attractors import functional_graph, nearest_map
from backend.drift.neighbours import nearest
from backend.reporting import Report, silent
from backend.schemas import Side

if TYPE_CHECKING:
    from backend.drift.neighbours import Galleries
    from backend.exploration.indexes import VectorIndex

Vectors = NDArray[np.float32]
Nodes = NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """What points of one modality come to.

    Attributes:
        index: of the other modality, whose items they come to first.
        vectors: (m, d) its unit rows.
        attractor: (m,) in which each item's chain ends.
    """

    index: VectorIndex
    vectors: Vectors
    attractor: Nodes

    def of(self, points: Vectors) -> Nodes:
        """(n,) the attractor of chains from points (n, d) of any length but zero, as chains find it."""
        length = np.linalg.norm(points.astype(np.float64), axis=1, keepdims=True)
        rows, _ = nearest(self.index, np.ascontiguousarray(points / length, np.float32), 1)
        ends: Nodes = self.attractor[rows[:, 0]]
        return ends

    @property
    def single(self) -> bool:
        """Whether all chains end in one attractor, so that none can be sent elsewhere."""
        return bool((self.attractor == self.attractor[0]).all())


class Ground:
    """A gallery, where every chain in it ends, and its cells.

    Args:
        galleries: both sides' indexes.
        report: told items whose nearest was found; may raise ``Cancelled``.

    Raises:
        InvalidInput: a side has no item.
    """

    def __init__(self, galleries: Galleries, report: Report = silent) -> None:
        self.galleries = galleries
        self._found = nearest_map(galleries, report=report)
        self._graph = functional_graph(self._found.successor)
        image, text = galleries["image"], galleries["text"]
        ends, images = self._graph.attractor, self._found.images
        self.cells: dict[Side, Cells] = {
            "image": Cells(text, text.vectors(), ends[images:]),
            "text": Cells(image, image.vectors(), ends[:images]),
        }

    @property
    def attractors(self) -> int:
        """How many there are."""
        return len(self._graph.first)

    def side(self, item: str) -> Side:
        """The modality of an item."""
        return "image" if item in self.galleries["image"].row_of else "text"

    def vector(self, item: str) -> Vectors:
        """(d,) its unit vector."""
        index = self.galleries[self.side(item)]
        found: Vectors = np.asarray(index.vectors()[index.row_of[item]], np.float32)
        return found

    def attractor(self, item: str) -> int:
        """The attractor that its chain ends in."""
        side = self.side(item)
        before = 0 if side == "image" else self._found.images
        return int(self._graph.attractor[before + self.galleries[side].row_of[item]])

    def members(self, attractor: int) -> tuple[str, ...]:
        """Item ids of an attractor, in the order of its cycle."""
        first = int(self._graph.first[attractor])
        nodes = [first]
        while (following := int(self._found.successor[nodes[-1]])) != first:
            nodes.append(following)
        return tuple(self._found.ids[node] for node in nodes)

    def spread(self, side: Side) -> float:
        """Root mean square distance of two items of a side."""
        mean = self.galleries[side].vectors().mean(axis=0, dtype=np.float64)
        return float(np.sqrt(max(0.0, 2 * (1 - float(mean @ mean)))))
