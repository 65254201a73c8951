"""A run's shared space, opened for questions: its gallery, its heads, and its two frozen encoders."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.alignment.base import Alignment
from backend.alignment.rows import FeatureRows, Rows, TokenRows
from backend.errors import InvalidInput
from backend.exploration.gallery import Gallery
from backend.features.encoders import Encoder
from backend.schemas import Side

_REMEMBERED: Final = 256


class Recent:
    """Vectors of what was asked last: a map and a second page ask again what a search has asked."""

    def __init__(self) -> None:
        self._vectors: OrderedDict[Hashable, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> NDArray[np.float32] | None:
        """What was kept by this key."""
        with self._lock:
            if key in self._vectors:
                self._vectors.move_to_end(key)
            return self._vectors.get(key)

    def keep(self, key: Hashable, vector: NDArray[np.float32]) -> None:
        """Keeps it, and lets go of what was asked longest ago."""
        with self._lock:
            self._vectors[key] = vector
            while len(self._vectors) > _REMEMBERED:
                self._vectors.popitem(last=False)


class SharedSpace:
    """Embeds queries and finds what lies near them.

    Args:
        gallery: what is searched.
        alignment: the run's heads.
        encoder: gives one side's frozen encoder; called on the first query of that side.

    Attributes:
        recent: queries' vectors that need not be encoded again.
    """

    def __init__(
        self, gallery: Gallery, alignment: Alignment, encoder: Callable[[Side], Encoder]
    ) -> None:
        self.gallery = gallery
        self.alignment = alignment
        self._encoder = encoder
        self.recent = Recent()

    @property
    def memory_bytes(self) -> int:
        """What its gallery keeps in memory; heads are small, and encoders are shared by many runs."""
        return self.gallery.memory_bytes

    def embed_text(self, text: str) -> NDArray[np.float32]:
        """(d,) unit vector of a text."""
        vector: NDArray[np.float32] = self._embed("text", [text])[0]
        return vector

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, d) unit vectors of texts, read together."""
        return self._embed("text", texts)

    def embed_item(self, item: Any) -> NDArray[np.float32]:
        """(d,) unit vector of something of the items' kind: an RGB picture, a recording, words."""
        vector: NDArray[np.float32] = self._embed("image", [item])[0]
        return vector

    def embed_items(self, items: Sequence[Any]) -> NDArray[np.float32]:
        """(n, d) unit vectors of things of the items' kind, read together."""
        return self._embed("image", items)

    def _embed(self, side: Side, items: Sequence[Any]) -> NDArray[np.float32]:
        encoder = self._encoder(side)
        if not encoder.outputs[0].ragged:
            return self._through(side, encoder, FeatureRows(encoder.encode(list(items))))
        tokens = [blocks[0] for blocks in encoder.encode_tokens(list(items))]
        lengths = np.asarray([len(each) for each in tokens])
        return self._through(side, encoder, TokenRows(np.concatenate(tokens), lengths))

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
