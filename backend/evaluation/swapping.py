"""Captions with one word for another: man and woman, black and white, left and right.

Both sides of a pair are swapped in one pass, in whole words; case is kept, and an article before the
word follows it (a white cat, an orange cat). A caption that has words of both sides is marked: in "a man
and a woman" nothing is said differently, in "a man in red beside a woman in blue" all is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from backend.errors import Fault, InvalidInput
from backend.schemas import Swap


class WordPair(NamedTuple):
    """Forms of a word, and those of the word it is swapped with, in the same order."""

    first: tuple[str, ...]
    second: tuple[str, ...]

    def __str__(self) -> str:
        """As :func:`parse_pairs` reads it."""
        return f"{', '.join(self.first)} / {', '.join(self.second)}"


_WORD: Final = re.compile(r"[^\W\d_]+(?:[-' ][^\W\d_]+)*")
# "her" before these is no possessive: "beside her and", "with her in"
_NO_NOUN: Final = frozenset(
    """a an and are as at behind beside by during for from has her his if in into is near next of on
    onto or over she that the their through to toward towards under up was when where while who with
    """.split()
)
_VOWEL: Final = re.compile(r"[aeiou]|hour|honest|honou?r|heir", re.IGNORECASE)
# written with a vowel, spoken with a consonant
_NO_VOWEL: Final = re.compile(r"eu|ew|one\b|once\b|u(?:ni(?![mn])|s[aeiu]|ti|k)", re.IGNORECASE)

#: numbers agree with the noun on both sides; one and two would not
DEFAULT_PAIRS: Final = (
    WordPair(("man", "men"), ("woman", "women")),
    WordPair(("boy", "boys"), ("girl", "girls")),
    WordPair(("he",), ("she",)),
    WordPair(("his",), ("her",)),
    WordPair(("dog", "dogs"), ("cat", "cats")),
    WordPair(("black",), ("white",)),
    WordPair(("red",), ("blue",)),
    WordPair(("green",), ("yellow",)),
    WordPair(("big", "large"), ("small", "tiny")),
    WordPair(("left",), ("right",)),
    WordPair(("above",), ("below",)),
    WordPair(("inside",), ("outside",)),
    WordPair(("up",), ("down",)),
    WordPair(("two",), ("three",)),
    WordPair(("standing", "stands"), ("sitting", "sits")),
)


def swaps(captions: Sequence[str], pairs: Sequence[WordPair] = DEFAULT_PAIRS) -> list[Swap]:
    """Every caption with every pair it has a word of, pair by pair.

    Args:
        captions: row by row.
        pairs: each swapped by itself.
    """
    return [
        swap
        for pair in pairs
        for pattern, others in (_forms(pair),)
        for row, caption in enumerate(captions)
        if (swap := _swapped(row, caption, pair, pattern, others)) is not None
    ]


def _forms(pair: WordPair) -> tuple[re.Pattern[str], dict[str, str]]:
    """What finds any form, with an article before it, and what each is swapped for."""
    others = dict(zip(pair.first, pair.second, strict=True))
    others |= {second: first for first, second in others.items()}
    words = "|".join(
        r"\s+".join(map(re.escape, form.split())) for form in sorted(others, key=len, reverse=True)
    )
    found = rf"(?<![\w-])(?:(an?)(\s+))?({words})(?![\w-])"
    return re.compile(found, re.IGNORECASE), others


def _swapped(
    row: int, caption: str, pair: WordPair, pattern: re.Pattern[str], others: dict[str, str]
) -> Swap | None:
    sides: list[bool] = []  # of each word that is swapped: whether it is of the first side

    def other(match: re.Match[str]) -> str:
        article, space, word = match.groups()
        old = " ".join(word.lower().split())
        new = others.get(old)  # none of letters that are equal in upper case alone
        no_noun = (old, new) == ("her", "his") and not _has_noun(caption[match.end() :])
        if new is None or no_noun:
            return match.group()
        sides.append(old in pair.first)
        cased = _cased(new, word)
        return f"{_article(article, cased)}{space}{cased}" if article else cased

    changed = pattern.sub(other, caption)
    if not sides:
        return None
    both = len(set(sides)) == 2
    before, after = pair if both or sides[0] else (pair.second, pair.first)
    return Swap(
        row=row, caption=caption, changed=changed, before=before[0], after=after[0], both=both
    )


def _has_noun(rest: str) -> bool:
    """Whether a noun may follow "her"."""
    following = re.match(r"\s+([^\W\d_]+)", rest)
    return following is not None and following.group(1).lower() not in _NO_NOUN


def _cased(new: str, old: str) -> str:
    """The new word in upper or lower case as the old one is."""
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new[0].upper() + new[1:] if old[0].isupper() else new


def _article(article: str, word: str) -> str:
    """The one that the word wants, in the case of the one that was there."""
    wanted = "an" if _VOWEL.match(word) and not _NO_VOWEL.match(word) else "a"
    if article[0].islower():
        return wanted
    return wanted.upper() if len(word) > 1 and word.isupper() else wanted.capitalize()


def parse_pairs(text: str) -> tuple[WordPair, ...]:
    """One pair a line, "man / woman"; further forms after commas: "man, men / woman, women".

    Raises:
        InvalidInput: with every line that cannot be used, or there is none.
    """
    pairs: list[WordPair] = []
    faults: list[Fault] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        sides = [
            tuple(" ".join(form.lower().split()) for form in side.split(","))
            for side in line.split("/")
        ]
        what = _fault(sides)
        if not what and any(set(pair) == set(sides) for pair in pairs):
            what = "this pair is there twice"
        if what:
            faults.append(Fault(f"line {number}", what))
        else:
            pairs.append(WordPair(*sides))
    if faults or not pairs:
        raise InvalidInput(
            "These pairs of words cannot be used; write one pair a line, such as: man, men / woman, women.",
            faults or [Fault("", "there is no pair")],
        )
    return tuple(pairs)


def _fault(sides: Sequence[tuple[str, ...]]) -> str:
    """What is wrong with a line; empty where nothing is."""
    if len(sides) != 2:
        return "a pair has two sides with one / between them"
    forms = [*sides[0], *sides[1]]
    wrong = [form for form in forms if not _WORD.fullmatch(form)]
    if wrong:
        named = ", ".join(repr(form) for form in wrong)
        return f"{named} is no word; words have letters, and a space, ' or - between them"
    if len(set(forms)) < len(forms):
        return "a word is there twice; each form is swapped for one other"
    if len(sides[0]) != len(sides[1]):
        return f"{len(sides[0])} forms on the left and {len(sides[1])} on the right; give as many, in order"
    return ""
