"""The words of captions: which a caption says, and which set some captions apart from the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

#: a word that is told apart is beyond this, in standard deviations of its log odds
CLEAR: Final = 1.96
_PRIOR: Final = 10.0  # captions that the prior is worth
_WORD: Final = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_POSSESSIVE: Final = re.compile(r"['’]s?$")
_PLURALS: Final = {
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "teeth": "tooth",
    "mice": "mouse",
    "geese": "goose",
    "leaves": "leaf",
    "knives": "knife",
    "wolves": "wolf",
}
_STOP: Final = frozenset(
    """a about after all also an and another any are as at be been being both but by can do does each
    for from had has have he her hers him his how i if in into is it its itself just me more most my no
    nor not of off on one onto or other others our out over own same she so some such than that the
    their them themselves then there these they this those through to too up upon very was we were what
    when where which while who whom whose why will with would you your it's there's""".split()
)


def said(captions: Sequence[str]) -> list[frozenset[str]]:
    """The words of each caption, lower case, without stop words of English.

    A plural counts as the singular where that is said somewhere in these captions, so that no word is
    shown that nobody wrote.
    """
    every = [
        {_POSSESSIVE.sub("", word) for word in _WORD.findall(caption.lower())} - _STOP
        for caption in captions
    ]
    known = frozenset().union(*every)
    folded = {word: _singular(word, known) for word in known}
    return [frozenset(folded[word] for word in words if len(word) > 1) for words in every]


def distinctive(
    words: Sequence[frozenset[str]], inside: NDArray[np.bool_], count: int
) -> list[str]:
    """Words that some captions say more often than the others, most distinctive first.

    Log odds of saying it, inside against outside, smoothed by how often all captions say it and
    divided by their standard deviation (after Monroe, Colaresi & Quinn 2008; a caption says a word or
    does not, however often).

    Args:
        words: (q,) of each caption.
        inside: (q,) which captions.
        count: at most so many; only those beyond :data:`CLEAR`.
    """
    here = Counter(word for row in np.flatnonzero(inside).tolist() for word in words[row])
    there = Counter(word for row in np.flatnonzero(~inside).tolist() for word in words[row])
    if not here or inside.all():
        return []
    names = sorted(here)
    within = np.array([here[name] for name in names], np.float64)
    beyond = np.array([there[name] for name in names], np.float64)
    prior = _PRIOR * (within + beyond) / len(words)
    # half a caption more that does not say it, so that a word which all captions say has odds
    others = _PRIOR - prior + 0.5
    first, second = within + prior, beyond + prior
    without, beside = int(inside.sum()) - within + others, int((~inside).sum()) - beyond + others
    odds = np.log(first / without) - np.log(second / beside)
    clear = odds / np.sqrt(1 / first + 1 / without + 1 / second + 1 / beside)
    order = np.argsort(-clear, kind="stable")[:count]
    return [names[place] for place in order if clear[place] > CLEAR]


def _singular(word: str, known: frozenset[str]) -> str:
    if word in _PLURALS:
        return _PLURALS[word] if _PLURALS[word] in known else word
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    forms = [word[:-1]]
    if word.endswith("es"):
        forms.append(word[:-2])
    if word.endswith("ies"):
        forms.append(word[:-3] + "y")
    return next((form for form in forms if form in known), word)
