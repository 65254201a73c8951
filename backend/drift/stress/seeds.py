"""Which items are disturbed: those that are named, or pairs drawn by their ids alone.

What is drawn depends on the ids and the seed, not on their order or on a run: two runs that were tested on
the same items are stressed by the same seeds.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Final

from backend.errors import InvalidInput, NotFound

_DRAWN: Final = "isthmus-stress-seeds-1"
_SHOWN: Final = 3


def drawn(captions_of: Mapping[str, Iterable[str]], count: int, seed: int) -> tuple[str, ...]:
    """Pairs: an image of the gallery and one of its captions each.

    Args:
        captions_of: item ids of the captions of each image, by the image's item id.
        count: pairs at most.
        seed: of the draw.

    Raises:
        InvalidInput: no image has a caption.
    """
    images = sorted(image for image, captions in captions_of.items() if any(True for _ in captions))
    if not images:
        raise InvalidInput("The gallery has no image with a caption, so there is no seed.")
    chosen = random.Random(f"{_DRAWN}/{seed}").sample(images, min(count, len(images)))
    # a caption by its image alone, whichever other images are drawn
    texts = (
        random.Random(f"{_DRAWN}/{seed}/{image}").choice(sorted(captions_of[image]))
        for image in chosen
    )
    return (*chosen, *texts)


def checked(seeds: Iterable[str], there: Iterable[Mapping[str, int]]) -> tuple[str, ...]:
    """Named seeds, each once, in order.

    Args:
        there: the rows by id of each side of the gallery.

    Raises:
        NotFound: one is no item of the gallery.
    """
    unique, sides = tuple(dict.fromkeys(seeds)), tuple(there)
    gone = [item for item in unique if not any(item in side for side in sides)]
    if gone:
        named = ", ".join(repr(item[:60]) for item in gone[:_SHOWN])
        more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
        raise NotFound(f"{named}{more} cannot be found in this run's gallery (the test split).")
    return unique
