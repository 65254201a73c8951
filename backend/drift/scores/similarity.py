"""Cosines between the generations of chains, by seed item.

    S(g)         cos(x_g, x_0): the reference is always generation 0, not the step before
    S(g | g-1)   cos(x_g, x_(g-1)), step to step
    floor        cos(x_g, x'_g) of two chains of the same seed item that differ in their seed alone: what
                 chance does to a chain, which is no drift

Rows are joined by id and never by their order. A sample that is missing is missing: its cosine is not
a number and counts nowhere, least of all as 0. Generations are taken one after the other, so that two
of them are held at once, however many there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.errors import Fault, InvalidInput

_BLOCK: Final = 4096  # rows in double precision at once
_SHOWN: Final = 3  # ids named in a fault

Values = NDArray[np.float64]


class Embedded(NamedTuple):
    """What a backbone made of one generation.

    Attributes:
        ids: (n,) the seed item that each row's chain began with, each once, in any order.
        vectors: (n, d) any length but zero.
    """

    ids: Sequence[str]
    vectors: NDArray[np.floating]


Generations = Iterable[tuple[int, Embedded]]


@dataclass(frozen=True)
class Similarities:
    """Cosines of chains.

    Attributes:
        ids: (n,) seed items.
        generations: (g,) ascending.
        values: (n, g); not a number where a sample is missing.
    """

    ids: tuple[str, ...]
    generations: tuple[int, ...]
    values: Values


def to_start(start: Embedded, later: Generations) -> Similarities:
    """Similarity of every later generation to generation 0.

    Args:
        start: generation 0, embedded by the same backbone (of two towers where modalities differ).
        later: generations from 1, ascending. Seed items may be missing from them.

    Raises:
        InvalidInput: ids come twice or were not in generation 0, vectors have no length, are not
            finite or of another width, generations do not ascend. All such faults are told at once.
    """
    joining = _Joining(start.ids)
    reference = joining.placed("generation 0", start)
    for generation, embedded in later:
        joining.add(generation, reference, joining.placed(f"generation {generation}", embedded))
    return joining.finish()


def step_to_step(generations: Generations) -> Similarities:
    """Similarity of every generation to the one before it in what is given.

    Args:
        generations: from 0, ascending. With a backbone of one modality give every second one: steps
            are then whole round trips.

    Raises:
        InvalidInput: as in :func:`to_start`, or there is no generation.
    """
    ordered = iter(generations)
    first = next(ordered, None)
    if first is None:
        raise InvalidInput("There is no generation to compare. Give generation 0 and later ones.")
    joining = _Joining(first[1].ids, first[0])
    before = joining.placed(f"generation {first[0]}", first[1])
    for generation, embedded in ordered:
        now = joining.placed(f"generation {generation}", embedded)
        joining.add(generation, before, now)
        before = now
    return joining.finish()


def self_consistency(first: Generations, second: Generations) -> Similarities:
    """Similarity of two chains of the same seed items, generation by generation.

    The same operator and seed items, another seed: what chance alone does to a chain. A similarity to
    generation 0 that is no lower than this floor is no sign of drift.

    Args:
        first, second: the same generations, ascending.

    Raises:
        InvalidInput: as in :func:`to_start`, or the generations differ.
    """
    joining: _Joining | None = None
    for one, other in zip_longest(first, second):
        if one is None or other is None or one[0] != other[0]:
            told = [each[0] if each else "none" for each in (one, other)]
            raise InvalidInput(
                f"The two chains have different generations ({told[0]} and {told[1]}). Give the same ones."
            )
        joining = joining or _Joining(one[1].ids, one[0] - 1)
        placed = (
            joining.placed(f"generation {each[0]} of the {name} chain", each[1])
            for name, each in (("first", one), ("second", other))
        )
        joining.add(one[0], *placed)
    if joining is None:
        raise InvalidInput("There is no generation to compare. Give those of two chains.")
    return joining.finish()


class _Placed(NamedTuple):
    """A generation's vectors (m, d), and (n,) the row of each seed item, -1 where it is missing."""

    vectors: NDArray[np.floating]
    places: NDArray[np.int64]


class _Joining:
    """Columns of cosines by the seed items of generation 0; faults are gathered on the way."""

    def __init__(self, ids: Sequence[str], before: int = 0) -> None:
        self.ids = tuple(ids)
        self.generations: list[int] = []
        self._columns: list[Values] = []
        self._faults: list[Fault] = []
        self._row_of = {item: row for row, item in enumerate(ids)}
        self._last = before

    def placed(self, where: str, embedded: Embedded) -> _Placed:
        """A generation's rows by seed item; what is wrong with them is noted."""
        ids, vectors = embedded.ids, embedded.vectors
        placed = _Placed(vectors, np.full(len(self._row_of), -1, np.int64))
        if vectors.ndim != 2 or len(ids) != len(vectors):
            self._faults.append(Fault(where, f"has {len(ids)} ids and vectors {vectors.shape}"))
            return placed
        counts = Counter(ids)
        wrong = {
            "has more than one row of {}": [item for item in counts if counts[item] > 1],
            "has rows of {}, which began no chain": [
                item for item in counts if item not in self._row_of
            ],
            "has vectors that are zero or not finite, of {}": [
                ids[row] for row in _without_length(vectors)
            ],
        }
        faults = [
            Fault(where, what.format(_named(items))) for what, items in wrong.items() if items
        ]
        self._faults.extend(faults)
        if not faults:
            placed.places[[self._row_of[item] for item in ids]] = np.arange(len(ids))
        return placed

    def add(self, generation: int, one: _Placed, other: _Placed) -> None:
        """One column: the cosine of each seed item's rows."""
        where = f"generation {generation}"
        if generation <= self._last:
            self._faults.append(Fault(where, f"comes after generation {self._last}; order them"))
        self._last = max(self._last, generation)
        widths = one.vectors.shape[-1], other.vectors.shape[-1]
        if widths[0] != widths[1]:
            told = f"has {widths[1]} numbers a row, what it is compared with {widths[0]}"
            self._faults.append(Fault(where, told))
        if not self._faults:
            self._columns.append(_cosines(one, other))
        self.generations.append(generation)

    def finish(self) -> Similarities:
        """The table.

        Raises:
            InvalidInput: something was wrong with any of the generations.
        """
        if self._faults:
            raise InvalidInput(
                "These generations cannot be compared. Correct them and try again.", self._faults
            )
        values = np.empty((len(self.ids), len(self._columns)))
        for column, each in enumerate(self._columns):
            values[:, column] = each
        return Similarities(self.ids, tuple(self.generations), values)


def _cosines(one: _Placed, other: _Placed) -> Values:
    """(n,) cosines by seed item, in double precision."""
    values = np.full(len(one.places), np.nan)
    there = np.flatnonzero((one.places >= 0) & (other.places >= 0))
    for start in range(0, len(there), _BLOCK):
        some = there[start : start + _BLOCK]
        first, second = (_unit(each.vectors[each.places[some]]) for each in (one, other))
        values[some] = (first * second).sum(axis=1)
    return values


def _unit(vectors: NDArray[np.floating]) -> Values:
    exact: Values = vectors.astype(np.float64)
    unit: Values = exact / np.linalg.norm(exact, axis=1, keepdims=True)
    return unit


def _without_length(vectors: NDArray[np.floating]) -> Iterator[int]:
    """Rows that have no direction."""
    for start in range(0, len(vectors), _BLOCK):
        length = np.linalg.norm(vectors[start : start + _BLOCK].astype(np.float64), axis=1)
        yield from (start + np.flatnonzero(~np.isfinite(length) | (length == 0))).tolist()


def _named(ids: Sequence[str]) -> str:
    """The first few ids, and how many more there are."""
    told = ", ".join(repr(item[:40]) for item in ids[:_SHOWN])
    return told + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else "")
