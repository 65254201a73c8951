"""The map of a run: layouts, colours, neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.errors import InvalidInput, NotFound
from backend.schemas import (
    Colouring,
    Hit,
    MapView,
    Neighbours,
    Side,
)
from backend.services.searching import Searching

if TYPE_CHECKING:
    pass

#: runs whose gallery is kept in memory at once
_OPEN_RUNS = 4
_MOST_HITS = 200
_LONGEST_QUERY = 500


class Mapping(Searching):
    """Questions to a run's map."""

    def map_view(self, run_id: str) -> MapView:
        """The map's coordinates: PCA until UMAP is ready.

        Raises:
            NotFound: no such run, or it has no index.
        """
        import numpy as np

        from backend.exploration.layout import GRAPH, load_layout

        gallery = self._space(run_id).gallery
        found = load_layout(self.settings.indexes_dir / run_id)
        if found is None:
            raise NotFound("This run has no map yet; wait until it has finished, or press Resume.")
        layout, xy = found
        if layout == "pca" and self.settings.mode == "full":
            self._jobs.draw_map(run_id)
        ids = (*gallery.indexes["image"].ids, *gallery.indexes["text"].ids)
        side = np.repeat([0, 1], [len(gallery.indexes["image"]), len(gallery.indexes["text"])])
        return MapView(
            run=run_id,
            layout=layout,
            graph=GRAPH[layout],
            ids=ids,
            side=side.astype(np.uint8),
            xy=xy,
            total=len(ids),
        )

    def map_colourings(self, run_id: str) -> list[str]:
        """What the map can be coloured by: modality and attributes."""
        from backend.exploration.colours import names

        return names(self._space(run_id).gallery)

    def map_colouring(self, run_id: str, name: str) -> Colouring:
        """Codes of all points for one of :meth:`map_colourings`."""
        from backend.exploration.colours import colouring

        return colouring(self._space(run_id).gallery, name)

    def map_similarity(self, run_id: str, query: str) -> Colouring:
        """Similarity of every point to a prompt, as a z-score within its modality."""
        from backend.exploration.colours import similarity

        text = " ".join(query.split())[:_LONGEST_QUERY]
        if not text:
            raise InvalidInput("Type a prompt to colour the map by, for example: a red circle.")
        space = self._space(run_id)
        return similarity(space.gallery, space.embed_text(text), text)

    def neighbours(self, run_id: str, item_id: str, k: int = 8) -> Neighbours:
        """Nearest items in both modalities, the item itself left out."""
        space = self._space(run_id)
        query, owner = space.vector(item_id), space.gallery.owner(item_id)
        k = max(1, min(k, _MOST_HITS))

        def near(side: Side) -> tuple[Hit, ...]:
            hits = space.gallery.search(query, side, k + 1, owner)
            return tuple(hit for hit in hits if hit.item.id != item_id)[:k]

        return Neighbours(
            item=space.gallery.item(item_id), images=near("image"), texts=near("text")
        )
