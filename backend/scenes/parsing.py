"""Reads a caption back: what it mentions, how the objects stand to each other, whether it is true.

Written for the captions of :mod:`backend.scenes.captions`, and tolerant to what people type
("blue star left of a big green square"). Words it does not know are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from backend.scenes.graph import Scene, SceneObject, places, relation
from backend.scenes.lexicon import Token, tokens


@dataclass(frozen=True)
class Mention:
    """An object, or several alike, as a caption mentions them. What is not said is None.

    Attributes:
        count: exactly so many; None after "a", which says that there is one and no more than that.
        place: words of :func:`backend.scenes.graph.places`, all of them true.
    """

    count: int | None = None
    size: str | None = None
    texture: str | None = None
    colour: str | None = None
    shape: str | None = None
    place: tuple[str, ...] = ()

    def fits(self, item: SceneObject) -> bool:
        """Whether an object looks and stands as said."""
        said = (self.size, self.texture, self.colour, self.shape)
        is_so = (item.size, item.texture, item.colour, item.shape)
        looks = all(word in (None, truth) for word, truth in zip(said, is_so, strict=True))
        return looks and set(self.place) <= set(places(item))


@dataclass(frozen=True)
class SaidRelation:
    """``mentions[subject]`` stands in the relation ``name`` to ``mentions[other]``."""

    subject: int
    name: str
    other: int


@dataclass(frozen=True)
class ParsedCaption:
    """What a caption says."""

    mentions: tuple[Mention, ...] = ()
    relations: tuple[SaidRelation, ...] = ()
    total: int | None = None
    background: str | None = None
    light: str | None = None

    @property
    def empty(self) -> bool:
        """Nothing in it could be understood, so that nothing can be false."""
        return self == ParsedCaption()


def parse(caption: str) -> ParsedCaption:
    """Reads a caption. Never fails: what cannot be understood is left out."""
    reader = _Reader()
    for token in tokens(caption):
        reader.read(token)
    return reader.finish()


class _Reader:
    """Goes through the tokens once; the state is what has been said since the last noun."""

    def __init__(self) -> None:
        self.mentions: list[Mention] = []
        self.relations: list[SaidRelation] = []
        self.total: int | None = None
        self.background: str | None = None
        self.light: str | None = None
        self.pending = Mention()  # adjectives that wait for their noun
        self.link: tuple[str, int | None, bool] | None = None  # relation, its subject, converse
        self.fronted: tuple[str, int] | None = None  # "left of a circle there is ..."
        self.alike: list[Mention] = []  # more such, of the same noun
        self.after_and = self.after_comma = False
        self.clause = 0  # the first mention of this clause

    def read(self, token: Token) -> None:
        if token.kind in ("and", "comma"):
            self.after_and, self.after_comma = token.kind == "and", True
            return
        match token.kind:
            case "article":
                self._settle()
            case "number":
                self._settle()
                self.pending = replace(self.pending, count=int(token.value))
            case "size" | "texture" | "colour":
                if token.kind == "colour" and self.pending.colour and self.after_comma:
                    self.alike.append(self.pending)  # "red and blue circles"
                self.pending = _with(self.pending, {token.kind: token.value})
            case "pattern":
                self._describe_last({"texture": token.value})
            case "place":
                self._place(token.value)
            case "shape" | "thing":
                self._noun(token)
            case "relation" | "converse":
                self._relate(token.value, token.kind == "converse")
            case "inside it":
                if len(self.mentions) > self.clause + 1:
                    last = len(self.mentions) - 1
                    self.relations.append(SaidRelation(last, token.value, last - 1))
            case "background":
                self.background = token.value
                self._forget()
            case "light":
                self.light = token.value
                self._forget()
            case "frame":
                self._forget()
            case "stop":
                self._end_clause()
        if token.kind != "other":
            self.after_and = False
        if token.kind not in ("other", "place", "article"):
            self.after_comma = False

    def finish(self) -> ParsedCaption:
        self._end_clause()
        return ParsedCaption(
            tuple(self.mentions), tuple(self.relations), self.total, self.background, self.light
        )

    def _end_clause(self) -> None:
        self._settle()
        if self.pending.place and len(self.mentions) > self.clause:  # "a circle, at the top"
            last = self.mentions[-1]
            self.mentions[-1] = replace(last, place=(*last.place, *self.pending.place))
        if self.link is not None:
            name, subject, converse = self.link
            if name == "inside" and not converse and subject is not None and subject > self.clause:
                self.relations.append(SaidRelation(subject, name, subject - 1))  # "... inside"
        self.pending, self.link, self.fronted = Mention(), None, None
        self.clause = len(self.mentions)

    def _noun(self, token: Token) -> None:
        mention, self.pending = self.pending, Mention()
        alike, self.alike = self.alike, []
        if token.kind == "shape":
            mention = replace(mention, shape=token.value)
            self.mentions.extend(replace(other, shape=token.value) for other in alike)
        elif mention == Mention(count=mention.count):
            self.total = mention.count if mention.count is not None else self.total
            self.link = None
            return
        here = len(self.mentions)
        self.mentions.append(mention)
        if self.fronted is not None:
            name, other = self.fronted
            self.relations.append(SaidRelation(here, name, other))
            self.fronted = None
        if self.link is not None:
            name, subject, converse = self.link
            if subject is None:
                self.fronted = (name, here)
            else:
                pair = (here, subject) if converse else (subject, here)
                self.relations.append(SaidRelation(pair[0], name, pair[1]))
            self.link = None

    def _relate(self, name: str, converse: bool) -> None:
        self._settle()
        if len(self.mentions) == self.clause:
            self.link = (name, None, converse)
        elif self.after_and and self.relations:  # "... and above a heart": the same subject again
            self.link = (name, self.relations[-1].subject, converse)
        else:
            self.link = (name, len(self.mentions) - 1, converse)

    def _place(self, word: str) -> None:
        self.link = None
        if self.mentions and not self.after_comma:
            last = self.mentions[-1]
            self.mentions[-1] = replace(last, place=(*last.place, word))
        else:  # "in the upper left a circle": told before the noun
            self.pending = replace(self.pending, place=(*self.pending.place, word))

    def _settle(self) -> None:
        """Adjectives with no noun of their own ("the circle is red") go with the noun before."""
        left = self.pending
        self.pending = Mention(place=left.place)
        said = {"size": left.size, "texture": left.texture, "colour": left.colour}
        self._describe_last({name: word for name, word in said.items() if word is not None})
        if said == dict.fromkeys(said):  # "without a star": the number stands before the article
            self.pending = left

    def _describe_last(self, said: Mapping[str, str]) -> None:
        if self.mentions:
            last = self.mentions[-1]
            new = {name: word for name, word in said.items() if getattr(last, name) is None}
            self.mentions[-1] = _with(last, new)

    def _forget(self) -> None:
        self.pending, self.link = Mention(place=self.pending.place), None


def _with(mention: Mention, said: Mapping[str, Any]) -> Mention:
    return replace(mention, **said)


def matches(parsed: ParsedCaption, scene: Scene, lenient: bool = False) -> bool:
    """Whether all that a caption says is true of a scene. What it does not say does not count.

    Mentions are of different objects; a number is exact; a relation holds between all objects of
    its two mentions.

    Args:
        lenient: take a relation as true where it holds at all, however weakly ("left of" for an
            object that is mostly above). A caption that fails even so is false beyond dispute.
    """
    if parsed.background not in (None, scene.background) or parsed.light not in (None, scene.light):
        return False
    if parsed.total not in (None, len(scene.objects)):
        return False
    fitting = [
        [index for index, item in enumerate(scene.objects) if mention.fits(item)]
        for mention in parsed.mentions
    ]
    slots: list[int] = []
    for number, mention in enumerate(parsed.mentions):
        if mention.count not in (None, len(fitting[number])):
            return False
        slots.extend([number] * (1 if mention.count is None else mention.count))
    return len(slots) <= len(scene.objects) and _assign(parsed, scene, fitting, slots, (), lenient)


def _assign(
    parsed: ParsedCaption,
    scene: Scene,
    fitting: list[list[int]],
    slots: list[int],
    chosen: tuple[int, ...],
    lenient: bool,
) -> bool:
    """Whether the slots after ``chosen`` can be given objects so that all relations hold."""
    if len(chosen) == len(slots):
        return all(
            _holds(scene, one, said.name, two, lenient)
            for said in parsed.relations
            for one, mine in zip(chosen, slots, strict=True)
            for two, yours in zip(chosen, slots, strict=True)
            if (mine, yours) == (said.subject, said.other)
        )
    return any(
        _assign(parsed, scene, fitting, slots, (*chosen, index), lenient)
        for index in fitting[slots[len(chosen)]]
        if index not in chosen
    )


def _holds(scene: Scene, subject: int, name: str, other: int, lenient: bool) -> bool:
    if not lenient or name == "inside":
        return relation(scene, subject, other) == name
    one, two = scene.objects[subject], scene.objects[other]
    return {
        "left of": one.x < two.x,
        "right of": one.x > two.x,
        "above": one.y < two.y,
        "below": one.y > two.y,
    }[name]
