"""Questions to a run's map: its points, colours, labels, neighbours, and where a query lands on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from backend.errors import InvalidInput
from backend.schemas import (
    USUAL_LAYOUT,
    ClusterLabel,
    Colouring,
    Hit,
    Item,
    LayoutRequest,
    Neighbours,
    Query,
    Side,
)
from backend.services.laying_out import LayingOut, Shown
from backend.services.searching import chosen_points

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_HITS: Final = 200
#: points whose captions are read for labels; of more, some evenly
_READ: Final = 20_000
_LONGEST_NAME: Final = 80


class Mapping(LayingOut):
    """What is known of a map's points."""

    def map_points(self, run_id: str, points: Sequence[int]) -> list[Item]:
        """Items of the gallery by their points, in order.

        Raises:
            InvalidInput: there is no such point.
            NotFound: no such run, or it has no index.
        """
        gallery = self._space(run_id).gallery
        images, texts = gallery.indexes["image"].ids, gallery.indexes["text"].ids
        return [
            gallery.item(images[point] if point < len(images) else texts[point - len(images)])
            for point in self._checked(run_id, points, rising=False).tolist()
        ]

    def point_of(self, run_id: str, item_id: str) -> int:
        """The point of an item of the gallery.

        Raises:
            NotFound: it is not in the gallery.
        """
        from backend.exploration.gallery import side_of

        gallery = self._space(run_id).gallery
        gallery.owner(item_id)
        side = side_of(item_id)
        row = gallery.indexes[side].row_of[item_id]
        return row if side == "image" else len(gallery.indexes["image"]) + row

    # --- colours and labels ---------------------------------------------------------------------

    def map_colourings(self, run_id: str) -> list[str]:
        """What the map can be coloured by: modality, cluster, rank error, and attributes."""
        from backend.exploration.colours import names

        return names(self._space(run_id).gallery)

    def map_colouring(
        self,
        run_id: str,
        name: str,
        points: NDArray[np.int32],
        layout: LayoutRequest = USUAL_LAYOUT,
    ) -> Colouring:
        """The colours of some points.

        Args:
            name: one of :meth:`map_colourings`.
            points: of the map that is shown for ``layout``, rising.
            layout: decides the clusters, which are regions of the map.

        Raises:
            InvalidInput: there is no such point, or it is not on the map.
            NotFound: there is no such colouring.
        """
        from backend.exploration import colours

        gallery, some = self._space(run_id).gallery, self._checked(run_id, points)
        if name == colours.MODALITY:
            return colours.by_modality(gallery, some)
        if name == colours.CLUSTER:
            shown = self._shown(run_id, layout)
            return colours.by_region(self._regions(run_id, shown)[_places(shown, some)])
        if name == colours.RANK:
            return colours.by_rank(self._ranks(run_id, some))
        return colours.by_attribute(gallery, name, some)

    def map_similarity(self, run_id: str, query: Query, points: NDArray[np.int32]) -> Colouring:
        """Similarity of some points to a query, as a z-score among those of their modality.

        Raises:
            InvalidInput: the query cannot be used, or there is no such point.
        """
        from backend.exploration.colours import by_similarity

        space, some = self._space(run_id), self._checked(run_id, points)
        vector = self._query_vector(space, query)
        return by_similarity(space.gallery, vector, _named(query), some)

    def map_labels(
        self, run_id: str, layout: LayoutRequest, points: NDArray[np.int32]
    ) -> tuple[ClusterLabel, ...]:
        """Words across the regions of a map: those by which their captions stand out.

        Args:
            layout: whose map is shown.
            points: that are drawn, rising.
        """
        from backend.exploration.labels import labels, words_of

        shown, some = self._shown(run_id, layout), self._checked(run_id, points)
        read = some[:: -(-len(some) // _READ) or 1]

        def make() -> tuple[ClusterLabel, ...]:
            if not len(read):
                return ()
            places = _places(shown, read)
            regions = self._regions(run_id, shown)[places]
            words = words_of(self._space(run_id).gallery, read)
            return labels(shown.layout.coordinates[places], regions, words)

        key = shown.layout.card.report.key
        return self._remembered(("labels", run_id, key, _digest(some)), make)

    # --- places and neighbours ------------------------------------------------------------------

    def map_place(
        self, run_id: str, query: Query, layout: LayoutRequest = USUAL_LAYOUT
    ) -> tuple[float, ...]:
        """Where a query lands on a map: an item at its own point, anything else between its nearest.

        Raises:
            InvalidInput: the query cannot be used.
            NotFound: no such run, or it has no index.
        """
        import numpy as np

        from backend.exploration.layouts.placing import place

        shown, space = self._shown(run_id, layout), self._space(run_id)
        coordinates = shown.layout.coordinates
        vector = self._query_vector(space, query)
        first = query.parts[0]
        if (
            len(query.parts) == 1
            and first.kind == "item"
            and first.crop is None
            and first.weight > 0
        ):
            row = int(np.searchsorted(shown.points, point := self.point_of(run_id, first.value)))
            if row < len(shown.points) and shown.points[row] == point:
                return tuple(coordinates[row].tolist())
        graph = shown.layout.card.request.graph
        landed = place(space.gallery, shown.points, coordinates, graph, vector, _told(query))
        return tuple(landed.tolist())

    def neighbours(self, run_id: str, item_id: str, k: int = 8) -> Neighbours:
        """Nearest items in both modalities, the item itself left out, and its true partners.

        Raises:
            NotFound: no such run, it has no index, or the item is not in its gallery.
        """
        from backend.exploration.gallery import image_item, text_item

        space = self._space(run_id)
        gallery = space.gallery
        query, owner, item = space.vector(item_id), gallery.owner(item_id), gallery.item(item_id)
        k = max(1, min(k, _MOST_HITS))

        def near(side: Side) -> tuple[Hit, ...]:
            hits = gallery.search(query, side, k + (side == item.side), owner)
            return tuple(hit for hit in hits if hit.item.id != item_id)[:k]

        images, texts = near("image"), near("text")
        other: Side = "text" if item.side == "image" else "image"
        across = texts if other == "text" else images
        captions = range(len(gallery.entries[owner].captions))
        return Neighbours(
            item=item,
            images=images,
            texts=texts,
            partners=(image_item(owner),)
            if other == "image"
            else tuple(text_item(owner, number) for number in captions),
            retrieved=across[0].item.id if across else None,
            partner_rank=gallery.truth_rank(query, other, owner, across),
        )

    # --- taking away ----------------------------------------------------------------------------

    def export_points(
        self,
        run_id: str,
        layout: LayoutRequest = USUAL_LAYOUT,
        selection: str = "",
        form: Literal["csv", "parquet"] = "csv",
    ) -> Path:
        """All points of the map that is shown, or the selected ones, as a file under data/reports.

        Args:
            layout: whose map is shown.
            selection: a packed one; empty for all points.
            form: csv or parquet.

        Raises:
            InvalidInput: another form, or a selection of another gallery or without a point of the map.
            StorageError: it cannot be written.
        """
        from backend.exploration.tables import write_points

        if form not in ("csv", "parquet"):
            raise InvalidInput(f"Points are written as csv or parquet, not {form!r}.")
        gallery, shown = self._space(run_id).gallery, self._shown(run_id, layout)
        rows = _rows(shown, chosen_points(gallery, run_id, selection))
        points, key = shown.points[rows], shown.layout.card.report.key[:8]
        part = f"-selected-{_digest(points)[:8]}" if selection else ""
        path = self.settings.data_dir / "reports" / f"map-{run_id}-{key}{part}.{form}"
        write_points(
            path,
            gallery,
            points,
            shown.layout.coordinates[rows],
            self._regions(run_id, shown)[rows],
            self._ranks(run_id, points),
        )
        return path

    # --- helpers --------------------------------------------------------------------------------

    def _checked(
        self, run_id: str, points: Sequence[int] | NDArray[np.int32], rising: bool = True
    ) -> NDArray[np.int32]:
        """Points that there are; a browser can name any."""
        import numpy as np

        total = sum(self.gallery_sizes(run_id).values())
        try:
            some = np.asarray(points).reshape(-1).astype(np.int64)
        except (TypeError, ValueError, OverflowError):
            raise InvalidInput("Points are named by their numbers.") from None
        if len(some) and not (0 <= some.min() and some.max() < total):
            raise InvalidInput(f"This gallery's points are numbered from 0 to {total - 1}.")
        if rising and (np.diff(some) <= 0).any():
            raise InvalidInput("Points have to be named in rising order, each once.")
        return some.astype(np.int32)

    def _regions(self, run_id: str, shown: Shown) -> NDArray[np.int8]:
        from backend.exploration.clusters import clusters

        key = shown.layout.card.report.key
        return self._remembered(
            ("regions", run_id, key), lambda: clusters(shown.layout.coordinates)
        )

    def _ranks(self, run_id: str, points: NDArray[np.int32]) -> NDArray[np.float32]:
        """Those that the run's map job found; where it has not yet, of these points alone."""
        import numpy as np

        from backend.exploration.partners import partner_ranks

        layouts = self._layouts(run_id)
        kept, drawn = layouts.known_ranks(), self._points(layouts, "shared")
        if kept is not None and np.isin(points, drawn).all():
            return kept[np.searchsorted(drawn, points)]
        return self._remembered(
            ("ranks", run_id, _digest(points)), lambda: partner_ranks(layouts.gallery, points)
        )


def _places(shown: Shown, points: NDArray[np.int32]) -> NDArray[np.int64]:
    """Where points stand among those of a layout.

    Raises:
        InvalidInput: one is not on the map.
    """
    import numpy as np

    if not np.isin(points, shown.points).all():
        raise InvalidInput("Some of these points are not on the map that is shown. Open it again.")
    return np.searchsorted(shown.points, points)


def _rows(shown: Shown, chosen: NDArray[np.int32] | None) -> NDArray[np.int64]:
    """Rows of a layout's points: those that are chosen, or all.

    Raises:
        InvalidInput: none of the chosen ones is on the map.
    """
    import numpy as np

    if chosen is None:
        return np.arange(len(shown.points))
    rows = np.flatnonzero(np.isin(shown.points, chosen))
    if not len(rows):
        raise InvalidInput("None of the selected points is on this map. Select others.")
    return rows


def _named(query: Query) -> str:
    """What a map that is coloured by a query is called."""
    parts = [
        ("− " if part.weight < 0 else "")
        + (" ".join(part.value.split()) if part.kind in ("text", "said") else f"a {part.kind}")
        for part in query.parts
    ]
    return " + ".join(parts).replace("+ −", "−")[:_LONGEST_NAME]


def _told(query: Query) -> float:
    """How much of what a query leans to is of the captions' side."""
    sides = {"text": 1.0, "said": 0.0, "file": 0.0, "vector": 0.5}
    weights = [
        (part.weight, sides.get(part.kind, float(part.value.startswith("text:"))))
        for part in query.parts
        if part.weight > 0
    ]
    total = sum(weight for weight, _ in weights)
    return sum(weight * side for weight, side in weights) / total if total else 0.5


def _digest(points: NDArray[np.int32]) -> str:
    return hashlib.blake2b(points.tobytes(), digest_size=16).hexdigest()
