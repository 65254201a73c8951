"""Exploring a finished run: search, the map, neighbours."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import InvalidInput, IsthmusError, NotFound
from backend.schemas import (
    ITEM_WORDS,
    Colouring,
    Hit,
    Item,
    MapView,
    Modality,
    Neighbours,
    RunDetail,
    SearchResult,
    Side,
)
from backend.services.base import Door
from backend.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.exploration.space import SharedSpace
    from backend.features.encoders import Encoder

#: runs whose gallery is kept in memory at once
_OPEN_RUNS = 4
_MOST_HITS = 200
_LONGEST_QUERY = 500


class Exploring(Door):
    """Questions to a run's shared space; the last few runs asked stay in memory."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._spaces: OrderedDict[str, SharedSpace] = OrderedDict()
        self._encoders: dict[tuple[Modality, str], Encoder] = {}
        self._opening = threading.RLock()

    def warm_up(self, run_id: str | None = None) -> None:
        """Loads what the first search needs. Meant for a background thread; never raises."""
        try:
            if run_id is None:
                finished = [run.id for run in self._store.list_runs() if run.test is not None]
                if not finished:
                    import backend.exploration.space  # noqa: F401 - the imports take longest

                    return
                run_id = finished[0]
            space = self._space(run_id)
            space.embed_text("a red circle")
        except IsthmusError:
            return  # whoever asks for it will be told

    def search_text(
        self,
        run_id: str,
        query: str,
        k: int = 24,
        target: Side = "image",
        read_as: Side = "text",
    ) -> SearchResult:
        """The items of a modality nearest to a text.

        Args:
            read_as: which side's encoder reads it: as a caption, or, where the run's items are words
                themselves, as one of them.

        Raises:
            InvalidInput: an empty or overlong text, or the items are no words.
            NotFound: no such run, or it has no index.
        """
        text = " ".join(query.split())
        if not text:
            raise InvalidInput("Type what to look for, for example: a red circle.")
        if len(text) > _LONGEST_QUERY:
            raise InvalidInput(f"The text has {len(text)} letters; use at most {_LONGEST_QUERY}.")
        began = time.perf_counter()
        space = self._space(run_id)
        modality = space.gallery.modality
        if read_as == "image" and modality not in ("text", "code"):
            raise InvalidInput(f"{ITEM_WORDS[modality][1].capitalize()} cannot be typed.")
        vector = space.embed_item(text) if read_as == "image" else space.embed_text(text)
        return _answer(space, vector, target, k, None, began)

    def search_file(
        self, run_id: str, file: Path, k: int = 24, target: Side = "image"
    ) -> SearchResult:
        """The items of a modality nearest to a picture or a recording on disk.

        Raises:
            InvalidInput: the file is of another kind than the run's items, or too large.
        """
        began = time.perf_counter()
        modality = self._store.get_summary(run_id).modality
        if modality not in ("image", "audio"):
            raise InvalidInput(
                f"This run's items are {ITEM_WORDS[modality][1]}, not files. Search by words."
            )
        space = self._space(run_id)
        query = space.embed_item(self._opened(file, modality))
        return _answer(space, query, target, k, None, began)

    def _opened(self, file: Path, modality: Modality) -> Any:
        from backend.media.blobs import Blob
        from backend.media.pictures import read_picture

        if modality == "image":
            return read_picture(file, self.settings.max_image_pixels)
        return Blob(file)

    def search_item(
        self, run_id: str, item_id: str, k: int = 24, target: Side = "image"
    ) -> SearchResult:
        """The items of a modality nearest to an item of the gallery; its own pair is marked."""
        began = time.perf_counter()
        space = self._space(run_id)
        return _answer(space, space.vector(item_id), target, k, space.gallery.owner(item_id), began)

    def item(self, run_id: str, item_id: str) -> Item:
        """One item of a run's gallery."""
        return self._space(run_id).gallery.item(item_id)

    def random_items(self, run_id: str, side: Side, count: int, seed: int) -> list[Item]:
        """Items drawn from a run's gallery without repetition."""
        import numpy as np

        gallery = self._space(run_id).gallery
        ids = gallery.indexes[side].ids
        rows = np.random.default_rng(seed).permutation(len(ids))[: max(0, count)]
        return [gallery.item(ids[row]) for row in rows]

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

    # --- opened runs ----------------------------------------------------------------------------

    def _space(self, run_id: str) -> SharedSpace:
        """A run opened for questions; the last few stay in memory."""
        with self._opening:
            if run_id in self._spaces:
                self._spaces.move_to_end(run_id)
                return self._spaces[run_id]
            # NotFound before anything is imported; the encoders are those that were chosen
            detail = self._store.get_run(run_id)
            made = detail.configuration
            self._check_index(detail)

            from backend.alignment.base import load_alignment
            from backend.exploration.gallery import load_gallery
            from backend.exploration.space import SharedSpace

            space = SharedSpace(
                load_gallery(self.settings.indexes_dir / run_id, self.settings.thumbnails_dir),
                load_alignment(self.settings.runs_dir / run_id / "heads"),
                lambda side: self._encoder(run_id, str(made[f"{side}_encoder"]), side),
            )
            self._spaces[run_id] = space
            while len(self._spaces) > _OPEN_RUNS:
                self._spaces.popitem(last=False)
            return space

    def _check_index(self, detail: RunDetail) -> None:
        """Has a missing or stale index built again; until then there is nothing to look at.

        Raises:
            NotFound: it is not there.
        """
        from backend.runs.indexing import is_current

        if detail.summary.status != "finished" or is_current(self.settings, detail):
            return  # whoever opens it is told where the run has not come to its index
        if self.settings.mode != "full":
            raise NotFound("This run's index is missing, and this place is read-only.")
        if self._store.map_state(detail.summary.id) == "failed":
            raise NotFound(
                "This run's index is missing or of other heads, and could not be built again: its data "
                "set, its features or an encoder may be gone or changed. data/logs/worker.log says what "
                "went wrong. Launch the run again to explore it."
            )
        self._jobs.rebuild_index(detail.summary.id)
        raise NotFound(
            "This run's index was missing or of other heads; it is being built again from the stored "
            "features. Try again in a moment."
        )

    def _encoder(self, run_id: str, name: str, side: Side) -> Encoder:
        """A frozen encoder for queries, shared by all runs that use it.

        One that was fitted on a run's own captions belongs to that run and is kept with it.
        """
        from backend.catalog.encoders import find_encoder
        from backend.features.loading import load_encoder, load_fitted

        modality = self._store.get_summary(run_id).modality if side == "image" else "text"
        fitted = self.settings.runs_dir / run_id / "text_encoder"
        own = side == "text" and fitted.is_dir()
        key = (modality, str(fitted) if own else name)
        with self._opening:
            if key not in self._encoders:
                self._encoders[key] = (
                    load_fitted(fitted)
                    if own
                    else load_encoder(find_encoder(name, modality, self.settings), "cpu")
                )
            return self._encoders[key]

    def _forget(self, run_id: str) -> None:
        """Closes a run that is gone."""
        with self._opening:
            self._spaces.pop(run_id, None)


def _answer(
    space: SharedSpace,
    query: NDArray[np.float32],
    target: Side,
    k: int,
    truth: str | None,
    began: float,
) -> SearchResult:
    gallery = space.gallery
    hits = gallery.search(query, target, max(1, min(k, _MOST_HITS)), truth)
    return SearchResult(
        hits=hits,
        gallery=len(gallery.indexes[target]),
        seconds=time.perf_counter() - began,
        truth_rank=gallery.truth_rank(query, target, truth) if truth else None,
    )
