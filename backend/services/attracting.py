"""Where a run's chains of nearest items end: attractors, basins, and the steps until captured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from backend.schemas import Attraction
from backend.services.remembering import Remembering

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.drift.attractors import FunctionalGraph, NearestMap


class Capture(NamedTuple):
    """What becomes of every item, in the order of the map's points: images first, then captions.

    Attributes:
        steps: (n,) int32 steps until an item of its attractor is reached; 0 for its own.
        basin: (n,) int32 number of the attractor that it ends in.
        attractors: item ids of each attractor, in the order of the cycle.
        sizes: (a,) int32 items that end in each, its own among them.
    """

    steps: NDArray[np.int32]
    basin: NDArray[np.int32]
    attractors: tuple[tuple[str, ...], ...]
    sizes: NDArray[np.int32]


class Attracting(Remembering):
    """The functional graph of a run's nearest items; found once and kept beside its index."""

    def attraction(self, run_id: str, seeds: Sequence[str] | None = None) -> Attraction:
        """Attractors ranked by how many seeds end in them, and hubness beside it.

        Args:
            seeds: ids that chains begin with; None for all items.

        Raises:
            NotFound: no such run, it has no index, or a seed is no item of it.
            InvalidInput: there is no seed.
        """
        from backend.drift.attractors import attraction

        found, graph = self._nearest(run_id)
        return attraction(found, graph, seeds)

    def capture(self, run_id: str) -> Capture:
        """What becomes of every item of a run's gallery.

        Raises:
            NotFound: no such run, or it has no index.
        """
        return self._remembered(("capture", run_id), lambda: self._capture(run_id))

    def _capture(self, run_id: str) -> Capture:
        import numpy as np

        from backend.drift.attractors import members

        found, graph = self._nearest(run_id)
        return Capture(
            steps=graph.steps.astype(np.int32),
            basin=graph.attractor.astype(np.int32),
            attractors=tuple(
                tuple(found.ids[node] for node in members(found, first))
                for first in graph.first.tolist()
            ),
            sizes=graph.basin.astype(np.int32),
        )

    def _nearest(self, run_id: str) -> tuple[NearestMap, FunctionalGraph]:
        return self._remembered(("nearest", run_id), lambda: self._find_nearest(run_id))

    def _find_nearest(self, run_id: str) -> tuple[NearestMap, FunctionalGraph]:
        from backend.drift.attractors import functional_graph
        from backend.runs.attracting import nearest_of

        indexes = self._space(run_id).gallery.indexes
        found = nearest_of(self.settings, self._store.get_run(run_id), indexes)
        return found, functional_graph(found.successor)
