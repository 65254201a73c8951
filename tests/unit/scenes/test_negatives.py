"""Hard negatives: false, minimal, of every kind, and in good grammar."""

from __future__ import annotations

import difflib
import re
from collections import Counter

import pytest

from backend.scenes.captions import captions
from backend.scenes.graph import sample_scene
from backend.scenes.negatives import KINDS, hard_negatives
from backend.scenes.parsing import matches, parse

SCENES = [sample_scene("tests", index) for index in range(600)]
CAPTIONS = [captions(scene, f"tests/{index}") for index, scene in enumerate(SCENES)]
FOUND = [
    (scene, caption, negative)
    for scene, five in zip(SCENES, CAPTIONS, strict=True)
    for caption in five
    for negative in hard_negatives(scene, caption)
]


def test_every_negative_is_false_even_leniently() -> None:
    for scene, _, negative in FOUND:
        assert not matches(parse(negative.caption), scene, lenient=True), negative


def changed_words(before: str, after: str) -> int:
    """Words in the place of others; those that merely agree with another change do not count."""
    one, two = (
        re.sub(r"\ban\b", "a", text).replace("there are", "there is").split()
        for text in (before, after)
    )
    if len(one) == len(two):
        return sum(left != right for left, right in zip(one, two, strict=True))
    spans = difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes()
    return sum(max(b - a, d - c) for tag, a, b, c, d in spans if tag != "equal")


def test_a_negative_differs_by_one_word_or_by_two_where_two_must_change() -> None:
    most = {"attribute": 1, "object": 1, "count": 2, "relation": 2, "binding": 2}
    for _, caption, negative in FOUND:
        assert 1 <= changed_words(caption, negative.caption) <= most[negative.kind], (
            caption,
            negative,
        )


def test_negatives_keep_the_grammar() -> None:
    for _, _, negative in FOUND:
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", negative.caption), negative
        assert not re.search(r"\bthere is (also )?(two|three|four)\b", negative.caption), negative
        assert not re.search(
            r"\b(two|three|four) ((?!and)\w+ ){0,3}(circle|ring|star)\b", negative.caption
        )


def test_every_caption_has_negatives_and_every_kind_occurs() -> None:
    kinds = Counter(negative.kind for _, _, negative in FOUND)
    total = sum(len(five) for five in CAPTIONS)
    assert kinds["attribute"] == kinds["object"] == total
    assert kinds["count"] > 0.99 * total  # "two stars left of ..." may happen to be true
    assert set(kinds) == set(KINDS)
    # relations are told in one caption of five, of scenes with two objects or more
    assert kinds["relation"] > 0.4 * len(SCENES)
    assert kinds["binding"] > 0.5 * total


def test_the_key_decides_and_nothing_else() -> None:
    scene, caption = SCENES[1], CAPTIONS[1][0]
    assert hard_negatives(scene, caption, "a") == hard_negatives(scene, caption, "a")
    assert len({tuple(hard_negatives(scene, caption, str(key))) for key in range(10)}) > 5


@pytest.mark.parametrize("text", ["", "a dog on a skateboard"])
def test_a_caption_that_says_nothing_has_no_negatives(text: str) -> None:
    assert hard_negatives(SCENES[0], text) == []
