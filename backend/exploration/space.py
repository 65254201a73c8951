"""A run's shared space, opened for questions: its gallery, its heads, and its two frozen encoders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.alignment.base import Alignment
from backend.alignment.rows import FeatureRows, Rows, TokenRows
from backend.errors import InvalidInput
from backend.exploration.gallery import Gallery
from backend.features.encoders import Encoder
from backend.schemas import Side


class SharedSpace:
    """Embeds queries and finds what lies near them.

    Args:
        gallery: what is searched.
        alignment: the run's heads.
        encoder: gives one side's frozen encoder; called on the first query of that side.
    """

    def __init__(
        self, gallery: Gallery, alignment: Alignment, encoder: Callable[[Side], Encoder]
    ) -> None:
        self.gallery = gallery
        self.alignment = alignment
        self._encoder = encoder

    def embed_text(self, text: str) -> NDArray[np.float32]:
        """(d,) unit vector of a text."""
        return self._embed("text", text)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, d) unit vectors of texts, read together."""
        encoder = self._encoder("text")
        if encoder.outputs[0].ragged:
            return np.stack([self.embed_text(text) for text in texts])
        return self._through("text", encoder, FeatureRows(encoder.encode(list(texts))))

    def embed_item(self, item: Any) -> NDArray[np.float32]:
        """(d,) unit vector of something of the items' kind: an RGB picture, a recording, words."""
        return self._embed("image", item)

    def _embed(self, side: Side, item: Any) -> NDArray[np.float32]:
        encoder = self._encoder(side)
        vector: NDArray[np.float32] = self._through(side, encoder, _features(encoder, item))[0]
        return vector

    def _through(self, side: Side, encoder: Encoder, features: Rows) -> NDArray[np.float32]:
        """Frozen features through a side's head."""
        wanted = self.alignment.heads[side].config.inputs
        if features.width != wanted:
            raise InvalidInput(
                f"The {side} encoder {encoder.spec.id} has changed since this run: it gives "
                f"{features.width} numbers and the run's head takes {wanted}. Launch the run again."
            )
        embedded: NDArray[np.float32] = self.alignment.transform(side, features)
        return embedded

    def vector(self, item_id: str) -> NDArray[np.float32]:
        """(d,) unit vector of an item of the gallery."""
        return self.gallery.vector(item_id)

    def nearest(self, query: NDArray[np.float32], target: Side, k: int) -> list[str]:
        """Ids of the k items of a modality nearest to a unit vector, best first."""
        index = self.gallery.indexes[target]
        rows, _ = index.search(query[None], k)
        return [index.ids[row] for row in rows[0]]


def _features(encoder: Encoder, item: Any) -> Rows:
    """One item's features, as the run's own items have them: one vector, or every token's."""
    if not encoder.outputs[0].ragged:
        return FeatureRows(encoder.encode([item]))
    tokens = encoder.encode_tokens([item])[0][0]
    return TokenRows(tokens, np.asarray([len(tokens)]))
