"""The built-in world's own drawing as an operator: exact, so that what drifts is the understanding alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PIL import Image

from backend.drift.operators.base import Product
from backend.errors import InvalidInput
from backend.scenes.picturing import picture
from backend.scenes.render import PICTURE_SIZE, render

_BATCH: Final = 64


class Renderer:
    """Draws what a caption says; what it leaves open is the caption's own draw, or the seed's.

    Args:
        temperature: 0: the same caption is always the same picture. Above it, what the caption leaves
            open depends on the seed.
        size: pixels of an edge.
    """

    name = "renderer"
    model = ""
    prompt = ""
    batch_size = _BATCH

    def __init__(self, temperature: float = 0.0, size: int = PICTURE_SIZE) -> None:
        self.certain = temperature == 0
        self.name = "renderer" if self.certain else "renderer (what is not said is drawn)"
        self._size = size

    def generate(self, texts: Sequence[str], seeds: Sequence[int]) -> list[Product[Image.Image]]:
        """A picture of each caption; of one that nothing is understood of there is none."""
        return [
            self._drawn(text, "" if self.certain else str(seed))
            for text, seed in zip(texts, seeds, strict=True)
        ]

    def _drawn(self, text: str, key: str) -> Product[Image.Image]:
        try:
            scene, left_out = picture(text, key)
        except InvalidInput as error:
            return Product(None, error.summary)
        drawn = Image.fromarray(render(scene, self._size))
        return Product(drawn, left_out, scene.to_dict())
