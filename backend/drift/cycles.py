"""The telephone game (Mollah et al. 2025) by retrieval in a run's own shared space.

Generation 0 is the seed; each next generation is an item of the other modality near to the one before,
and sees nothing else. Retrieval needs no generator, so what drifts is the alignment alone.

Chains go in batches, generation by generation, each batch with one search a side; what is done is handed
out, so that any number of chains takes no more memory than a batch and what is known of the gallery.
What a chain draws depends on the walk's seed, its own seed item and the generation alone: one that was
broken off goes on as if nothing had been, in whatever company.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from backend.drift.neighbours import nearest
from backend.errors import Fault, InvalidInput, NotFound
from backend.reporting import Report, silent
from backend.schemas import Side

if TYPE_CHECKING:
    from backend.drift.neighbours import Galleries

MOST_GENERATIONS: Final = 100
MOST_CANDIDATES: Final = 1000
#: chains that are searched for together
BATCH: Final = 256
_SHOWN: Final = 3

_DRAWN: Final = "isthmus-drift-1"
_OTHER: Final[dict[Side, Side]] = {"image": "text", "text": "image"}


@dataclass(frozen=True)
class Walk:
    """How a chain finds its next item.

    Attributes:
        temperature: 0 takes the nearest; else one of the nearest is drawn, with chances in proportion
            to exp(cosine / temperature).
        candidates: how many of the nearest it is drawn from.
        revisit: whether an item may come again. With False each step takes an item not yet in the
            chain, which shows where the space leads once the pair itself is left.
        excluded: ids that no step leads to: the seeds, for one, so that none is found again as itself.
        seed: of what is drawn.
    """

    temperature: float = 0.0
    candidates: int = 50
    revisit: bool = True
    excluded: frozenset[str] = frozenset()
    seed: int = 0

    def faults(self) -> list[Fault]:
        """What of it is out of bounds."""
        found = []
        if not (math.isfinite(self.temperature) and 0 <= self.temperature <= 10):
            found.append(Fault("temperature", f"is {self.temperature}; allowed: 0 to 10"))
        if not 1 <= self.candidates <= MOST_CANDIDATES:
            told = f"is {self.candidates}; allowed: 1 to {MOST_CANDIDATES}"
            found.append(Fault("candidates", told))
        return found


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
        generations: from 0. Fewer than asked for where nothing was left to go to.
        closes_at: first generation whose item was there before, or None. Of drawn steps always None:
            they may lead elsewhere the second time.
        period: how many generations the loop is long, or None.
    """

    generations: tuple[Generation, ...]
    closes_at: int | None
    period: int | None


#: told each batch's new steps, (seed item, generation, step), as they are made
OnSteps = Callable[[Sequence[tuple[str, int, Generation]]], None]


def retrieval_cycle(
    galleries: Galleries, seed_item: str, generations: int, revisit: bool = True
) -> Chain:
    """One chain of nearest items; see :func:`retrieval_chains`.

    Args:
        generations: how many follow the seed.
        revisit: see :class:`Walk`.

    Raises:
        InvalidInput: the number of generations is out of bounds.
        NotFound: the seed is not in the gallery.
    """
    (chain,) = retrieval_chains(galleries, [seed_item], generations, Walk(revisit=revisit))
    return chain


def retrieval_chains(
    galleries: Galleries,
    seeds: Sequence[str],
    generations: int,
    walk: Walk | None = None,
    begun: Mapping[str, Sequence[str]] | None = None,
    on_steps: OnSteps | None = None,
    batch: int = BATCH,
    report: Report = silent,
) -> Iterator[Chain]:
    """Chains from many seeds, in their order, each when its batch is done.

    Args:
        galleries: both sides' indexes.
        seeds: item ids, each once, of either side.
        generations: how many follow each seed.
        walk: how the next item is found; None takes the nearest.
        begun: items of chains that were broken off, from the seed, by seed. They go on from there; their
            steps so far are not told again.
        on_steps: called after every generation of every batch, so that what is made can be kept.
        batch: chains searched for together.
        report: told the chains done; may raise ``Cancelled``.

    Raises:
        InvalidInput: something is out of bounds, or seeds come twice.
        NotFound: seeds, or items of chains that were begun, are not in the gallery.
    """
    walk, begun = walk or Walk(), begun or {}
    _check(galleries, seeds, generations, walk, begun)
    return _chains(_Walking(galleries, walk), seeds, generations, begun, on_steps, batch, report)


def _chains(
    walking: _Walking,
    seeds: Sequence[str],
    generations: int,
    begun: Mapping[str, Sequence[str]],
    on_steps: OnSteps | None,
    batch: int,
    report: Report,
) -> Iterator[Chain]:
    waiting = iter(seeds)
    done = 0
    while some := list(islice(waiting, batch)):
        report(done, len(seeds), "chains")
        tracks = [_Track(walking, begun.get(seed) or [seed]) for seed in some]
        while going := [
            track for track in tracks if not track.ended and len(track.steps) <= generations
        ]:
            walking.advance(going)
            made = [
                (track.seed, len(track.steps) - 1, track.steps[-1])
                for track in going
                if not track.ended
            ]
            if on_steps is not None and made:
                on_steps(made)
        for track in tracks:
            yield track.chain(walking.walk)
        done += len(some)
    report(done, len(seeds), "chains")


class _Track:
    """A chain on its way."""

    def __init__(self, walking: _Walking, items: Sequence[str]) -> None:
        self.seed = items[0]
        self.start = walking.vector(items[0])
        self.here = self.start
        self.steps = [Generation(items[0], 1.0, None)]
        self.ended = False
        for item in items[1:]:
            self.go(item, walking.vector(item))

    def go(self, item: str, vector: NDArray[np.float64]) -> None:
        """One step further."""
        to_start, to_previous = (float((vector * at).sum()) for at in (self.start, self.here))
        self.steps.append(Generation(item, to_start, to_previous))
        self.here = vector

    def chain(self, walk: Walk) -> Chain:
        """What has become of it."""
        seen: dict[str, int] = {}
        for number, step in enumerate(self.steps):
            if step.item_id in seen and walk.temperature == 0:
                return Chain(tuple(self.steps), number, number - seen[step.item_id])
            seen[step.item_id] = number
        return Chain(tuple(self.steps), None, None)


class _Walking:
    """Finds the next items of many chains at once."""

    def __init__(self, galleries: Galleries, walk: Walk) -> None:
        self.galleries = galleries
        self.walk = walk
        self._nearest_of: dict[str, int] = {}  # rows by items; no more than the gallery has
        self._excluded: dict[Side, NDArray[np.bool_]] = {}
        for side, index in galleries.items():
            rows = [index.row_of[item] for item in walk.excluded if item in index.row_of]
            self._excluded[side] = np.zeros(len(index), bool)
            self._excluded[side][rows] = True

    def side(self, item: str) -> Side:
        """The modality of an item of the gallery."""
        return "image" if item in self.galleries["image"].row_of else "text"

    def vector(self, item: str) -> NDArray[np.float64]:
        """(d,) unit vector of an item."""
        index = self.galleries[self.side(item)]
        return np.asarray(index.vectors()[index.row_of[item]], np.float64)

    def advance(self, tracks: Sequence[_Track]) -> None:
        """One generation more of each; those that have nowhere to go end."""
        by_side: dict[Side, list[_Track]] = {}
        for track in tracks:
            by_side.setdefault(_OTHER[self.side(track.steps[-1].item_id)], []).append(track)
        for side, own in by_side.items():
            self._towards(side, own)

    def _towards(self, side: Side, tracks: Sequence[_Track]) -> None:
        index = self.galleries[side]
        certain = self.walk.temperature == 0 and self.walk.revisit
        rows = (self._remembered if certain else self._searched)(side, tracks)
        for track, row in zip(tracks, rows, strict=True):
            if row < 0:
                track.ended = True
            else:
                track.go(index.ids[row], np.asarray(index.vectors()[row], np.float64))

    def _remembered(self, side: Side, tracks: Sequence[_Track]) -> list[int]:
        """The nearest row of each. It depends on the item alone, and chains soon come to the same few."""
        here = [track.steps[-1].item_id for track in tracks]
        new = {
            item: track
            for item, track in zip(here, tracks, strict=True)
            if item not in self._nearest_of
        }
        if new:
            found = self._searched(side, list(new.values()))
            self._nearest_of.update(zip(new, found, strict=True))
        return [self._nearest_of[item] for item in here]

    def _searched(self, side: Side, tracks: Sequence[_Track]) -> list[int]:
        """The row that each goes to, -1 where there is none."""
        walk, index = self.walk, self.galleries[side]
        rows, cosines = nearest(
            index,
            np.stack([track.here for track in tracks]).astype(np.float32),
            1 if walk.temperature == 0 else min(walk.candidates, len(index)),
            self._excluded[side],
            None if walk.revisit else [self._visited(side, track) for track in tracks],
        )
        return [
            int(found[self._drawn(track, scores[found >= 0])]) if found[0] >= 0 else -1
            for track, found, scores in zip(tracks, rows, cosines, strict=True)
        ]

    def _visited(self, side: Side, track: _Track) -> list[int]:
        row_of = self.galleries[side].row_of
        return [row_of[step.item_id] for step in track.steps if step.item_id in row_of]

    def _drawn(self, track: _Track, cosines: NDArray[np.float64]) -> int:
        """The place of the candidate that is taken."""
        if self.walk.temperature == 0:
            return 0
        # random() of a string: Python promises its sequence for every version and machine
        draw = random.Random(f"{_DRAWN}/{self.walk.seed}/{len(track.steps)}/{track.seed}").random()
        chances = np.cumsum(np.exp((cosines - cosines[0]) / self.walk.temperature))
        return min(int(np.searchsorted(chances, draw * chances[-1], "right")), len(chances) - 1)


def _check(
    galleries: Galleries,
    seeds: Sequence[str],
    generations: int,
    walk: Walk,
    begun: Mapping[str, Sequence[str]],
) -> None:
    faults = walk.faults()
    if not 1 <= generations <= MOST_GENERATIONS:
        told = f"is {generations}; allowed: 1 to {MOST_GENERATIONS}"
        faults.append(Fault("generations", told))
    if len(set(seeds)) < len(seeds):
        faults.append(Fault("seeds", "come more than once; give each once"))
    for seed, items in begun.items():
        if items and items[0] != seed:
            faults.append(Fault("begun", f"the chain of {seed!r} begins with {items[0]!r}"))
    if faults:
        raise InvalidInput("These chains cannot be run. Choose other values.", faults)
    asked = [*seeds, *(item for items in begun.values() for item in items)]
    gone = [item for item in asked if not any(item in each.row_of for each in galleries.values())]
    if gone:
        named = ", ".join(repr(item[:60]) for item in gone[:_SHOWN])
        more = f" and {len(gone) - _SHOWN} more" if len(gone) > _SHOWN else ""
        raise NotFound(f"{named}{more} cannot be found in this run's gallery (the test split).")
