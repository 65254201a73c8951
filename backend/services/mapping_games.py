"""Where what a game has made lands on a run's map: texts and pictures of no gallery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from backend.errors import InvalidInput
from backend.schemas import USUAL_LAYOUT, LayoutRequest
from backend.services import mapping
from backend.services.reporting_games import ReportingGames

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.drift.journal import Made
    from backend.exploration.space import SharedSpace
    from backend.runs.games import GameFiles


class MappingGames(ReportingGames, mapping.Mapping):
    """Games on maps."""

    def place_chain(
        self,
        run_id: str,
        game: str,
        seed: str,
        repeat: int = 0,
        layout: LayoutRequest = USUAL_LAYOUT,
        known_only: bool = False,
    ) -> Mapping[int, tuple[float, ...]]:
        """Where the generations of a chain land that are no items: between their nearest points.

        Args:
            run_id: whose map it is, and whose space reads them.
            game: that the chain is of.
            seed, repeat: the chain's.
            known_only: leaves out what the encoders would have to read first.

        Returns:
            Generation -> (2,) or (3,) coordinates. What cannot be read any more is left out.

        Raises:
            NotFound: no such run or game, or the run has no index.
        """
        from backend.exploration.layouts.placing import place

        space, shown = self._space(run_id), self._shown(run_id, layout)
        read = self._chains(game)
        row = read.table.row(seed, repeat)
        if row is None:
            return {}
        lines = read.table.lines[row]
        steps = read.files.journal.at(lines[lines >= 0].tolist())
        made = [step for step in steps if not step.item and (step.text or step.picture)]
        graph, coordinates = shown.layout.card.request.graph, shown.layout.coordinates
        return {
            step.generation: tuple(
                place(
                    space.gallery, shown.points, coordinates, graph, vector,
                    float(step.side == "text"),
                ).tolist()
            )
            for step, vector in _embedded(
                space, read.files, made, self.settings.max_image_pixels, known_only
            )
        }  # fmt: skip


def _embedded(
    space: SharedSpace, files: GameFiles, steps: Sequence[Made], max_pixels: int, known_only: bool
) -> list[tuple[Made, NDArray[np.float32]]]:
    """What was made with its (d,) unit vector; what was read lately is remembered."""
    from backend.media.blobs import Blob
    from backend.media.pictures import read_picture

    def key_of(step: Made) -> tuple[str, str]:
        return ("made", step.text or str(files.pictures / step.picture))

    known = {key_of(step): space.recent.get(key_of(step)) for step in steps}

    def read(keys: Sequence[tuple[str, str]], vectors: NDArray[np.float32]) -> None:
        for key, vector in zip(keys, vectors, strict=True):
            space.recent.keep(key, vector)
            known[key] = vector

    texts: dict[tuple[str, str], str] = {}
    pictures: dict[tuple[str, str], Any] = {}
    for step in () if known_only else steps:
        key = key_of(step)
        if known[key] is not None:
            continue
        if step.text:
            texts[key] = step.text
        elif space.gallery.modality == "image":
            with suppress(InvalidInput):  # a file that somebody took away
                pictures[key] = read_picture(Blob(files.pictures / step.picture), max_pixels)
    if texts:
        read(list(texts), space.embed_texts(list(texts.values())))
    if pictures:
        read(list(pictures), space.embed_items(list(pictures.values())))
    return [(step, vector) for step in steps if (vector := known[key_of(step)]) is not None]
