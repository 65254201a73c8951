"""Swapped captions by hand, and as properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import InvalidInput
from backend.evaluation.swapping import DEFAULT_PAIRS, WordPair, parse_pairs, swaps


def changed(caption: str, pairs: str) -> list[str]:
    return [swap.changed for swap in swaps([caption], parse_pairs(pairs))]


@pytest.mark.parametrize(
    ("caption", "pairs", "expected"),
    [
        ("A man walks his dog.", "man / woman", "A woman walks his dog."),
        ("A Man and a WOMAN", "man / woman", "A Woman and a MAN"),
        ("Men, women and a man's hat", "man, men / woman, women", "Women, men and a woman's hat"),
        ("a womanly human on a walk-man", "man / woman", None),
        ("A black cat", "black / orange", "An orange cat"),
        ("there is an orange cat", "black / orange", "there is a black cat"),
        ("AN ORANGE CAT", "black / orange", "A BLACK CAT"),
        ("A BLACK CAT", "black / orange", "AN ORANGE CAT"),
        ("banana black", "black / orange", "banana orange"),
        ("a dog, a dog", "dog / elephant", "an elephant, an elephant"),
        ("a bus in an hour", "bus, hour / unicorn, minute", "a unicorn in a minute"),
        ("a cat", "cat / unimportant man", "an unimportant man"),
        ("an ice  cream cone", "ice cream / hot dog", "a hot dog cone"),
        ("an ice cream", "ice, ice cream / fire, fire truck", "a fire truck"),
        ("hot dogs", "ice cream / hot dog", None),
        ("a girl holds her cat and her", "his / her", "a girl holds his cat and her"),
        ("a cat beside her in the sun", "his / her", None),
        ("a cat beside her", "him / her", "a cat beside him"),
        ("black-and-white", "black / white", None),
        ("a \u017fun", "sun / moon", None),
    ],
)
def test_words_change_and_nothing_else(caption: str, pairs: str, expected: str | None) -> None:
    assert changed(caption, pairs) == ([] if expected is None else [expected])


def test_a_swap_says_what_it_was() -> None:
    captions = ["two women", "a dog", "a woman with a man", "the man in black"]
    found = swaps(captions, parse_pairs("man, men / woman, women\nblack / white"))
    assert [(each.row, each.before, each.after, each.both) for each in found] == [
        (0, "woman", "man", False),
        (2, "man", "woman", True),
        (3, "man", "woman", False),
        (3, "black", "white", False),
    ]
    assert [each.changed for each in found] == [
        "two men",
        "a man with a woman",
        "the woman in black",
        "the man in white",
    ]
    assert all(each.caption == captions[each.row] for each in found)


PAIRS = [pair for pair in DEFAULT_PAIRS if "her" not in pair.second]
WORDS = sorted(
    {form for pair in PAIRS for side in pair for form in side} | {"tree", "with", "orange"}
)


@given(
    st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(["lower", "capitalize", "upper"]))),
    st.sampled_from(PAIRS),
)
def test_swapping_twice_gives_the_caption_back(
    words: list[tuple[str, str]], pair: WordPair
) -> None:
    caption = " ".join(getattr(word, case)() for word, case in words)
    for swap in swaps([caption], [pair]):
        assert swap.changed != caption
        again = swaps([swap.changed], [pair])[0]
        assert again.changed == caption
        assert again.both == swap.both
        assert swap.both or (again.before, again.after) == (swap.after, swap.before)


def test_the_given_pairs_can_be_written_and_read() -> None:
    text = "\n".join(str(pair) for pair in DEFAULT_PAIRS)
    assert text.splitlines()[0] == "man, men / woman, women"
    assert parse_pairs(f"\n{text.upper()}\n\n") == DEFAULT_PAIRS


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as told:
        parse_pairs(
            "man\ncat / dog\na / b / c\nmen, man / women\nx1 / y\ndog / cat\nred / red\n/ up"
        )
    assert [fault.where for fault in told.value.faults] == [
        f"line {number}" for number in (1, 3, 4, 5, 6, 7, 8)
    ]
    for words in ("one /", "2 forms on the left and 1", "'x1' is no word", "pair is there twice",
                  "a word is there twice", "'' is no word"):  # fmt: skip
        assert words in str(told.value)
    with pytest.raises(InvalidInput, match="there is no pair"):
        parse_pairs(" \n")
