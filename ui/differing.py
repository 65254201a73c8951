"""A sentence with the words marked in which it differs from another one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from ui.markup import Html, join, tag

_EDGE = re.compile(r"^\W+|\W+$")


def marked(text: str, other: str) -> Html:
    """``text``, its own words marked as put in, those that only ``other`` has as taken out before them.

    Case and punctuation beside words make no difference. Marks are told to screen readers, too.
    """
    return join(_parts(text.split(), other.split()), " ")


def nearest(text: str, others: Sequence[str]) -> str:
    """That of some sentences which has the most words in common with ``text``, in order."""
    words = _folded(text.split())
    return max(others, key=lambda other: _matcher(_folded(other.split()), words).ratio())


def _parts(words: Sequence[str], others: Sequence[str]) -> Iterator[Html]:
    for what, i, j, start, end in _matcher(_folded(others), _folded(words)).get_opcodes():
        here, there = " ".join(words[start:end]), " ".join(others[i:j])
        if what == "equal":
            yield join([here])
            continue
        if there:
            yield tag("del", tag("span.i-aloud", "without: "), there, tag("span.i-aloud", ";"))
        if here:
            yield tag("ins", tag("span.i-aloud", "instead: "), here, tag("span.i-aloud", ";"))


def _matcher(first: Sequence[str], second: Sequence[str]) -> SequenceMatcher[str]:
    return SequenceMatcher(None, first, second, autojunk=False)


def _folded(words: Sequence[str]) -> list[str]:
    """Lower case, without punctuation at the edges; a word of punctuation alone is kept."""
    return [(_EDGE.sub("", word) or word).lower() for word in words]
