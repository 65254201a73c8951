"""Which items are disturbed: those that are named, or pairs drawn by their ids alone.

What is drawn depends on the ids and the seed, not on their order or on a run: two runs that were tested on
the same items are stressed by the same seeds.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from backend.errors import InvalidInput, NotFound
from backend.schemas import Side

if TYPE_CHECKING:
    from backend.exploration.gallery import Gallery

SIDES: Final[tuple[Side, Side]] = ("image", "text")
_DRAWN: Final = "isthmus-stress-seeds-1"
_SHOWN: Final = 3


def drawn(captions_of: Mapping[str, Sequence[str]], count: int, seed: int) -> tuple[str, ...]:
    """Pairs: an image of the gallery and one of its captions each.

    Args:
        captions_of: item ids of the captions of each image, by the image's item id.
        count: pairs at most.
        seed: of the draw.

    Raises:
        InvalidInput: no image has a caption.
    """
    images = sorted(image for image, captions in captions_of.items() if captions)
    if not images:
        raise InvalidInput("The gallery has no image with a caption, so there is no seed.")
    chosen = random.Random(f"{_DRAWN}/{seed}").sample(images, min(count, len(images)))
    # a caption by its image alone, whichever other images are drawn
    texts = (
        random.Random(f"{_DRAWN}/{seed}/{image}").choice(sorted(captions_of[image]))
        for image in chosen
    )
    return (*chosen, *texts)


def captions_of(galleries: Sequence[Gallery]) -> dict[str, list[str]]:
    """Item ids of the captions of each image, by the image's item id, of those that all galleries have."""
    from backend.exploration.gallery import image_item, text_item

    images, texts = (
        set.intersection(*(set(gallery.indexes[side].ids) for gallery in galleries))
        for side in SIDES
    )
    found = {
        image_item(entry.id): [text_item(entry.id, k) for k in range(len(entry.captions))]
        for entry in galleries[0].entries.values()
    }
    return {
        image: [caption for caption in captions if caption in texts]
        for image, captions in found.items()
        if image in images
    }


def checked(seeds: Iterable[str], gallery: Gallery) -> tuple[str, ...]:
    """Named seeds, each once, in order.

    Raises:
        NotFound: one is no item of the gallery.
    """
    unique = tuple(dict.fromkeys(seeds))
    there = [index.row_of for index in gallery.indexes.values()]
    gone = [item for item in unique if not any(item in side for side in there)]
    if gone:
        named = ", ".join(repr(item[:60]) for item in gone[:_SHOWN])
        more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
        raise NotFound(f"{named}{more} cannot be found in this run's gallery (the test split).")
    return unique
