"""The words a caption may use, and what each means; captions become tokens here.

Beside the world's own vocabulary it knows the words people use for the same things (big, spotted,
disc), so that free text can be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from backend.scenes.vocabulary import (
    BACKGROUNDS,
    COLOURS,
    LIGHTS,
    NUMBERS,
    RELATIONS,
    SHAPES,
    SIZES,
    TEXTURES,
    plural,
)

Kind = Literal[
    "article",  # a new object begins
    "number",
    "size",
    "texture",
    "pattern",  # a texture told after the noun: "with stripes"
    "colour",
    "shape",
    "thing",  # object, shape, figure: a noun that says nothing of the form
    "relation",
    "converse",  # a relation told from the other end: "containing"
    "inside it",
    "place",
    "background",
    "light",
    "frame",  # picture, background, light: a noun that is no object
    "and",
    "comma",
    "stop",
    "other",
]


@dataclass(frozen=True)
class Token:
    """A word or phrase of a caption: its meaning, and where it stands (``caption[start:end]``)."""

    kind: Kind
    value: str
    start: int
    end: int


#: other words for the world's own
_SYNONYMS: Final[dict[Kind, dict[str, str]]] = {
    "article": {"a": "", "an": "", "the": "", "another": "", "some": ""},
    "number": {
        "no": "0",
        "without": "0",
        "single": "1",
        "lone": "1",
        "pair of": "2",
        "couple of": "2",
        "five": "5",
        "six": "6",
        "seven": "7",
        "eight": "8",
    },
    "size": {
        "tiny": "small",
        "little": "small",
        "big": "large",
        "huge": "large",
        "giant": "large",
    },
    "texture": {
        "solid": "plain",
        "stripy": "striped",
        "stripey": "striped",
        "spotted": "dotted",
        "spotty": "dotted",
        "dotty": "dotted",
    },
    "pattern": {
        "with stripes": "striped",
        "with dots": "dotted",
        "with spots": "dotted",
        "without a pattern": "plain",
    },
    "colour": {"violet": "purple", "magenta": "pink"},
    "shape": {
        "disc": "circle",
        "disk": "circle",
        "rhombus": "diamond",
        "moon": "crescent",
        "plus sign": "cross",
        "tear": "teardrop",
        "drop": "teardrop",
    },
    "relation": {
        "to the left of": "left of",
        "on the left of": "left of",
        "left from": "left of",
        "to the right of": "right of",
        "on the right of": "right of",
        "right from": "right of",
        "over": "above",
        "on top of": "above",
        "under": "below",
        "underneath": "below",
        "beneath": "below",
        "within": "inside",
        "inside of": "inside",
        "in": "inside",
    },
    "converse": {
        "containing": "inside",
        "holding": "inside",
        "enclosing": "inside",
        "surrounding": "inside",
        "around": "inside",
    },
    "inside it": {"inside it": "inside", "in it": "inside", "within it": "inside"},
    "place": {
        "top": "top",
        "upper": "top",
        "bottom": "bottom",
        "lower": "bottom",
        "left": "left",
        "right": "right",
        "middle": "middle",
        "centre": "middle",
        "center": "middle",
    },
    "background": {
        "wall": "grey wall",
        "gray wall": "grey wall",
        "table": "wooden table",
        "beach": "sandy beach",
        "sand": "sandy beach",
        "sky": "pale sky",
        "meadow": "green meadow",
        "grass": "green meadow",
        "floor": "slate floor",
    },
    "frame": {
        word: ""
        for word in (
            "picture",
            "image",
            "photo",
            "drawing",
            "scene",
            "background",
            "light",
            "corner",
        )
    },
    "and": {"and": "", "with": "", "plus": ""},
    "comma": {",": "", ":": ""},
    "stop": {".": "", ";": "", "while": ""},
    # "in front of" is no "in"
    "other": {"in front of": "", "in all": "", "in total": ""},
}

_WORD: Final = re.compile(r"[a-z]+|\d+|[.,;:]")
_THINGS: Final = ("object", "shape", "thing", "figure", "item")


@cache
def _phrases() -> dict[tuple[str, ...], tuple[Kind, str]]:
    table: dict[tuple[str, ...], tuple[Kind, str]] = {}

    def add(kind: Kind, phrase: str, value: str) -> None:
        table[tuple(phrase.split())] = (kind, value)

    for kind, words in _SYNONYMS.items():
        for phrase, value in words.items():
            add(kind, phrase, value)
            if kind == "shape":
                add(kind, plural(phrase), value)
    for number, word in enumerate(NUMBERS):
        add("number", word, str(number))
    for size in SIZES:
        add("size", size, size)
    for texture in TEXTURES:
        add("texture", texture, texture)
    for colour in COLOURS:
        add("colour", colour, colour)
    for shape in SHAPES:
        add("shape", shape, shape)
        add("shape", plural(shape), shape)
    for thing in _THINGS:
        add("thing", thing, "")
        add("thing", plural(thing), "")
    for relation in RELATIONS:
        add("relation", relation, relation)
    for background in BACKGROUNDS:
        add("background", background, background)
    for light in LIGHTS:
        source = light if light == "above" else f"the {light}"
        add("light", f"from {source}", light)
    return table


@cache
def _longest() -> int:
    """Words of the longest phrase."""
    return max(map(len, _phrases()))


def tokens(caption: str) -> list[Token]:
    """The words and known phrases of a caption, the longest phrase first, any case."""
    words = list(_WORD.finditer(caption.lower()))
    table = _phrases()
    longest = _longest()
    found: list[Token] = []
    at = 0
    while at < len(words):
        token = None
        for length in range(min(longest, len(words) - at), 0, -1):
            phrase = tuple(word.group() for word in words[at : at + length])
            start, end = words[at].start(), words[at + length - 1].end()
            if phrase in table:
                kind, value = table[phrase]
                token = Token(kind, value, start, end)
                break
            if length == 1 and phrase[0].isdigit():
                token = Token("number", str(int(phrase[0][:4])), start, end)
        found.append(token or Token("other", "", start, end))
        at += length
    return found
