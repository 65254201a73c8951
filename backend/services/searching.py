"""Searching a run's gallery."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import InvalidInput
from backend.schemas import (
    ITEM_WORDS,
    Answers,
    IndexNote,
    Modality,
    Query,
    QueryPart,
    SearchResult,
    Side,
)
from backend.services.opening import Opening

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.exploration.space import SharedSpace

_LONGEST_QUERY = 500


class Searching(Opening):
    """Questions to a run's shared space."""

    def search(self, run_id: str, query: Query) -> SearchResult:
        """What of a run's gallery is nearest to a query.

        Raises:
            InvalidInput: something of the query cannot be used.
            NotFound: no such run, or it has no index.
        """
        began = time.perf_counter()
        space = self._space(run_id)
        vector = self._query_vector(space, query)
        truth = None
        if len(query.parts) == 1 and query.parts[0].kind == "item" and not query.parts[0].crop:
            truth = space.gallery.owner(query.parts[0].value)
        sides: tuple[Side, ...] = ("image", "text") if query.target == "both" else (query.target,)
        notes = self.index_notes(run_id)
        answers = tuple(
            Answers(
                side=side,
                hits=space.gallery.search(vector, side, query.k, truth),
                gallery=len(space.gallery.indexes[side]),
                searched=len(space.gallery.indexes[side]),
                index=notes[side],
                truth_rank=space.gallery.truth_rank(vector, side, truth) if truth else None,
            )
            for side in sides
        )
        return SearchResult(answers=answers, seconds=time.perf_counter() - began)

    def attributes(self, run_id: str) -> dict[str, tuple[str, ...]]:
        """What answers can be filtered by: attributes, each with its values, most frequent first."""
        counts: dict[str, dict[str, int]] = {}
        entries = self._space(run_id).gallery.entries
        for entry in entries.values():
            for name, value in entry.attributes.items():
                counts.setdefault(name, {})[value] = counts.get(name, {}).get(value, 0) + 1
        return {
            name: tuple(sorted(found, key=lambda value: -found[value])[:200])
            for name, found in counts.items()
            if len(found) < len(entries)
        }

    def index_notes(self, run_id: str) -> dict[Side, IndexNote]:
        """What searches each modality of a run, and how well."""
        return {
            side: IndexNote(
                kind=index.facts.kind,
                exact=index.facts.recall_at_10 is None,
                recall_at_10=index.facts.recall_at_10,
                queries=index.facts.queries,
            )
            for side, index in self._space(run_id).gallery.indexes.items()
        }

    def embed(self, run_id: str, part: QueryPart) -> list[float]:
        """The unit vector of one part in a run's shared space."""
        return [float(number) for number in self._part_vector(self._space(run_id), part)]

    def _query_vector(self, space: SharedSpace, query: Query) -> NDArray[np.float32]:
        """(d,) unit vector of a query."""
        import numpy as np

        mixed = np.sum(
            [part.weight * self._part_vector(space, part) for part in query.parts], axis=0
        )
        length = float(np.linalg.norm(mixed))
        if length < 1e-4:
            raise InvalidInput("The parts of this query cancel out. Change a weight.")
        return np.asarray(mixed / length, np.float32)

    def _part_vector(self, space: SharedSpace, part: QueryPart) -> NDArray[np.float32]:
        import numpy as np

        modality = space.gallery.modality
        if part.kind in ("text", "said"):
            text = " ".join(part.value.split())
            if not text:
                raise InvalidInput("Type what to look for, for example: a red circle.")
            if len(text) > _LONGEST_QUERY:
                raise InvalidInput(
                    f"The text has {len(text)} letters; use at most {_LONGEST_QUERY}."
                )
            if part.kind == "text":
                return space.embed_text(text)
            if modality not in ("text", "code"):
                raise InvalidInput(f"{ITEM_WORDS[modality][1].capitalize()} cannot be typed.")
            return space.embed_item(text)
        if part.kind == "file":
            if modality not in ("image", "audio"):
                raise InvalidInput(
                    f"This run's items are {ITEM_WORDS[modality][1]}, not files. Search by words."
                )
            return space.embed_item(self._opened(Path(part.value), modality))
        if part.kind == "item":
            return space.vector(part.value)
        try:
            vector = np.array(part.value.replace(",", " ").split(), np.float32)
        except ValueError as error:
            raise InvalidInput("The vector has to be numbers.") from error
        return np.asarray(vector / np.linalg.norm(vector), np.float32)

    def _opened(self, file: Path, modality: Modality) -> Any:
        from backend.media.blobs import Blob
        from backend.media.pictures import read_picture

        if modality == "image":
            return read_picture(file, self.settings.max_image_pixels)
        return Blob(file)
