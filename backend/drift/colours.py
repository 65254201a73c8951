"""The colour of an object in a picture, by any pair of encoders that share a space, as GenEval has it.

    prompts   "a photo of a {colour} {class}", "a photo of a {colour}-colored {class}",
              "a photo of a {colour} object", the class embedding as in zero-shot classification
    picture   the object's box, cut out
    scores    cosines with the ten colours; the largest is the colour

GenEval also blanks what lies outside the object's mask; detectors of boxes give no mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.drift.scores.boxes import Box
from backend.drift.scores.geneval import Found
from backend.drift.scores.prompts import COLOURS
from backend.evaluation.zero_shot import class_embeddings

_TEMPLATES: Final = (
    "a photo of a {colour} {name}",
    "a photo of a {colour}-colored {name}",
    "a photo of a {colour} object",
)

Rows = NDArray[np.float32]


class ColourClassifier:
    """Zero-shot classification of the ten colours.

    Args:
        pictures: gives (n, d) embeddings of RGB pictures.
        texts: gives (n, d) embeddings of sentences, in the same space.
    """

    def __init__(
        self,
        pictures: Callable[[Sequence[Image.Image]], Rows],
        texts: Callable[[Sequence[str]], Rows],
    ) -> None:
        self._pictures = pictures
        self._texts = texts
        self._colours: dict[str, Rows] = {}

    def told(self, found: Found, picture: Image.Image) -> Found:
        """The same objects, of which the colours are told when they are asked for."""
        return replace(found, colours=lambda name, boxes: self.scores(picture, name, boxes))

    def scores(self, picture: Image.Image, name: str, boxes: Sequence[Box]) -> Rows:
        """(n, 10) cosines of the objects in these boxes with :data:`COLOURS`.

        Args:
            name: their class.
        """
        if name not in self._colours:
            sentences = [
                template.format(colour=colour, name=name)
                for colour in COLOURS
                for template in _TEMPLATES
            ]
            rows = self._texts(sentences)
            self._colours[name] = class_embeddings(
                rows.reshape(len(COLOURS), len(_TEMPLATES), rows.shape[1])
            )
        seen = self._pictures([_cut(picture, box) for box in boxes])
        unit: Rows = seen / np.linalg.norm(seen, axis=1, keepdims=True)
        return unit @ self._colours[name].T


def _cut(picture: Image.Image, box: Box) -> Image.Image:
    """What is in a box, at least a pixel of it."""
    left, top = (min(int(at), size - 1) for at, size in zip(box[:2], picture.size, strict=True))
    right, bottom = (int(np.ceil(at)) for at in box[2:])
    return picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
