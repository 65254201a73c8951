"""A word of a caption for another, and where its chain then ends.

Two kinds are told apart, since they mean the opposite: a synonym leaves the caption true of its image, so a
robust chain stays where it is; a word that changes the meaning makes another caption of it, whose chain
may rightly end elsewhere. A run that goes elsewhere for both alike does not know the words.

Among the swaps that send a caption elsewhere the smallest is the one that moves its embedding least.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.drift.stress.cells import Ground
from backend.drift.stress.curves import estimate
from backend.evaluation.enrichment import wilson
from backend.evaluation.swapping import DEFAULT_PAIRS, WordPair, parse_pairs, swaps
from backend.schemas.diagnosing import Proportion, Swap
from backend.schemas.stress import (
    StressRequest,
    StressSeed,
    SwapKind,
    WordFlip,
    WordPairStress,
    WordStress,
)

#: words that captions of photographs and of the built-in world use, and others that mean the same
SYNONYMS: Final = (
    WordPair(("large",), ("big",)),
    WordPair(("small",), ("little",)),
    WordPair(("purple",), ("violet",)),
    WordPair(("dotted",), ("spotted",)),
    WordPair(("circle", "circles"), ("disc", "discs")),
    WordPair(("diamond", "diamonds"), ("rhombus", "rhombuses")),
    WordPair(("below",), ("beneath",)),
    WordPair(("picture",), ("image",)),
    WordPair(("photo",), ("photograph",)),
    WordPair(("child", "children"), ("kid", "kids")),
    WordPair(("woman", "women"), ("lady", "ladies")),
    WordPair(("man", "men"), ("guy", "guys")),
    WordPair(("people",), ("persons",)),
    WordPair(("near",), ("close to",)),
    WordPair(("sitting", "sits"), ("seated", "is seated")),
    WordPair(("street",), ("road",)),
    WordPair(("bike",), ("bicycle",)),
)
#: beside the usual pairs: the shapes of the built-in world
_SHAPES: Final = (
    WordPair(("circle", "circles"), ("square", "squares")),
    WordPair(("triangle", "triangles"), ("star", "stars")),
    WordPair(("heart", "hearts"), ("cross", "crosses")),
    WordPair(("ring", "rings"), ("flower", "flowers")),
)
MEANINGS: Final = (*DEFAULT_PAIRS, *_SHAPES)

_SHOWN: Final = 200

Vectors = NDArray[np.float32]


def word_pairs(request: StressRequest) -> dict[SwapKind, tuple[WordPair, ...]]:
    """The pairs of each kind, the usual ones where none are given.

    Raises:
        InvalidInput: a line cannot be used.
    """
    given: dict[SwapKind, tuple[str, tuple[WordPair, ...]]] = {
        "synonym": (request.synonyms, SYNONYMS),
        "meaning": (request.swaps, MEANINGS),
    }
    return {
        kind: parse_pairs(told) if told.strip() else usual for kind, (told, usual) in given.items()
    }


def swapped(
    kind: SwapKind,
    pairs: Sequence[WordPair],
    ground: Ground,
    seeds: Sequence[StressSeed],
    said: Sequence[str],
    embed: Callable[[Sequence[str]], Vectors],
    seed: int,
) -> tuple[WordStress, dict[str, float]]:
    """Every caption with every pair that it has a word of.

    Args:
        kind: whether the pairs are synonyms.
        pairs: of words.
        ground: the run's gallery.
        seeds: captions.
        said: their words.
        embed: unit rows of other captions, in the run's space.
        seed: of the bootstrap.

    Returns:
        What they do; and by item the share of its swaps that send it elsewhere.
    """
    changed = swaps(said, pairs)
    if not changed:
        return _none(kind), {}
    texts = list(dict.fromkeys(swap.changed for swap in changed))
    place = {text: row for row, text in enumerate(texts)}
    after = embed(texts)[[place[swap.changed] for swap in changed]]
    rows = np.array([swap.row for swap in changed])
    before = np.stack([ground.vector(seeds[row].item) for row in rows])
    ends = ground.cells["text"].of(after)
    flips = ends != np.array([ground.attractor(seeds[row].item) for row in rows])
    moved = np.linalg.norm(after.astype(np.float64) - before, axis=1)
    least: dict[int, int] = {}
    for at in sorted(np.flatnonzero(flips).tolist(), key=lambda at: (moved[at], at)):
        least.setdefault(int(rows[at]), at)
    own = sorted(set(rows.tolist()))
    shares = {seeds[row].item: float(flips[rows == row].mean()) for row in own}
    some = len(least) / len(own)
    told = WordStress(
        kind=kind,
        captions=len(own),
        swaps=len(changed),
        elsewhere=estimate(list(shares.values()), [seeds[row].image for row in own], seed),
        any_elsewhere=Proportion(value=some, count=len(own), interval=wilson(some, len(own))),
        pairs=_by_pair(changed, flips),
        smallest=tuple(
            _flip(seeds[row], changed[at], float(moved[at]), ground.members(int(ends[at])))
            for row, at in list(least.items())[:_SHOWN]
        ),
    )
    return told, shares


def _none(kind: SwapKind) -> WordStress:
    return WordStress(
        kind=kind, captions=0, swaps=0, elsewhere=None, any_elsewhere=None, pairs=(), smallest=()
    )


def _by_pair(changed: Sequence[Swap], flips: NDArray[np.bool_]) -> tuple[WordPairStress, ...]:
    groups: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for swap, flipped in zip(changed, flips.tolist(), strict=True):
        groups[swap.before, swap.after].append(flipped)
    found = []
    for (before, after), own in sorted(
        groups.items(), key=lambda group: (-len(group[1]), group[0])
    ):
        share = sum(own) / len(own)
        counted = Proportion(value=share, count=len(own), interval=wilson(share, len(own)))
        found.append(WordPairStress(before=before, after=after, elsewhere=counted))
    return tuple(found)


def _flip(seed: StressSeed, swap: Swap, moved: float, ends: tuple[str, ...]) -> WordFlip:
    return WordFlip(
        item=seed.item,
        caption=swap.caption,
        changed=swap.changed,
        before=swap.before,
        after=swap.after,
        moved=moved,
        ends=seed.ends,
        changed_ends=ends,
    )
