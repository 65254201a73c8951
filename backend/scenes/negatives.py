"""Hard negatives: a true caption with one word changed so that it is false of its scene.

As in SugarCrepe (Hsieh et al., 2023) a negative differs as little as it can. Here its falsehood is
known and not judged: it is read back and held against the scene graph, leniently, so that no
negative is a matter of opinion.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple, get_args

from backend.scenes.graph import Scene
from backend.scenes.lexicon import Token, tokens
from backend.scenes.parsing import matches, parse
from backend.scenes.vocabulary import COLOURS, NUMBERS, OPPOSITE, SHAPES, SIZES, TEXTURES, plural

NegativeKind = Literal["attribute", "object", "count", "relation", "binding"]

#: attribute: another colour, texture or size; object: another shape; count: another number;
#: relation: the opposite one; binding: two objects exchange an attribute
KINDS: Final[tuple[NegativeKind, ...]] = get_args(NegativeKind)


class Negative(NamedTuple):
    """A false caption and what is wrong with it."""

    kind: NegativeKind
    caption: str


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


Roll = Callable[[], float]
Change = tuple[_Edit, ...]


def hard_negatives(scene: Scene, caption: str, key: str = "") -> list[Negative]:
    """At most one negative of each kind.

    Args:
        scene: the ground truth.
        caption: a caption that is true of the scene; one of its five, or any other.
        key: with the caption it decides which word is changed and to what, on every machine alike.

    Returns:
        Those kinds that this caption allows, in the order of :data:`KINDS`.
    """
    found = []
    words = tokens(caption)
    for kind in KINDS:
        roll = random.Random(f"isthmus-negatives-1/{key}/{kind}/{caption}").random
        for change in _shuffled(list(_CHANGES[kind](caption, words)), roll):
            negative = _grammatical(_apply(caption, change))
            if not matches(parse(negative), scene, lenient=True):
                found.append(Negative(kind, negative))
                break
    return found


def _attribute(caption: str, words: list[Token]) -> Iterator[Change]:
    pools = {
        "colour": tuple(COLOURS),
        "texture": TEXTURES,
        "size": SIZES,
        "pattern": ("striped", "dotted"),
    }
    for token in words:
        for other in pools.get(token.kind, ()):
            if other != token.value:
                text = _PATTERN_WORDS[other] if token.kind == "pattern" else other
                yield (_Edit(token.start, token.end, text),)


def _object(caption: str, words: list[Token]) -> Iterator[Change]:
    for token in words:
        if token.kind == "shape":
            for other in SHAPES:
                if other != token.value:
                    yield (_Edit(token.start, token.end, _in_number_of(caption, token, other)),)


def _count(caption: str, words: list[Token]) -> Iterator[Change]:
    """Another number; "a circle" becomes "two circles"."""
    for position, token in enumerate(words):
        noun = next((word for word in words[position:] if word.kind in ("shape", "thing")), None)
        if noun is None:
            continue
        if token.kind == "number":
            for number in range(1, len(NUMBERS)):
                if str(number) != token.value:
                    yield (
                        _Edit(token.start, token.end, NUMBERS[number]),
                        _bent(caption, noun, number),
                    )
        elif caption[token.start : token.end] in ("a", "an") and noun.kind == "shape":
            between = words[position + 1 : words.index(noun)]
            if all(word.kind in ("size", "texture", "colour") for word in between):
                yield (_Edit(token.start, token.end, NUMBERS[2]), _bent(caption, noun, 2))


def _relation(caption: str, words: list[Token]) -> Iterator[Change]:
    for token in words:
        if token.kind == "relation":
            text = caption[token.start : token.end]
            if token.value in OPPOSITE:
                opposite = OPPOSITE[token.value]
                side, other = token.value.split()[0], opposite.split()[0]
                yield (
                    _Edit(
                        token.start,
                        token.end,
                        text.replace(side, other) if side in text else opposite,
                    ),
                )
            else:
                for other in OPPOSITE:
                    yield (_Edit(token.start, token.end, other),)
        elif token.kind == "converse":
            for other in OPPOSITE:
                yield (_Edit(token.start, token.end, other),)
        elif token.kind == "inside it":
            for text in ("above it", "below it"):
                yield (_Edit(token.start, token.end, text),)


def _binding(caption: str, words: list[Token]) -> Iterator[Change]:
    for kind in ("colour", "texture", "size", "pattern", "shape"):
        same = [token for token in words if token.kind == kind]
        for number, one in enumerate(same):
            for two in same[number + 1 :]:
                if one.value != two.value:
                    yield (_moved(caption, two, one), _moved(caption, one, two))


_CHANGES: Final[dict[NegativeKind, Callable[[str, list[Token]], Iterator[Change]]]] = {
    "attribute": _attribute,
    "object": _object,
    "count": _count,
    "relation": _relation,
    "binding": _binding,
}
_PATTERN_WORDS: Final = {"striped": "with stripes", "dotted": "with dots"}


def _moved(caption: str, token: Token, to: Token) -> _Edit:
    """The word of ``token`` put where ``to`` stands, in the grammatical number of that place."""
    if token.kind == "shape":
        return _Edit(to.start, to.end, _in_number_of(caption, to, token.value))
    return _Edit(to.start, to.end, caption[token.start : token.end])


def _in_number_of(caption: str, token: Token, shape: str) -> str:
    one = caption[token.start : token.end].lower() == token.value
    return shape if one else plural(shape)


def _bent(caption: str, noun: Token, number: int) -> _Edit:
    """A noun's word in the singular or plural."""
    text = caption[noun.start : noun.end]
    singular = noun.value or text.removesuffix("s")
    return _Edit(noun.start, noun.end, singular if number == 1 else plural(singular))


def _apply(caption: str, change: Change) -> str:
    for edit in sorted(change, reverse=True):
        caption = caption[: edit.start] + edit.text + caption[edit.end :]
    return caption


def _grammatical(caption: str) -> str:
    """A caption whose articles and verbs agree again with the words after them."""
    caption = re.sub(r"\ban?(?= [aeiou])", "an", caption)
    caption = re.sub(r"\ban(?= [^aeiou])", "a", caption)
    caption = re.sub(r"\bthere is(?= (also )?(two|three|four)\b)", "there are", caption)
    return re.sub(r"\bthere are(?= (also )?(an?|one)\b)", "there is", caption)


def _shuffled(changes: list[Change], roll: Roll) -> list[Change]:
    """Fisher-Yates on ``random()`` alone, whose sequence Python promises."""
    for last in range(len(changes) - 1, 0, -1):
        other = int(roll() * (last + 1))
        changes[last], changes[other] = changes[other], changes[last]
    return changes
