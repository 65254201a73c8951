"""Searching a run's gallery."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import InvalidInput
from backend.schemas import (
    ITEM_WORDS,
    Modality,
    SearchResult,
    Side,
)
from backend.services.opening import Opening

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.exploration.space import SharedSpace

#: runs whose gallery is kept in memory at once
_OPEN_RUNS = 4
_MOST_HITS = 200
_LONGEST_QUERY = 500


class Searching(Opening):
    """Questions to a run's shared space."""

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
