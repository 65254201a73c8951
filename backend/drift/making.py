"""Where a chain stands, and what takes it one generation further: retrieval, or an operator that makes.

A step sees the generation before alone, which is an item of the gallery or something that was made.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from backend.drift.neighbours import nearest
from backend.drift.operators.base import ImageToText, Product, TextToImage
from backend.media.blobs import Blob
from backend.media.pictures import read_picture
from backend.schemas import OperatorChoice, Side

if TYPE_CHECKING:
    from backend.drift.operators.decoding import Decoding
    from backend.exploration.gallery import Gallery
    from backend.exploration.space import SharedSpace

_DRAWN: Final = "isthmus-found-1"
#: chains that are searched for together
_BATCH: Final = 256


@dataclass(frozen=True)
class Here:
    """A generation of a chain.

    Attributes:
        side: what it is.
        item: id in the gallery, where it was found there.
        text: its words, of a text.
        picture: gives its picture, of an image; raises ``InvalidInput`` where it cannot be read.
        visited: items of the gallery that the chain has been at.
    """

    side: Side
    item: str = ""
    text: str = ""
    picture: Callable[[], Image.Image] | None = None
    visited: tuple[str, ...] = ()


@dataclass(frozen=True)
class Moved:
    """Where a step led: to an item, words or a picture; to none of them where it could not be made.

    Attributes:
        note: what was left out, or why there is nothing.
        scene: of a rendered picture.
    """

    item: str = ""
    text: str = ""
    picture: Image.Image | None = None
    note: str = ""
    scene: dict[str, Any] | None = field(default=None)

    @property
    def made(self) -> bool:
        """Whether there is something."""
        return bool(self.item or self.text or self.picture is not None)


class Maker(Protocol):
    """Takes chains one generation further; the attributes are those of an operator."""

    name: str
    model: str
    prompt: str
    batch_size: int
    certain: bool

    def make(self, chains: Sequence[Here], seeds: Sequence[int]) -> list[Moved]:
        """Where each goes, given the seed of its step."""
        ...


def at_item(gallery: Gallery, item: str, visited: tuple[str, ...], max_pixels: int) -> Here:
    """A generation that is an item of the gallery."""
    if item in gallery.indexes["text"].row_of:
        return Here("text", item, gallery.said(item), visited=visited)

    def picture() -> Image.Image:
        content = gallery.entries[gallery.owner(item)].content
        return read_picture(content if isinstance(content, Blob) else b"", max_pixels)

    return Here("image", item, picture=picture, visited=visited)


class Shows:
    """Pictures of texts, by an operator."""

    def __init__(self, operator: TextToImage) -> None:
        self._operator = operator
        self.name, self.model, self.prompt = operator.name, operator.model, operator.prompt
        self.batch_size, self.certain = operator.batch_size, operator.certain

    def make(self, chains: Sequence[Here], seeds: Sequence[int]) -> list[Moved]:
        """A picture of each."""
        made = self._operator.generate([each.text for each in chains], seeds)
        return [Moved(picture=each.value, note=each.note, scene=each.scene) for each in made]


class Tells:
    """Words for pictures, by an operator."""

    def __init__(self, operator: ImageToText) -> None:
        self._operator = operator
        self.name, self.model, self.prompt = operator.name, operator.model, operator.prompt
        self.batch_size, self.certain = operator.batch_size, operator.certain

    def make(self, chains: Sequence[Here], seeds: Sequence[int]) -> list[Moved]:
        """Words for each."""
        made = self._operator.describe([_picture(each) for each in chains], seeds)
        return [_said(each) for each in made]


class Reads:
    """Words for points of the run's own space: of an item its own, which need not be embedded again."""

    def __init__(self, operator: Decoding, space: SharedSpace) -> None:
        self._operator, self._space = operator, space
        self.name, self.model, self.prompt = operator.name, operator.model, operator.prompt
        self.batch_size, self.certain = operator.batch_size, operator.certain

    def make(self, chains: Sequence[Here], seeds: Sequence[int]) -> list[Moved]:
        """Words for each."""
        return [_said(each) for each in self._operator.read(vectors(self._space, chains), seeds)]


class Finds:
    """The nearest of the gallery, or one of the nearest.

    Args:
        space: the run's.
        target: what is to be found.
        choice: temperature and number of candidates.
        revisit: whether an item may come again.
        excluded: ids that no step leads to.
    """

    model = ""
    prompt = ""
    batch_size = _BATCH

    def __init__(
        self,
        space: SharedSpace,
        target: Side,
        choice: OperatorChoice,
        revisit: bool,
        excluded: frozenset[str],
        name: str,
    ) -> None:
        self.name = name
        self.certain = choice.temperature == 0 and revisit
        self._space, self._index = space, space.gallery.indexes[target]
        self._choice, self._revisit = choice, revisit
        self._barred = np.zeros(len(self._index), bool)
        self._barred[self._rows(excluded)] = True

    def make(self, chains: Sequence[Here], seeds: Sequence[int]) -> list[Moved]:
        """An item for each; none where nothing is left to go to."""
        drawn = self._choice.temperature > 0
        rows, cosines = nearest(
            self._index,
            vectors(self._space, chains),
            min(self._choice.candidates, len(self._index)) if drawn else 1,
            self._barred,
            None if self._revisit else [self._rows(each.visited) for each in chains],
        )
        found = []
        for own, scores, seed in zip(rows, cosines, seeds, strict=True):
            place = self._place(scores[own >= 0], seed)
            nothing = Moved(note="no item is left to go to")
            found.append(nothing if place < 0 else Moved(item=self._index.ids[own[place]]))
        return found

    def _place(self, cosines: NDArray[np.float64], seed: int) -> int:
        if not len(cosines):
            return -1
        if self._choice.temperature == 0:
            return 0
        draw = random.Random(f"{_DRAWN}/{seed}").random()
        chances = np.cumsum(np.exp((cosines - cosines[0]) / self._choice.temperature))
        return min(int(np.searchsorted(chances, draw * chances[-1], "right")), len(chances) - 1)

    def _rows(self, items: Sequence[str] | frozenset[str]) -> list[int]:
        row_of = self._index.row_of
        return [row_of[item] for item in items if item in row_of]


def vectors(space: SharedSpace, chains: Sequence[Here]) -> NDArray[np.float32]:
    """(n, d) unit vectors of generations: the gallery's own of its items, the others embedded together."""
    known: dict[int, NDArray[np.float32]] = {}
    made: Mapping[Side, list[int]] = {"image": [], "text": []}
    for place, each in enumerate(chains):
        if each.item:
            known[place] = space.vector(each.item)
        else:
            made[each.side].append(place)
    if made["text"]:
        found = space.embed_texts([chains[place].text for place in made["text"]])
        known |= dict(zip(made["text"], found, strict=True))
    if made["image"]:
        found = space.embed_items([_picture(chains[place]) for place in made["image"]])
        known |= dict(zip(made["image"], found, strict=True))
    return np.stack([known[place] for place in range(len(chains))])


def _picture(chain: Here) -> Image.Image:
    assert chain.picture is not None  # an image has one
    return chain.picture()


def _said(product: Product[str]) -> Moved:
    return Moved(text=product.value or "", note=product.note)
