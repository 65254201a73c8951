"""A game by retrieval both ways: all chains from all seeds, written into the journal as they go.

What a chain draws depends on the game's seed, its repeat, its own seed item and the generation alone, so
that a game which was killed at any step and goes on equals one that was not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from backend.drift.cycles import Generation, Walk, retrieval_chains
from backend.drift.journal import Journal, Made
from backend.errors import Fault, InvalidInput
from backend.reporting import Report, silent
from backend.schemas import GameRequest, OperatorChoice, Side

if TYPE_CHECKING:
    from backend.drift.neighbours import Galleries

#: seeds of what two repeats draw are so far apart that no other game's are met
_APART: Final = 2**32
_DIGITS: Final = 7  # of a cosine: what single precision tells


def retrieved(
    galleries: Galleries,
    request: GameRequest,
    journal: Journal,
    report: Report = silent,
) -> None:
    """Plays a game, or goes on with it.

    Args:
        galleries: both sides' indexes.
        request: with its seeds; both operators are retrieval.
        journal: what is there already is not made again.
        report: told steps done; may raise ``Cancelled``: what was made is kept.

    Raises:
        InvalidInput: the two operators draw differently, which one walk cannot.
        NotFound: a seed is not in the gallery.
        StorageError: the journal cannot be written.
    """
    begun = _begun(journal, request.seeds)
    total = len(request.seeds) * request.repeats * request.generations
    done = sum(len(items) - 1 for items in begun.values())
    for repeat in range(request.repeats):
        walk = walk_of(request, repeat)
        own = {seed: items for (seed, number), items in begun.items() if number == repeat}
        writing = _Writing(galleries, journal, walk, repeat)

        def write(steps: Sequence[tuple[str, int, Generation]], to: _Writing = writing) -> None:
            nonlocal done
            to.steps(steps)
            done += len(steps)
            report(done, total, "steps")

        chains = retrieval_chains(
            galleries, request.seeds, request.generations, walk, own, on_steps=write
        )
        writing.seeds([seed for seed in request.seeds if seed not in own])
        for _ in chains:  # their steps are in the journal already
            pass
    report(total, total, "steps")


def walk_of(request: GameRequest, repeat: int = 0) -> Walk:
    """How the chains of a repeat find their next item.

    Raises:
        InvalidInput: the two operators draw differently.
    """
    one, other = request.text_to_image, request.image_to_text
    if (one.temperature, one.candidates) != (other.temperature, other.candidates):
        raise InvalidInput(
            "Both ways are retrieval, so they draw in the same way. Correct one of them.",
            [Fault("image_to_text", "has another temperature or number of candidates")],
        )
    return Walk(
        temperature=one.temperature,
        candidates=one.candidates,
        revisit=request.revisit,
        excluded=frozenset(request.seeds) if request.seeds_excluded else frozenset(),
        seed=request.seed + repeat * _APART,
    )


def is_retrieval(request: GameRequest) -> bool:
    """Whether both ways are."""
    return request.text_to_image.kind == request.image_to_text.kind == "retrieval"


def is_nearest(request: GameRequest) -> bool:
    """Whether every chain goes to the nearest item, so that all chains are one map's."""
    both: tuple[OperatorChoice, ...] = (request.text_to_image, request.image_to_text)
    certain = is_retrieval(request) and all(each.temperature == 0 for each in both)
    return certain and request.revisit and not request.seeds_excluded


def words_of(walk: Walk) -> str:
    """Retrieval, as a person is told."""
    how = (
        "the nearest"
        if walk.temperature == 0
        else f"one of the {walk.candidates} nearest, temperature {walk.temperature:g}"
    )
    more = "" if walk.revisit else ", never an item twice"
    return f"retrieval ({how}{more}{', seeds left out' if walk.excluded else ''})"


def _begun(journal: Journal, seeds: Sequence[str]) -> dict[tuple[str, int], list[str]]:
    """Items of the chains that are in the journal, as far as they have no gap."""
    wanted, found = set(seeds), dict[tuple[str, int], list[str]]()
    for line in journal.read():
        step = line.step
        own = found.setdefault((step.seed, step.repeat), []) if step.seed in wanted else None
        if own is not None and step.generation == len(own) and step.item:
            own.append(step.item)
    return {key: items for key, items in found.items() if items}


class _Writing:
    """Writes the steps of a repeat."""

    def __init__(self, galleries: Galleries, journal: Journal, walk: Walk, repeat: int) -> None:
        self._galleries = galleries
        self._journal = journal
        self._repeat = repeat
        self._drawn_with = walk.seed if walk.temperature else None
        self._operator = words_of(walk)

    def seeds(self, items: Sequence[str]) -> None:
        """Generation 0 of these chains."""
        self._journal.append(
            [self._made(item, 0, Generation(item, 1.0, None), operator="") for item in items]
        )

    def steps(self, made: Sequence[tuple[str, int, Generation]]) -> None:
        """(seed, generation, step) of some chains."""
        self._journal.append([self._made(*step, operator=self._operator) for step in made])

    def _made(self, seed: str, generation: int, step: Generation, operator: str) -> Made:
        previous = step.similarity_to_previous
        return Made(
            seed,
            self._repeat,
            generation,
            _side(self._galleries, step.item_id),
            item=step.item_id,
            to_start=round(step.similarity_to_start, _DIGITS),
            to_previous=None if previous is None else round(previous, _DIGITS),
            drawn_with=self._drawn_with if operator else None,
            operator=operator,
            made_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
        )


def _side(galleries: Galleries, item: str) -> Side:
    return "image" if item in galleries["image"].row_of else "text"
