"""The telephone game (Mollah et al. 2025) by retrieval in a run's own shared space.

Generation 0 is the seed; each next generation is the nearest item of the other modality to the one
before, and sees nothing else. Retrieval needs no generator, so what drifts is the alignment alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from backend.errors import Fault, InvalidInput
from backend.schemas import Side

MOST_GENERATIONS = 100


class Space(Protocol):
    """What a cycle needs of a shared space: vectors by item, and the items nearest to a vector."""

    def vector(self, item_id: str) -> NDArray[np.float32]: ...

    def nearest(self, query: NDArray[np.float32], target: Side, k: int) -> list[str]: ...


@dataclass(frozen=True)
class Generation:
    """One step of a chain; similarities are cosines in the shared space."""

    item_id: str
    similarity_to_start: float
    similarity_to_previous: float | None


@dataclass(frozen=True)
class Chain:
    """A chain and where it began to repeat itself.

    Attributes:
        closes_at: first generation whose item was there before, or None.
        period: how many generations the loop is long, or None.
    """

    generations: tuple[Generation, ...]
    closes_at: int | None
    period: int | None


def retrieval_cycle(
    space: Space, seed_item: str, first_target: Side, generations: int, revisit: bool = True
) -> Chain:
    """Runs one chain.

    Args:
        first_target: modality of generation 1; it alternates from there.
        generations: how many follow the seed.
        revisit: whether an item may come again. With False each step takes the nearest item not yet
            in the chain, which shows where the space leads once the pair itself is left.

    Raises:
        InvalidInput: the number of generations is out of bounds.
    """
    if not 1 <= generations <= MOST_GENERATIONS:
        raise InvalidInput(
            "Choose another number of generations.",
            [Fault("generations", f"is {generations}; allowed: 1 to {MOST_GENERATIONS}")],
        )
    start = space.vector(seed_item)
    chain = [Generation(seed_item, 1.0, None)]
    seen = {seed_item: 0}
    target, here = first_target, start
    closes_at: int | None = None
    period: int | None = None
    for number in range(1, generations + 1):
        candidates = space.nearest(here, target, 1 if revisit else number + 1)
        fresh = [item for item in candidates if revisit or item not in seen]
        if not fresh:  # a gallery smaller than the chain
            break
        following = space.vector(fresh[0])
        chain.append(Generation(fresh[0], float(following @ start), float(following @ here)))
        if fresh[0] in seen and closes_at is None:
            closes_at, period = number, number - seen[fresh[0]]
        seen.setdefault(fresh[0], number)
        here = following
        target = "text" if target == "image" else "image"
    return Chain(tuple(chain), closes_at, period)
