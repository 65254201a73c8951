"""The run's own space read out as words: no gallery is needed to tell a picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.drift.operators.base import Product, words

if TYPE_CHECKING:
    from backend.drift.decoder import Decoder

_BATCH: Final = 64


class Decoding:
    """Words for pictures; see :class:`backend.drift.operators.base.ImageToText`.

    Args:
        decoder: of the run's space.
        embed: gives (n, d) unit vectors of pictures.
        temperature: 0 takes the likeliest words.
    """

    model = ""
    prompt = ""
    batch_size = _BATCH

    def __init__(
        self,
        decoder: Decoder,
        embed: Callable[[Sequence[Image.Image]], NDArray[np.float32]],
        temperature: float = 0.0,
    ) -> None:
        self.certain = temperature == 0
        self.name = "decoder" if self.certain else f"decoder (temperature {temperature:g})"
        self._decoder, self._embed, self._temperature = decoder, embed, temperature

    def describe(self, pictures: Sequence[Image.Image], seeds: Sequence[int]) -> list[Product[str]]:
        """Words for each picture."""
        return self.read(self._embed(pictures), seeds)

    def read(self, vectors: NDArray[np.float32], seeds: Sequence[int]) -> list[Product[str]]:
        """Words for (n, d) unit vectors of pictures."""
        told = self._decoder.decode(vectors, self._temperature, seeds, projected=True)
        return [words(each) for each in told]
