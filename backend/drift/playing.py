"""A telephone game by any mix of operators: played, or gone on with."""

from __future__ import annotations

from typing import Final

from backend.drift.cycles import Walk
from backend.drift.generating import generated_chains
from backend.drift.journal import Journal
from backend.drift.making import Finds, Maker, Reads, Shows, Tells
from backend.drift.operators.choosing import WORDS, operator_faults
from backend.drift.operators.decoding import Decoding
from backend.drift.operators.opening import Surroundings, open_operator
from backend.drift.retrieving import is_retrieval, retrieved, words_of
from backend.errors import Fault, InvalidInput
from backend.reporting import Report, silent
from backend.schemas import ITEM_WORDS, GameRequest, OperatorChoice, Side

#: operators that need no picture
_OF_ANY_MODALITY: Final = ("retrieval", "decoder")


def play(
    around: Surroundings, request: GameRequest, journal: Journal, report: Report = silent
) -> None:
    """Plays a game, or goes on with it; every step is in the journal as soon as it is made.

    A game that was killed at any step and goes on equals one that was not, on the same machine.

    Args:
        around: the run.
        request: with its seeds.
        journal: in the game's folder, where pictures go, too.
        report: told steps done; may raise ``Cancelled``: what was made is kept.

    Raises:
        InvalidInput: an operator cannot be used, or does not answer.
        NotFound: a seed is not in the gallery.
        StorageError: the journal or a picture cannot be written.
    """
    gallery = around.space.gallery
    choices: dict[Side, OperatorChoice] = {
        "image": request.text_to_image,
        "text": request.image_to_text,
    }
    _check(choices, around)
    if is_retrieval(request) and len({_draws(choice) for choice in choices.values()}) == 1:
        retrieved(gallery.indexes, request, journal, report)
        return
    makers = {
        side: _maker(choice, side, request, around, report) for side, choice in choices.items()
    }
    generated_chains(gallery, request, makers, journal, around.max_pixels, report)


def _draws(choice: OperatorChoice) -> tuple[float, int]:
    return choice.temperature, choice.candidates


def _check(choices: dict[Side, OperatorChoice], around: Surroundings) -> None:
    faults: list[Fault] = []
    modality = around.space.gallery.modality
    for side, choice in choices.items():
        faults += operator_faults(choice, side)
        if modality != "image" and choice.kind not in _OF_ANY_MODALITY:
            told = f"needs pictures, and this run's items are {ITEM_WORDS[modality][1]}"
            faults.append(Fault(WORDS[side], f"{choice.kind} {told}; choose retrieval"))
    if faults:
        raise InvalidInput("This game cannot be played. Choose other operators.", faults)


def _maker(
    choice: OperatorChoice, side: Side, request: GameRequest, around: Surroundings, report: Report
) -> Maker:
    if choice.kind == "retrieval":
        excluded = frozenset(request.seeds) if request.seeds_excluded else frozenset()
        walk = Walk(choice.temperature, choice.candidates, request.revisit, excluded)
        return Finds(around.space, side, choice, request.revisit, excluded, words_of(walk))
    operator = open_operator(choice, side, around, report)
    if isinstance(operator, Decoding):
        return Reads(operator, around.space)
    return Shows(operator) if side == "image" else Tells(operator)  # type: ignore[arg-type]
