"""A journal that tells how near each step is to the start and to the one before, in a run's own space.

Retrieval knows it of what it finds. What is made by an operator is embedded as it is written, so that
curves grow while a game is played; the scores embed everything anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.drift.chains import Content
from backend.drift.journal import Journal, Made
from backend.errors import IsthmusError
from backend.media.pictures import read_picture

if TYPE_CHECKING:
    from backend.exploration.space import SharedSpace

_DIGITS: Final = 7  # of a cosine: what single precision tells

Vector = NDArray[np.float32]
Key = tuple[str, int]


class NearJournal(Journal):
    """Writes steps with their similarities.

    Args:
        path: of the file; pictures are relative to its folder.
        space: the run's.
    """

    def __init__(self, path: Path, space: SharedSpace) -> None:
        super().__init__(path)
        self._space = space
        #: what each chain came to last, and at which generation: the next step is held against it
        self._last: dict[Key, tuple[int, Vector | None]] = {}

    def append(self, steps: Sequence[Made]) -> None:
        """Adds steps; of what cannot be embedded nothing is told."""
        unknown = [step for step in steps if step.generation and step.to_start is None]
        found = iter(self._embedded([_content(step) for step in unknown]) if unknown else ())
        told: list[Made] = []
        for step in steps:  # in order: a chain may have several
            if step.generation and step.to_start is None:
                step = self._near(step, next(found))
            elif step.item:
                vector = self._space.vector(step.item)
                self._last[step.seed, step.repeat] = step.generation, vector
            told.append(step)
        super().append(told)

    def _near(self, step: Made, vector: Vector | None) -> Made:
        before = self._before(step)
        self._last[step.seed, step.repeat] = step.generation, vector
        if vector is None:
            return step
        start = self._space.vector(step.seed)
        return replace(step, to_start=_cosine(vector, start), to_previous=_cosine(vector, before))

    def _before(self, step: Made) -> Vector | None:
        """What the chain was at before a step: known, or read again where a game goes on."""
        generation, vector = self._last.get((step.seed, step.repeat), (-1, None))
        if generation == step.generation - 1:
            return vector
        found = None
        for line in self.read():
            own = (line.step.seed, line.step.repeat, line.step.generation)
            if own == (step.seed, step.repeat, step.generation - 1):
                found = _content(line.step)
        return None if found is None else self._embedded([found])[0]

    def _embedded(self, contents: Sequence[Content]) -> list[Vector | None]:
        """Unit vectors; None of what the run's encoders cannot read."""
        found: list[Vector | None] = [None] * len(contents)
        texts = [at for at, each in enumerate(contents) if each.text and not each.item]
        pictures = [at for at, each in enumerate(contents) if each.picture and not each.item]
        for at, each in enumerate(contents):
            if each.item:
                found[at] = self._space.vector(each.item)
        try:
            if texts:
                self._put(
                    found, texts, self._space.embed_texts([contents[at].text for at in texts])
                )
            if pictures:
                read: list[Any] = [
                    read_picture(self.path.parent / contents[at].picture) for at in pictures
                ]
                self._put(found, pictures, self._space.embed_items(read))
        except IsthmusError:  # a run of precomputed features reads nothing new
            return found
        return found

    @staticmethod
    def _put(found: list[Vector | None], places: list[int], vectors: Vector) -> None:
        for at, vector in zip(places, vectors, strict=True):
            found[at] = vector if np.isfinite(vector).all() else None


def _content(step: Made) -> Content:
    return Content(step.side, step.item, step.text, step.picture)


def _cosine(one: Vector, other: Vector | None) -> float | None:
    if other is None:
        return None
    exact = float((one.astype(np.float64) * other.astype(np.float64)).sum())
    return round(exact, _DIGITS) if np.isfinite(exact) else None
