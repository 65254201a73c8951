"""All chains of a game measured by a backbone: similarity to the start, step to step, and the floor.

A backbone reads one modality or both; only one whose two towers share a space tells anything across.
Of a seed's repeats the mean is taken, so that what is resampled are seed items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from backend.drift.chains import PROTOCOL_OF, ChainTable, Content, over_repeats
from backend.drift.names import Protocol as Kind
from backend.drift.names import side_at
from backend.drift.scores.cumulative import curve, drift_scores, generations_of
from backend.drift.scores.rate import drift_rate
from backend.drift.scores.similarity import (
    Embedded,
    Similarities,
    self_consistency,
    step_to_step,
    to_start,
)
from backend.errors import InvalidInput
from backend.reporting import Report, silent
from backend.schemas import BackboneScores, Side
from backend.schemas.drift_scores import Direction

_BLOCK: Final = 4096  # rows in double precision at once
#: the modalities that a direction needs to be read
SIDES_OF: Final[dict[Direction, frozenset[Side]]] = {
    "text_to_text": frozenset({"text"}),
    "text_to_image": frozenset({"text", "image"}),
    "image_to_image": frozenset({"image"}),
    "image_to_text": frozenset({"text", "image"}),
}


@dataclass(frozen=True)
class Embeddings:
    """Vectors of contents.

    Attributes:
        vectors: (m, d) by modality; any length but zero.
        rows: (contents,) each content's row among those of its modality; -1 where it has none.
    """

    vectors: Mapping[Side, NDArray[np.floating]]
    rows: NDArray[np.int64]


class Backbone(Protocol):
    """Something that tells how alike two contents are.

    Attributes:
        name: in words.
        sides: what it reads.
        shared: whether both modalities lie in one space.
    """

    name: str
    sides: frozenset[Side]
    shared: bool

    def embed(self, contents: Sequence[Content], report: Report = silent) -> Embeddings:
        """Vectors of the contents that it reads; what cannot be read has none."""
        ...


@dataclass(frozen=True)
class Measured:
    """What a backbone measured, of the directions that it can.

    Attributes:
        name: of the backbone.
        to_start: similarity to generation 0.
        steps: within a modality over whole round trips, S(g | g-2); across, every S(g | g-1).
        floor: of two chains of the same seed; empty where each has one alone.
        unread: contents of its modalities that it could not read.
    """

    name: str
    to_start: dict[Direction, Similarities]
    steps: dict[Direction, Similarities] = field(default_factory=dict)
    floor: dict[Direction, Similarities] = field(default_factory=dict)
    unread: int = 0


def measure(table: ChainTable, backbone: Backbone, report: Report = silent) -> Measured:
    """Measures all chains of a game.

    Args:
        table: as far as the chains have come; what is missing is missing.
        backbone: asked once, for everything that was found or made.
        report: told what is embedded; may raise ``Cancelled``.
    """
    if not table.contents:
        return Measured(backbone.name, {})
    found = _with_length(backbone.embed(table.contents, report), table.contents)
    read = np.array([content.side in backbone.sides for content in table.contents], np.bool_)
    measured = Measured(backbone.name, {}, {}, {}, int((read & (found.rows < 0)).sum()))
    for direction, sides in SIDES_OF.items():
        protocol = PROTOCOL_OF[direction]
        able = sides <= backbone.sides and (len(sides) == 1 or backbone.shared)
        columns = list(generations_of(direction, table.generations))
        if not (able and columns and protocol in table.protocols()):
            continue
        chains = _Chains(table, found, protocol)
        every = list(range(table.generations + 1)) if len(sides) == 2 else [0, *columns]
        told = {
            "to_start": chains.each(
                lambda some: to_start(next(iter(some))[1], some), [0, *columns]
            ),
            "steps": chains.each(step_to_step, every),
            "floor": chains.floor(columns),
        }
        for name, similarities in told.items():
            if similarities is not None and np.isfinite(similarities.values).any():
                getattr(measured, name)[direction] = similarities
    return measured


def _with_length(found: Embeddings, contents: Sequence[Content]) -> Embeddings:
    """Without the vectors that have no direction: a bag of words knows no word of some texts."""
    rows = found.rows.copy()
    for side, vectors in found.vectors.items():
        own = np.array([at for at, each in enumerate(contents) if each.side == side], np.int64)
        own = own[rows[own] >= 0]
        for start in range(0, len(own), _BLOCK):
            some = own[start : start + _BLOCK]
            length = np.linalg.norm(vectors[rows[some]].astype(np.float64), axis=1)
            rows[some[~np.isfinite(length) | (length == 0)]] = -1
    return Embeddings(found.vectors, rows)


def together(measured: Sequence[Measured]) -> Measured | None:
    """The paper's way: texts by one backbone, pictures by another, and across by a third.

    Args:
        measured: by all backbones of a game.

    Returns:
        None unless there is one of each: for texts alone, for pictures alone, and across.
    """
    of_text = [each for each in measured if set(each.to_start) == {"text_to_text"}]
    of_image = [each for each in measured if set(each.to_start) == {"image_to_image"}]
    across = [each for each in measured if {"text_to_image", "image_to_text"} <= set(each.to_start)]
    if not len(of_text) == len(of_image) == len(across) == 1:
        return None
    text, image, both = of_text[0], of_image[0], across[0]
    source: dict[Direction, Measured] = {
        "text_to_text": text, "text_to_image": both, "image_to_image": image, "image_to_text": both,
    }  # fmt: skip

    def joined(name: str) -> dict[Direction, Similarities]:
        own = ((direction, getattr(each, name)) for direction, each in source.items())
        return {direction: told[direction] for direction, told in own if direction in told}

    name = f"{text.name}, {both.name} across, {image.name}"
    return Measured(name, joined("to_start"), joined("steps"), joined("floor"))


def scored(measured: Measured, seed: int = 0, rates: bool = True) -> BackboneScores:
    """Curves, mean cumulative drift and rates, with intervals.

    Args:
        measured: by a backbone.
        seed: of the bootstrap.
        rates: whether a decay is fitted, too.

    Raises:
        InvalidInput: there is not a single sample.
    """
    rate, why = None, ""
    if rates:
        try:
            rate = drift_rate(measured.to_start, seed)
        except InvalidInput as error:
            why = error.summary
    floor = {name: curve(each, seed) for name, each in measured.floor.items()}
    return BackboneScores(
        backbone=measured.name,
        scores=drift_scores(measured.to_start, seed),
        step_to_step={name: curve(each, seed) for name, each in measured.steps.items()},
        floor=floor or None,
        rate=rate,
        no_rate=why,
    )


class _Chains:
    """A protocol's chains as the generations that similarities are taken of."""

    def __init__(self, table: ChainTable, found: Embeddings, protocol: Kind) -> None:
        self._table = table
        self._found = found
        self._protocol = protocol
        self._rows = table.rows_of(protocol)
        units = table.units(protocol)
        start = self._row_of(0, 0)
        # a seed that cannot be read began no chain that could be held against it
        self._kept = np.flatnonzero(start >= 0)
        self._units = [units[place] for place in self._kept]

    def each(
        self, measure: Callable[[Iterator[tuple[int, Embedded]]], Similarities], columns: list[int]
    ) -> Similarities | None:
        """Of every repeat, and the mean of them; None where no seed could be read."""
        if not self._units:
            return None
        told = [measure(self._generations(each, columns)) for each in range(self._table.repeats)]
        return _mean(told)

    def floor(self, columns: list[int]) -> Similarities | None:
        """Of all pairs of repeats; None where there is one alone."""
        pairs = list(combinations(range(self._table.repeats), 2))
        if not (pairs and self._units):
            return None
        # generation 0, which is the same in both, names the seeds; it is no sample
        some = [0, *columns]
        mean = _mean(
            [
                self_consistency(self._generations(one, some), self._generations(other, some))
                for one, other in pairs
            ]
        )
        return Similarities(mean.ids, mean.generations[1:], mean.values[:, 1:])

    def _generations(self, repeat: int, columns: list[int]) -> Iterator[tuple[int, Embedded]]:
        for generation in columns:
            rows = self._row_of(repeat, generation)[self._kept]
            there = np.flatnonzero(rows >= 0)
            vectors = self._found.vectors[side_at(self._protocol, generation)]
            ids = [self._units[place] for place in there]
            yield generation, Embedded(ids, vectors[rows[there]])

    def _row_of(self, repeat: int, generation: int) -> NDArray[np.int64]:
        """(m,) each chain's row among the vectors at a generation; -1."""
        codes = self._table.codes[self._rows + repeat, generation]
        rows: NDArray[np.int64] = np.where(codes >= 0, self._found.rows[codes], -1)
        return rows


def _mean(told: list[Similarities]) -> Similarities:
    values = over_repeats(np.stack([each.values for each in told]))
    return Similarities(told[0].ids, told[0].generations, values)
