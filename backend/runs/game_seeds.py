"""Which items a game begins with, where they are drawn: pairs that all its runs have.

A draw depends on the seed and on ids alone, and fewer pairs are the first of more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from backend.errors import Fault, InvalidInput
from backend.exploration.gallery import image_item, owner_of

if TYPE_CHECKING:
    from backend.drift.neighbours import Galleries


def drawn_seeds(galleries: Sequence[Galleries], pairs: int, seed: int) -> tuple[str, ...]:
    """Pairs of an image and one of its captions, drawn from those that all galleries have.

    Args:
        galleries: of the runs, at least one.
        pairs: how many.
        seed: decides which.

    Returns:
        Item ids: of each pair the image, then the caption. Fewer pairs where there are not so many.

    Raises:
        InvalidInput: the galleries have no pair in common.
    """
    first = galleries[0]
    captions: dict[str, list[str]] = {}
    for item in first["text"].ids:
        if all(item in each["text"].row_of for each in galleries[1:]):
            captions.setdefault(owner_of(item), []).append(item)
    common = [
        owner
        for owner in captions
        if all(image_item(owner) in each["image"].row_of for each in galleries)
    ]
    if not common:
        raise InvalidInput(
            "These runs have no pair of an item and its caption in common, so no seeds can be drawn. "
            "Choose runs of the same data set."
        )
    chosen = sorted(common, key=lambda owner: _lot(seed, owner))[:pairs]
    found: list[str] = []
    for owner in chosen:
        found += [image_item(owner), min(captions[owner], key=lambda item: _lot(seed, item))]
    return tuple(found)


def strange_seeds(named: Sequence[tuple[str, Galleries]], seeds: Sequence[str]) -> list[Fault]:
    """Seeds that some gallery has not.

    Args:
        named: galleries by the names of their runs.
    """
    faults = []
    for name, gallery in named:
        gone = [seed for seed in seeds if not any(seed in each.row_of for each in gallery.values())]
        if gone:
            more = f" and {len(gone) - 1:,} more" if len(gone) > 1 else ""
            faults.append(Fault("seeds", f"{gone[0][:60]!r}{more} cannot be found in {name}"))
    return faults


def _lot(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"drift/{seed}/{name}".encode()).digest()
