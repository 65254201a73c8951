"""The words of captions by hand, and their log odds against the formula written out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.evaluation.words import distinctive, said


def test_words_are_folded_to_what_somebody_wrote() -> None:
    captions = [
        "Two dogs are running on the grass.",
        "A DOG's ball, and a man with glasses!",
        "The men hold a glass; puppies sleep in boxes",
        "A puppy in a T-shirt by the bus",
        "",
    ]
    assert said(captions) == [
        {"two", "dog", "running", "grass"},
        {"dog", "ball", "man", "glass"},
        {"man", "hold", "glass", "puppy", "sleep", "boxes"},  # nobody wrote "box"
        {"puppy", "t-shirt", "bus"},
        frozenset(),
    ]
    assert said(["Ein Mädchen springt", "l’été"]) == [{"ein", "mädchen", "springt"}, {"l’été"}]


@given(st.lists(st.text(), max_size=6))
def test_any_text_has_words(captions: list[str]) -> None:
    for words in said(captions):
        assert all(len(word) > 1 for word in words)


def test_log_odds_are_those_of_the_formula() -> None:
    words = [
        frozenset(line.split()) for line in ("red car", "red bus", "red car", "tree", "tree car")
    ]
    words = words * 20
    inside = np.tile([True, True, True, False, False], 20)

    def clear(here: int, there: int) -> float:
        prior = 10 * (here + there) / 100
        first, second = here + prior, there + prior
        without, beside = 60 + 10.5 - first, 40 + 10.5 - second
        odds = np.log(first / without) - np.log(second / beside)
        return float(odds / np.sqrt(1 / first + 1 / without + 1 / second + 1 / beside))

    assert clear(60, 0) > clear(20, 0) > 1.96 > clear(40, 20) > 1
    assert distinctive(words, inside, 5) == ["red", "bus"]
    assert distinctive(words, inside, 1) == ["red"]
    assert distinctive(words, ~inside, 5) == ["tree"]


def test_words_that_all_say_set_nobody_apart() -> None:
    words = [frozenset({"photo"})] * 30
    for few in (3, 15, 27):
        assert distinctive(words, np.arange(30) < few, 5) == []
    assert distinctive(words, np.ones(30, bool), 5) == []
    assert distinctive([frozenset()] * 4, np.arange(4) < 2, 5) == []
