"""Swapped words, in a space where it is known what each word does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from backend.drift.stress.cells import Ground
from backend.drift.stress.words import MEANINGS, SYNONYMS, swapped, word_pairs
from backend.errors import InvalidInput
from backend.evaluation.swapping import parse_pairs
from backend.schemas.stress import StressRequest, StressSeed
from tests.unit.drift.plane import on_circle

SAID = {"t0": "a red circle", "t10": "a big red star", "t90": "a blue circle", "t80": "the moon"}
GROUND = Ground(on_circle({"i0": 2, "i90": 88}, {"t0": 0, "t10": 10, "t90": 90, "t80": 80}))
#: what a caption says turns it by so much
TURNS = {"red": 0, "blue": 90, "big": 10, "crimson": 5, "huge": 60, "star": 0, "circle": 0}


def embed(texts: Sequence[str]) -> np.ndarray:
    angles = [np.radians(sum(TURNS.get(word, 0) for word in text.split())) for text in texts]
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def seeds(*items: str) -> list[StressSeed]:
    return [
        StressSeed(
            item=item,
            image=item,
            side="text",
            ends=GROUND.members(GROUND.attractor(item)),
            flips=(),
        )
        for item in items
    ]


def stressed(pairs: str, *items: str, kind="meaning"):
    own = items or tuple(SAID)
    return swapped(
        kind, parse_pairs(pairs), GROUND, seeds(*own), [SAID[item] for item in own], embed, 0
    )


def test_every_word_is_swapped_and_what_ends_elsewhere_is_counted() -> None:
    told, shares = stressed("red / blue\nbig / huge")
    # red circle goes, big red star goes (blue) and goes (huge: 60), blue circle comes back
    assert told.swaps == 4
    assert told.captions == 3
    assert shares == {"t0": 1.0, "t10": 1.0, "t90": 1.0}
    assert told.any_elsewhere.value == 1
    assert told.elsewhere.value == 1


def test_a_small_turn_sends_nothing_elsewhere() -> None:
    told, shares = stressed("red / crimson", kind="synonym")
    assert told.kind == "synonym"
    assert shares == {"t0": 0.0, "t10": 0.0}
    assert told.smallest == ()
    assert told.any_elsewhere.value == 0


def test_the_smallest_is_the_swap_that_moves_a_caption_least() -> None:
    told, _ = stressed("red / blue\nbig / huge", "t10")
    (only,) = told.smallest
    assert (only.before, only.after, only.changed) == ("big", "huge", "a huge red star")
    assert only.moved == pytest.approx(2 * np.sin(np.radians(25)), abs=1e-4)
    assert set(only.ends) == {"i0", "t0"}
    assert set(only.changed_ends) == {"i90", "t90"}


def test_pairs_are_counted_by_direction() -> None:
    told, _ = stressed("red / blue")
    counted = {
        (each.before, each.after): (each.elsewhere.count, each.elsewhere.value)
        for each in told.pairs
    }
    assert counted == {("red", "blue"): (2, 1.0), ("blue", "red"): (1, 1.0)}


def test_captions_without_any_of_the_words_are_told_as_none() -> None:
    told, shares = stressed("red / blue", "t80")
    assert (told.captions, told.swaps, told.elsewhere, shares) == (0, 0, None, {})


def test_usual_words_can_be_written_and_read_and_given_ones_replace_them() -> None:
    for pairs in (SYNONYMS, MEANINGS):
        assert parse_pairs("\n".join(map(str, pairs))) == pairs
    found = word_pairs(StressRequest(synonyms="sea / ocean"))
    assert [str(pair) for pair in found["synonym"]] == ["sea / ocean"]
    assert found["meaning"] == MEANINGS
    with pytest.raises(InvalidInput, match="pairs of words"):
        word_pairs(StressRequest(swaps="sea"))
