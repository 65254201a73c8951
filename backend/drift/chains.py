"""The chains of a game as a table, which grows as steps are made.

A chain is a seed and the number of its repeat. Most chains come to the same few items, so a table keeps
what was found or made once and of each step only which it is: numbers, however long the texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.drift.journal import Line
from backend.drift.names import PROTOCOLS, Protocol
from backend.drift.scores.cumulative import generations_of
from backend.drift.scores.similarity import Similarities
from backend.schemas import Side
from backend.schemas.drift_scores import Direction

#: of each direction, the chains that it is measured on
PROTOCOL_OF: Final[dict[Direction, Protocol]] = {
    "text_to_text": "text-first",
    "text_to_image": "text-first",
    "image_to_image": "image-first",
    "image_to_text": "image-first",
}


class Content(NamedTuple):
    """What a generation is, of three the one that is not empty.

    Attributes:
        side: its modality.
        item: id in the gallery.
        text: words that were made.
        picture: file of a picture that was made, relative to the game's folder.
    """

    side: Side
    item: str = ""
    text: str = ""
    picture: str = ""


class Seed(NamedTuple):
    """What a chain begins with.

    Attributes:
        item: id in the gallery; of chains made elsewhere the protocol and the name.
        side: its modality, which tells the protocol.
        unit: what resampling draws: seeds of the same pair have the same.
    """

    item: str
    side: Side
    unit: str

    @property
    def protocol(self) -> Protocol:
        """Whether its chains are text-first or image-first."""
        return "text-first" if self.side == "text" else "image-first"


class ChainTable:
    """Chains of n seeds with r repeats each; chain ``seed * r + repeat`` is a row.

    Args:
        seeds: in order, each once.
        repeats: chains of each.
        generations: the last one.

    Attributes:
        contents: everything that was found or made, each once.
        codes: (chains, generations + 1) its number among ``contents``; -1 where nothing was made yet.
        to_start, to_previous: (chains, generations + 1) cosines as they were told with the steps; not a
            number where none was.
        lines: (chains, generations + 1) where each step's line begins in the journal; -1.
    """

    def __init__(self, seeds: Sequence[Seed], repeats: int, generations: int) -> None:
        self.seeds = tuple(seeds)
        self.repeats = repeats
        self.generations = generations
        self.contents: list[Content] = []
        shape = (len(self.seeds) * repeats, generations + 1)
        self.codes = np.full(shape, -1, np.int32)
        self.to_start = np.full(shape, np.nan, np.float32)
        self.to_previous = np.full(shape, np.nan, np.float32)
        self.lines = np.full(shape, -1, np.int64)
        self._code_of: dict[Content, int] = {}
        self._row_of = {seed.item: row * repeats for row, seed in enumerate(self.seeds)}

    def row(self, seed: str, repeat: int) -> int | None:
        """The row of a chain; None where it is none of this game's."""
        first = self._row_of.get(seed)
        return None if first is None or not 0 <= repeat < self.repeats else first + repeat

    def add(self, lines: Iterable[Line]) -> int:
        """Takes steps up; of one that comes twice the later holds.

        Returns:
            Where the last of them ends in the journal; 0 of none.
        """
        reached = 0
        for begin, end, step in lines:
            reached, row = end, self.row(step.seed, step.repeat)
            if row is None or step.generation > self.generations:
                continue
            at = row, step.generation
            self.codes[at] = self.code(Content(step.side, step.item, step.text, step.picture))
            self.lines[at] = begin
            self.to_start[at] = np.nan if step.to_start is None else step.to_start
            self.to_previous[at] = np.nan if step.to_previous is None else step.to_previous
        return reached

    def code(self, content: Content) -> int:
        """The number of a content, which it gets when it comes for the first time."""
        known = self._code_of.get(content)
        if known is None:
            known = self._code_of[content] = len(self.contents)
            self.contents.append(content)
        return known

    @property
    def broken(self) -> int:
        """Chains that have no last generation."""
        return int((self.codes[:, -1] < 0).sum())

    @property
    def begun(self) -> int:
        """Chains that have a first step."""
        return int((self.codes[:, 1:] >= 0).any(axis=1).sum())

    def rows_of(self, protocol: Protocol) -> NDArray[np.int64]:
        """(m,) the rows of the first repeats of a protocol's seeds, in order."""
        own = [row for row, seed in enumerate(self.seeds) if seed.protocol == protocol]
        return np.array(own, np.int64) * self.repeats

    def protocols(self) -> list[Protocol]:
        """Those that some seed begins."""
        there = {seed.protocol for seed in self.seeds}
        return [protocol for protocol in PROTOCOLS if protocol in there]

    def units(self, protocol: Protocol) -> tuple[str, ...]:
        """(m,) what resampling draws, of each of a protocol's seeds."""
        return tuple(seed.unit for seed in self.seeds if seed.protocol == protocol)

    def told(self) -> dict[Direction, Similarities]:
        """Similarities to generation 0 as they were told with the steps: of the directions that have any.

        Of a seed's repeats the mean.
        """
        found: dict[Direction, Similarities] = {}
        for direction, protocol in PROTOCOL_OF.items():
            rows, columns = self.rows_of(protocol), generations_of(direction, self.generations)
            values = over_repeats(
                np.stack(
                    [self.to_start[rows + repeat][:, columns] for repeat in range(self.repeats)]
                )
            )
            if np.isfinite(values).any():
                found[direction] = Similarities(self.units(protocol), tuple(columns), values)
        return found


def over_repeats(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """(m, g) means of (r, m, g) over what is there; not a number where nothing is."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    total = np.where(there, values, 0.0).sum(axis=0, dtype=np.float64)
    means: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means


def seeds_of(items: Sequence[tuple[str, Side, str]]) -> tuple[Seed, ...]:
    """Seeds with what resampling draws: the pair, unless several seeds of a side are of the same pair.

    Args:
        items: id, modality and pair of each, in order.
    """
    counts: dict[tuple[Side, str], int] = {}
    for _, side, pair in items:
        counts[side, pair] = counts.get((side, pair), 0) + 1
    return tuple(
        Seed(item, side, pair if counts[side, pair] == 1 else item) for item, side, pair in items
    )
