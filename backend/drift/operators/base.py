"""The two protocols of operators: text to image, and image to text.

An operator sees nothing but the generation before. What it makes depends on that, on the seed it is given
and on what else is in its batch at most by rounding; chains are played in batches that are always the same.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from PIL import Image

T = TypeVar("T")

_STEP: Final = "isthmus-step-1"
#: seeds are whole numbers below it, which every library takes
_SEEDS: Final = 2**31


@dataclass(frozen=True)
class Product(Generic[T]):
    """What was made of one input.

    Attributes:
        value: a picture in RGB, or words; None where nothing could be made.
        note: what was left out of it, or why there is nothing.
        scene: of a rendered picture, its scene graph as a dict.
    """

    value: T | None
    note: str = ""
    scene: dict[str, Any] | None = None


class Operator(Protocol):
    """What both have.

    Attributes:
        name: in words, for a person.
        model: what it is made by, where that has a name of its own.
        prompt: template that is used; empty for none.
        batch_size: inputs that it takes well at once.
        certain: whether the same input always gives the same, whatever the seed.
    """

    name: str
    model: str
    prompt: str
    batch_size: int
    certain: bool


class TextToImage(Operator, Protocol):
    """Makes pictures of texts."""

    def generate(self, texts: Sequence[str], seeds: Sequence[int]) -> list[Product[Image.Image]]:
        """A picture of each text.

        Args:
            texts: any number of them.
            seeds: of each, decides what is drawn.

        Raises:
            InvalidInput: the operator itself cannot work; of one input that fails, the product tells.
        """
        ...


class ImageToText(Operator, Protocol):
    """Tells pictures in words."""

    def describe(self, pictures: Sequence[Image.Image], seeds: Sequence[int]) -> list[Product[str]]:
        """Words for each picture, which are not empty; see :meth:`TextToImage.generate`."""
        ...


def step_seed(game: int, repeat: int, item: str, generation: int) -> int:
    """The seed of a step: it depends on the game's, on the chain and on the generation alone.

    Args:
        game: the game's seed.
        repeat: which of the seed item's chains.
        item: the seed item.
        generation: that is made.

    Returns:
        A whole number below 2^31.
    """
    # random() of a string: Python promises its sequence for every version and machine
    return int(random.Random(f"{_STEP}/{game}/{repeat}/{generation}/{item}").random() * _SEEDS)


def filled(template: str, text: str) -> str:
    """A prompt: the template with the text in place of ``{}``."""
    return template.replace("{}", text)


def words(text: str) -> Product[str]:
    """What a model said, in one line; nothing where it said nothing."""
    said = " ".join(text.split())
    return Product(said) if said else Product(None, "the model said nothing")
