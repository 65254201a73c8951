"""A sentence with the words marked in which it differs from another one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from ui.markup import Html, join, tag

_EDGE: Final = re.compile(r"^\W+|\W+$")
#: so that a screen reader pauses behind a mark
_END: Final = tag("span.i-aloud", ";")


def marked(text: str, other: str) -> Html:
    """``text``, its own words marked as put in, those that only ``other`` has as taken out before them.

    Case and punctuation beside words make no difference. Marks are told to screen readers, too.
    """
    parts = []
    for words, own, others in _runs(text, other):
        if words:
            parts.append(join([words]))
        if others:
            parts.append(tag("del", tag("span.i-aloud", "taken out: "), others, _END))
        if own:
            parts.append(tag("ins", tag("span.i-aloud", "put in: "), own, _END))
    return join(parts, " ")


def own_words(text: str, other: str) -> Html:
    """``text`` with the words marked that ``other`` does not have in their place."""
    parts = [
        tag("mark", own) if own else join([words])
        for words, own, _ in _runs(text, other)
        if words or own
    ]
    return join(parts, " ")


def nearest(text: str, others: Sequence[str]) -> str:
    """That of some sentences which has the most words in common with ``text``, in order."""
    words = _folded(text.split())
    return max(others, key=lambda other: _matcher(_folded(other.split()), words).ratio())


def _runs(text: str, other: str) -> Iterator[tuple[str, str, str]]:
    """What both have, what ``text`` has alone, what ``other`` has alone in its place."""
    words, others = text.split(), other.split()
    for what, i, j, start, end in _matcher(_folded(others), _folded(words)).get_opcodes():
        here, there = " ".join(words[start:end]), " ".join(others[i:j])
        yield (here, "", "") if what == "equal" else ("", here, there)


def _matcher(first: Sequence[str], second: Sequence[str]) -> SequenceMatcher[str]:
    return SequenceMatcher(None, first, second, autojunk=False)


def _folded(words: Sequence[str]) -> list[str]:
    """Lower case, without punctuation at the edges; a word of punctuation alone is kept."""
    return [(_EDGE.sub("", word) or word).lower() for word in words]
