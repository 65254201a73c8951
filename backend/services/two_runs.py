"""Two runs' maps of the same items: whether there can be such, and one that moves from run to run."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from backend.errors import InvalidInput, IsthmusError, NotFound
from backend.schemas import (
    MOST_POINTS,
    USUAL_LAYOUT,
    USUAL_POINTS,
    Frames,
    LayoutRequest,
    MapView,
    Query,
)
from backend.services.mapping import Mapping
from backend.services.same_items import SameItems

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LIKE: Final = (
    "The items that both runs have. The second run is laid out from the first one's places and fitted to "
    "them by Procrustes' method."
)
_PLAIN: Final = (
    "The items that both runs have, each run by PCA and the second fitted to the first by Procrustes' "
    "method."
)
#: of each modality, between which a query lands
_NEAREST: Final = 12


class TwoRuns(Mapping, SameItems):
    """The maps of two runs laid over each other."""

    def run_frames(
        self,
        first: str,
        second: str,
        layout: LayoutRequest = USUAL_LAYOUT,
        most: int = USUAL_POINTS,
    ) -> Frames:
        """The items of two runs, at the first run's places and at the second's.

        The second run is laid out from the first one's coordinates and fitted to them; until that is
        ready, both are drawn by PCA.

        Args:
            layout: of the first run; in two dimensions.
            most: points at most.

        Raises:
            NotFound: no such run, or it has no index.
            InvalidInput: the same run twice, or runs of other data sets.
        """
        self.check_beside(first, second)
        layout = layout.model_copy(update={"dimensions": 2, "like": None})
        plain = layout.model_copy(update={"method": "pca"})
        like = layout.model_copy(update={"like": first}) if layout != plain else plain
        one, other = self.map_view(first, layout, most), self.map_view(second, like, MOST_POINTS)
        ready = one.ready and other.ready
        if not ready:
            one, other = (
                self.map_view(first, plain, most),
                self.map_view(second, plain, MOST_POINTS),
            )
        return self._remembered(
            ("runs", first, second, layout.model_dump_json(), most, ready),
            lambda: self._run_frames(one, other, ready),
        )

    def _run_frames(self, one: MapView, other: MapView, ready: bool) -> Frames:
        import numpy as np

        from backend.exploration.layouts.fitting import procrustes

        rows, others = self._common_rows(one, other)
        from_, onto = one.xy[rows], other.xy[others]
        flat = one.layout.method == "pca"
        if flat:
            onto = procrustes(onto, from_)(onto)
        points = one.points[rows]
        names = [self._store.get_summary(view.run).name for view in (one, other)]
        return Frames(
            run=one.run,
            kind="runs",
            points=points,
            images=int(np.searchsorted(points, one.total_images)),
            total=one.total,
            stops=(0.0, 1.0),
            names=(names[0], names[1]),
            xy=np.stack([from_, onto]),
            words=_PLAIN if flat else f"{_LIKE} {one.graph}",
            ready=ready,
        )

    def frames_place(
        self, frames: Frames, run_id: str, query: Query, stop: int
    ) -> tuple[float, float]:
        """Where a query lands at a stop of a moving map: between the drawn points nearest to it in a run.

        Raises:
            InvalidInput: something of the query cannot be used.
            NotFound: no such run, or it has no index.
        """
        import numpy as np

        from backend.exploration.layouts.placing import barycentre

        wide = query.model_copy(update={"target": "both", "k": _NEAREST, "where": {}, "within": ""})
        hits = [hit for answers in self.search(run_id, wide).answers for hit in answers.hits]
        points, cosines = [], []
        for hit in sorted(hits, key=lambda hit: -hit.score):
            with suppress(NotFound):
                points.append(self.point_of(frames.run, hit.item.id))
                cosines.append(hit.score)
        rows = np.searchsorted(frames.points, points)
        there = np.isin(points, frames.points)
        if not there.any():
            return (0.0, 0.0)
        x, y = barycentre(np.array(cosines)[there], frames.xy[stop][rows[there]])
        return float(x), float(y)

    def same_items(self, first: str, second: str) -> bool:
        """Whether two runs' items can be held against each other; no where one is gone."""
        try:
            self.check_beside(first, second)
        except IsthmusError:
            return False
        return True

    def check_beside(self, first: str, second: str) -> None:
        """Whether the maps of two runs can be laid over each other.

        Raises:
            InvalidInput: the same run twice, or runs of other data sets; the sentence says so.
            NotFound: no such run, or it has no index.
        """
        if first == second:
            raise InvalidInput("This is the same run twice. Choose another second run.")
        if not (self._alike(first, second) or self._same_set(first, second)):
            names = [self._store.get_summary(run).name for run in (first, second)]
            raise InvalidInput(
                f"{names[0]} and {names[1]} were tested on different items, so no point of one is a "
                "point of the other. Choose two runs of the same data set."
            )

    def _same_set(self, first: str, second: str) -> bool:
        """Whether two runs read the same data set, of which an encoder may have left out items."""
        read = [self._looked_at(run).read for run in (first, second)]
        return read[0] is not None and read[0] == read[1]

    def _common_rows(
        self, one: MapView, other: MapView
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of two runs' views that are the same item."""
        import numpy as np

        if self._alike(one.run, other.run):
            _, rows, others = np.intersect1d(one.points, other.points, return_indices=True)
            return rows, others
        place = {name: row for row, name in enumerate(self._names(other))}
        found = [(row, place[name]) for row, name in enumerate(self._names(one)) if name in place]
        pairs = np.array(found, np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def _names(self, view: MapView) -> list[str]:
        """Item ids of a view's points."""
        indexes = self._space(view.run).gallery.indexes
        images, texts = indexes["image"].ids, indexes["text"].ids
        return [
            images[point] if point < len(images) else texts[point - len(images)]
            for point in view.points
        ]
