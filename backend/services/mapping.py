"""The map of a run: layouts, colours, neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from backend.errors import InvalidInput, NotFound
from backend.schemas import (
    MOST_POINTS,
    USUAL_LAYOUT,
    USUAL_POINTS,
    ClusterLabel,
    Colouring,
    EvaluationSummary,
    Hit,
    Item,
    LayoutMethod,
    LayoutRequest,
    MapView,
    Neighbours,
    Query,
    Side,
)
from backend.services.searching import Searching

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MOST_HITS: Final = 200
_LEAST_POINTS: Final = 100


class Mapping(Searching):
    """Questions to a run's map."""

    def map_view(
        self, run_id: str, layout: LayoutRequest = USUAL_LAYOUT, most: int = USUAL_POINTS
    ) -> MapView:
        """The map's coordinates: PCA until what is asked for is ready.

        Args:
            layout: how it is laid out.
            most: points at most; a sample of larger galleries.

        Raises:
            NotFound: no such run, or it has no index.
        """
        import numpy as np

        from backend.exploration.layout import GRAPH, load_layout
        from backend.exploration.layouts.sampling import sample

        gallery = self._space(run_id).gallery
        found = load_layout(self.settings.indexes_dir / run_id)
        if found is None:
            raise NotFound("This run has no map yet; wait until it has finished, or press Resume.")
        method, xy = found
        if method == "pca" and self.settings.mode == "full":
            self._jobs.draw_map(run_id)
        owners = gallery.embedded()[2]
        images = len(gallery.indexes["image"])
        points = sample(images, owners, min(max(_LEAST_POINTS, most), MOST_POINTS))
        return MapView(
            run=run_id,
            layout=layout.model_copy(update={"method": method}),
            ready=method == layout.method,
            graph=GRAPH[method],
            points=points,
            images=int(np.searchsorted(points, images)),
            xy=xy[points],
            total=len(xy),
            total_images=images,
        )

    def map_progress(self, run_id: str, layout: LayoutRequest) -> EvaluationSummary | None:
        """The job that makes a layout; None where there is none."""
        return None

    def map_methods(self) -> dict[LayoutMethod, str]:
        """The methods that can be carried out here, in words."""
        return {"pca": "PCA", "umap": "UMAP"}

    def map_points(self, run_id: str, points: Sequence[int]) -> list[Item]:
        """Items of the gallery by their points.

        Raises:
            InvalidInput: there is no such point.
        """
        gallery = self._space(run_id).gallery
        images, texts = gallery.indexes["image"].ids, gallery.indexes["text"].ids
        total = len(images) + len(texts)
        if any(not 0 <= point < total for point in points):
            raise InvalidInput(f"This map's points are numbered from 0 to {total - 1}.")
        return [
            gallery.item(images[point] if point < len(images) else texts[point - len(images)])
            for point in points
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

    def map_colourings(self, run_id: str) -> list[str]:
        """What the map can be coloured by: modality and attributes."""
        from backend.exploration.colours import names

        return names(self._space(run_id).gallery)

    def map_colouring(
        self,
        run_id: str,
        name: str,
        points: NDArray[np.int32],
        layout: LayoutRequest = USUAL_LAYOUT,
    ) -> Colouring:
        """Codes of some points for one of :meth:`map_colourings`."""
        from backend.exploration.colours import colouring

        every = colouring(self._space(run_id).gallery, name)
        return every.model_copy(update={"values": every.values[points]})

    def map_similarity(self, run_id: str, query: Query, points: NDArray[np.int32]) -> Colouring:
        """Similarity of some points to a query, as a z-score within its modality."""
        from backend.exploration.colours import similarity

        space = self._space(run_id)
        words = " + ".join(part.value for part in query.parts)[:80]
        every = similarity(space.gallery, self._query_vector(space, query), words)
        return every.model_copy(update={"values": every.values[points]})

    def map_labels(
        self, run_id: str, layout: LayoutRequest, points: NDArray[np.int32]
    ) -> tuple[ClusterLabel, ...]:
        """Words across the regions of a layout."""
        return ()

    def map_place(
        self, run_id: str, query: Query, layout: LayoutRequest = USUAL_LAYOUT
    ) -> tuple[float, ...]:
        """Where a query lands on a map: between its nearest points."""
        import numpy as np

        space = self._space(run_id)
        vector = self._query_vector(space, query)
        view = self.map_view(run_id, layout, MOST_POINTS)
        image, text, _ = space.gallery.embedded()
        near = []
        for rows, first in ((image, 0), (text, len(image))):
            drawn = view.points[(view.points >= first) & (view.points < first + len(rows))]
            cosines = rows[drawn - first] @ vector
            near.append(drawn[np.argsort(-cosines)[:4]])
        places = np.searchsorted(view.points, np.concatenate(near))
        return tuple(float(number) for number in view.xy[places].mean(axis=0))

    def neighbours(self, run_id: str, item_id: str, k: int = 8) -> Neighbours:
        """Nearest items in both modalities, the item itself left out."""
        space = self._space(run_id)
        query, owner = space.vector(item_id), space.gallery.owner(item_id)
        item = space.gallery.item(item_id)
        k = max(1, min(k, _MOST_HITS))

        def near(side: Side) -> tuple[Hit, ...]:
            hits = space.gallery.search(query, side, k + 1, owner)
            return tuple(hit for hit in hits if hit.item.id != item_id)[:k]

        images, texts = near("image"), near("text")
        other: Side = "text" if item.side == "image" else "image"
        across = texts if other == "text" else images
        captions = space.gallery.entries[owner].captions
        own = (f"image:{owner}",)
        said = tuple(f"text:{owner}#{number}" for number in range(len(captions)))
        partners = said if other == "text" else own
        return Neighbours(
            item=item,
            images=images,
            texts=texts,
            partners=partners,
            retrieved=across[0].item.id if across else None,
            partner_rank=space.gallery.truth_rank(query, other, owner) if partners else None,
        )

    def export_points(
        self,
        run_id: str,
        layout: LayoutRequest,
        selection: str = "",
        form: Literal["csv", "parquet"] = "csv",
    ) -> Path:
        """The map's points as a file, with everything that is known of them."""
        import pandas as pd

        from backend.schemas import unpack

        view = self.map_view(run_id, layout, MOST_POINTS)
        chosen = unpack(selection)
        gallery = self._space(run_id).gallery
        ids = [*gallery.indexes["image"].ids, *gallery.indexes["text"].ids]
        frame = pd.DataFrame(
            {"id": [ids[point] for point in view.points], "x": view.xy[:, 0], "y": view.xy[:, 1]}
        )
        if chosen is not None:
            frame = frame[pd.Series(view.points).isin(chosen.points)]
        path = self.settings.data_dir / "reports" / f"map-{run_id}.{form}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if form == "csv":
            frame.to_csv(path, index=False)
        else:
            frame.to_parquet(path, index=False)
        return path
