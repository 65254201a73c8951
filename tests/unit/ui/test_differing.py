"""Sentences with the words marked in which they differ."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ui.test_markup import HOSTILE, read
from ui.differing import marked, nearest, own_words

WORDS = st.lists(st.sampled_from("a red blue circle above Red, square & <b> ;".split()), max_size=9)


def without_sounds(markup: str) -> str:
    """Without what only a screen reader tells."""
    return re.sub(r'<span class="i-aloud">[^<]*</span>', "", markup)


def kept(markup: str, *elements: str) -> list[str]:
    """The words of markup without some elements."""
    for element in elements:
        markup = re.sub(rf"<{element}>.*?</{element}>", "", markup)
    return read(markup).text.split()


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("a red ring", "A red ring.", "a red ring"),
        ("a blue ring", "a red ring", "a <del>red</del> <ins>blue</ins> ring"),
        ("a ring", "a red ring", "a <del>red</del> ring"),
        ("a big red ring", "a red ring", "a <ins>big</ins> red ring"),
        (
            "a blue ring above a red star",
            "a red ring above a blue star",
            "a <del>red</del> <ins>blue</ins> ring above a <del>blue</del> <ins>red</ins> star",
        ),
        ("", "a ring", "<del>a ring</del>"),
    ],
)
def test_marks_by_hand(text: str, other: str, expected: str) -> None:
    assert without_sounds(marked(text, other)) == expected


def test_marks_are_told_to_screen_readers() -> None:
    assert read(marked("a blue ring", "a red ring")).text == (
        "a taken out: red; put in: blue; ring"
    )


@given(WORDS, WORDS)
def test_both_sentences_can_be_read_back(first: list[str], second: list[str]) -> None:
    found = without_sounds(marked(" ".join(first), " ".join(second)))
    assert kept(found, "del") == first

    def folded(words: list[str]) -> list[str]:
        return [(re.sub(r"^\W+|\W+$", "", word) or word).lower() for word in words]

    assert folded(kept(found, "ins")) == folded(second)
    assert kept(own_words(" ".join(first), " ".join(second))) == first


def test_own_words_alone_are_marked() -> None:
    first, second = "plants around a lamp", "a lamp around plants"
    assert own_words(second, first) == "a lamp <mark>around plants</mark>"
    assert own_words(first, second) == "<mark>plants around</mark> a lamp"


def test_the_nearest_sentence_has_most_words_in_order() -> None:
    others = ("in front of a wall a red ring", "a red ring, before a wall", "nothing")
    assert nearest("a blue ring, before a wall", others) == others[1]


def test_hostile_words_make_no_element() -> None:
    for markup in (marked(HOSTILE, "a b"), marked("a b", HOSTILE), own_words(HOSTILE, "a")):
        assert {name for name, _ in read(markup).found} <= {"ins", "del", "span", "mark"}
