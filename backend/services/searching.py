"""Searching a run's gallery."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from backend.errors import Fault, InvalidInput
from backend.schemas import (
    IndexNote,
    Query,
    QueryPart,
    SearchResult,
    Side,
    unpack,
)
from backend.services.opening import Opening

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.exploration.gallery import Gallery
    from backend.exploration.space import SharedSpace

T = TypeVar("T")


class Searching(Opening):
    """Questions to a run's shared space."""

    def search(self, run_id: str, query: Query) -> SearchResult:
        """What of a run's gallery is nearest to a query.

        Where both modalities are searched, each is ranked by itself: in a shared space all images lie
        nearer to an image than all texts do (the modality gap), which would decide a common ranking.

        An item of the gallery that is asked with alone, uncropped, has a pair: it is marked among the
        answers, and its rank among all of a modality is told, whatever the filters.

        Raises:
            InvalidInput: what of the query cannot be used, all at once: its parts, its filters, its
                selection.
            NotFound: no such run, or it has no index.
        """
        from backend.exploration.searching import answers

        began = time.perf_counter()
        space = self._space(run_id)
        gallery = space.gallery
        faults = gallery.filters.faults(query.where) if query.where else []
        vector = _or_fault(faults, "", lambda: self._query_vector(space, query))
        chosen = _or_fault(
            faults, "selection", lambda: chosen_points(gallery, run_id, query.within)
        )
        if faults or vector is None:
            raise InvalidInput("This cannot be searched for yet.", faults)
        sides: tuple[Side, ...] = ("image", "text") if query.target == "both" else (query.target,)
        truth, hide = _pair(gallery, query), query.hide_duplicates
        found = tuple(
            answers(
                gallery,
                vector,
                side,
                query.k,
                gallery.among(side, query.where, chosen),
                truth,
                hide,
            )
            for side in sides
        )
        return SearchResult(answers=found, seconds=time.perf_counter() - began)

    def attributes(self, run_id: str) -> dict[str, tuple[str, ...]]:
        """What answers can be filtered by: attributes that tell a gallery's items apart.

        Returns:
            Their values, the most frequent first, at most 200; attributes with another value for each
            item are left out.

        Raises:
            NotFound: no such run, or it has no index.
        """
        return self._space(run_id).gallery.filters.values()

    def index_notes(self, run_id: str) -> dict[Side, IndexNote]:
        """What searches each modality of a run's gallery, and how well.

        Raises:
            NotFound: no such run, or it has no index.
        """
        from backend.exploration.searching import note

        indexes = self._space(run_id).gallery.indexes
        return {side: note(index.facts) for side, index in indexes.items()}

    def embed(self, run_id: str, part: QueryPart) -> list[float]:
        """The unit vector of a part in a run's shared space, whatever its weight.

        Raises:
            InvalidInput: it cannot be used.
            NotFound: no such run, or it has no index.
        """
        from backend.exploration.queries import part_vectors

        pixels = self.settings.max_image_pixels
        whole = part.model_copy(update={"weight": 1.0})
        (vector,) = part_vectors(self._space(run_id), [whole], pixels)
        return [float(number) for number in vector]

    def _query_vector(self, space: SharedSpace, query: Query) -> NDArray[np.float32]:
        """(d,) unit vector of a query."""
        from backend.exploration.queries import query_vector

        return query_vector(space, query, self.settings.max_image_pixels)


def chosen_points(gallery: Gallery, run_id: str, within: str) -> NDArray[np.int32] | None:
    """The points of a packed selection; None where nothing is selected.

    Raises:
        InvalidInput: it is no selection, or not of this gallery.
    """
    selection = unpack(within)
    if selection is None:
        return None
    points = len(gallery.indexes["image"]) + len(gallery.indexes["text"])
    if selection.run != run_id:
        raise InvalidInput(
            f"it was made in the run {selection.run}; clear it, or select on this run's map"
        )
    if selection.total != points:
        raise InvalidInput(
            f"it is of {selection.total:,} points and this gallery has {points:,}; clear it, and select "
            "again"
        )
    return selection.points


def _pair(gallery: Gallery, query: Query) -> str | None:
    """The image id of the pair that is asked with; None for what has no pair, as mixtures have none."""
    part = query.parts[0]
    alone = len(query.parts) == 1 and part.kind == "item" and part.weight > 0
    return gallery.owner(part.value) if alone and part.crop is None else None


def _or_fault(faults: list[Fault], where: str, ask: Callable[[], T]) -> T | None:
    """What is asked for; where it cannot be had, the faults tell why."""
    try:
        return ask()
    except InvalidInput as error:
        faults.extend(error.faults or [Fault(where, error.summary)])
        return None
