"""A scene that a caption is true of, so that any caption can be drawn.

What the caption says is kept: numbers, looks, places, relations, background and light. What it leaves open
is drawn from a key, by :class:`random.Random` of a string and its ``random()`` alone, so that the same
caption and key give the same scene on every machine. Where a caption contradicts itself its relations give
way, then its places, and that is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from backend.errors import InvalidInput
from backend.scenes.graph import CONTAINERS, Dice, Scene, SceneObject, places, relation
from backend.scenes.parsing import Mention, ParsedCaption, SaidRelation, matches, parse
from backend.scenes.vocabulary import BACKGROUNDS, COLOURS, LIGHTS, RADIUS, SHAPES, SIZES, TEXTURES

#: objects that a picture has room for; from so many on they are small unless the caption says otherwise
MOST_OBJECTS: Final = 8
_CROWDED: Final = 4

_VERSION: Final = "isthmus-picturing-1"
_MARGIN: Final = 0.03
_GAP: Final = 0.02
_TURN: Final = 14.0
_ARRANGEMENTS: Final = 60
_PLACES: Final = 60


class Pictured(NamedTuple):
    """A scene, and what of the caption it does not keep; empty where it keeps all."""

    scene: Scene
    left_out: str


@dataclass(frozen=True)
class _Wanted:
    """An object to be placed.

    Attributes:
        mention: its number among the caption's mentions; -1 where only the total asks for it.
        place: words of :func:`places` that must hold.
        host: number of the object that it lies inside of.
    """

    mention: int
    looks: tuple[str, str, str, str]
    place: tuple[str, ...]
    host: int | None = None


def picture(caption: str, key: str = "") -> Pictured:
    """A scene that a caption is true of.

    Args:
        caption: in the words of the built-in world (:mod:`backend.scenes.lexicon`).
        key: decides what the caption leaves open.

    Raises:
        InvalidInput: nothing of it is understood, or it asks for more objects than there is room for.
    """
    parsed = parse(caption)
    asked = _number(parsed)
    if asked == 0:
        raise InvalidInput(
            f'Nothing that can be drawn is said in "{caption[:80]}". Name shapes, such as "a red circle".'
        )
    if asked > MOST_OBJECTS:
        raise InvalidInput(
            f"{asked} objects are asked for, and {MOST_OBJECTS} have room. Ask for fewer."
        )
    dice = Dice(f"{_VERSION}/{key}/{caption}")
    for said, left_out in _ever_less(parsed):
        for _ in range(_ARRANGEMENTS):
            scene = _arranged(said, dice)
            if scene is not None and matches(said, scene):
                return Pictured(scene, left_out)
    return Pictured(
        _at_random(parsed, dice),
        "not all of it can be so at once; its objects are small and anywhere",
    )


def _ever_less(parsed: ParsedCaption) -> list[tuple[ParsedCaption, str]]:
    """What is tried in turn, and what it leaves out."""
    nowhere = tuple(replace(mention, place=()) for mention in parsed.mentions)
    tried = [(parsed, "")]
    if parsed.relations:
        tried.append((replace(parsed, relations=()), "its relations cannot hold together"))
    if nowhere != parsed.mentions:
        without = replace(parsed, mentions=nowhere, relations=())
        tried.append((without, "its places and relations cannot hold together"))
    if parsed.total is not None and parsed.mentions:
        untold = replace(parsed, mentions=nowhere, relations=(), total=None)
        tried.append((untold, "its total is not that of the objects it mentions"))
    return tried


def _number(parsed: ParsedCaption) -> int:
    mentioned = sum(1 if each.count is None else each.count for each in parsed.mentions)
    return max(mentioned, parsed.total or 0)


def _arranged(parsed: ParsedCaption, dice: Dice) -> Scene | None:
    """One attempt: looks drawn, then objects placed one after the other; None where one has no room."""
    wanted = _wanted(parsed, dice)
    if not wanted:
        return None
    order = sorted(
        range(len(wanted)), key=lambda at: wanted[at].host is not None
    )  # hosts come first
    place_of = {number: place for place, number in enumerate(order)}
    placed: list[SceneObject] = []
    for number in order:
        each = wanted[number]
        host = None if each.host is None else place_of.get(each.host)
        if each.host is not None and (host is None or host >= len(placed)):
            return None
        found = _placed(each, host, placed, [wanted[at] for at in order], parsed, dice)
        if found is None:
            return None
        placed.append(found)
    return _scene(placed, parsed, dice)


def _scene(placed: Sequence[SceneObject], parsed: ParsedCaption, dice: Dice) -> Scene:
    background = parsed.background or dice.one_of(tuple(BACKGROUNDS))
    light = parsed.light or dice.one_of(tuple(LIGHTS))
    return Scene(tuple(placed), background, light, dice.below(2**31))


def _wanted(parsed: ParsedCaption, dice: Dice) -> list[_Wanted]:
    """The objects of a caption, with looks and hosts."""
    inside = {said.subject: said.other for said in parsed.relations if said.name == "inside"}
    hosts = set(inside.values())
    crowded = _number(parsed) >= _CROWDED
    wanted: list[_Wanted] = []
    first: dict[int, int] = {}
    for number, mention in enumerate(parsed.mentions):
        first[number] = len(wanted)
        for _ in range(1 if mention.count is None else mention.count):
            looks = _looks(mention, number in hosts, crowded or number in inside, dice)
            wanted.append(_Wanted(number, looks, mention.place))
    if parsed.total is not None:
        for _ in range(parsed.total - len(wanted)):
            wanted.append(_Wanted(-1, _looks(Mention(), False, crowded, dice), ()))
    for subject, host in inside.items():
        for at, each in enumerate(wanted):
            if each.mention == subject and first.get(host, len(wanted)) < len(wanted):
                wanted[at] = replace(each, host=first[host])
    return wanted


def _looks(mention: Mention, host: bool, small: bool, dice: Dice) -> tuple[str, str, str, str]:
    """Shape, colour, texture and size: as said, or drawn."""
    usual = "large" if host else "small" if small else dice.one_of(SIZES)
    return (
        mention.shape or dice.one_of(CONTAINERS if host else SHAPES),
        mention.colour or dice.one_of(tuple(COLOURS)),
        mention.texture or dice.one_of(TEXTURES),
        mention.size or usual,
    )


def _placed(
    each: _Wanted,
    host: int | None,
    placed: Sequence[SceneObject],
    wanted: Sequence[_Wanted],
    parsed: ParsedCaption,
    dice: Dice,
) -> SceneObject | None:
    """An object where all that is said of it holds; None where no such place was found."""
    radius, turn = dice.between(*RADIUS[each.looks[3]]), dice.between(-_TURN, _TURN)
    shape, colour, texture, size = each.looks
    if host is not None:
        around = placed[host]
        radius = round(min(radius, 0.5 * around.radius), 5)
        return SceneObject(
            shape, colour, texture, size, around.x, around.y, radius, turn, inside=host
        )
    for _ in range(_PLACES):
        x, y = (dice.between(_MARGIN + radius, 1 - _MARGIN - radius) for _ in range(2))
        item = SceneObject(shape, colour, texture, size, x, y, radius, turn)
        apart = all(_apart(item, other) for other in placed if other.inside is None)
        if (
            apart
            and set(each.place) <= set(places(item))
            and _stands(item, each, placed, wanted, parsed)
        ):
            return item
    return None


def _stands(
    item: SceneObject,
    each: _Wanted,
    placed: Sequence[SceneObject],
    wanted: Sequence[_Wanted],
    parsed: ParsedCaption,
) -> bool:
    """Whether all relations to what is placed already hold."""
    here = len(placed)
    scene = Scene((*placed, item), "", "", 0)
    return all(
        _as_said(scene, here, at, said, each.mention, wanted[at].mention)
        for at in range(here)
        for said in parsed.relations
        if said.name != "inside"
    )


def _as_said(
    scene: Scene, here: int, other: int, said: SaidRelation, mine: int, theirs: int
) -> bool:
    if (mine, theirs) == (said.subject, said.other):
        return relation(scene, here, other) == said.name
    if (theirs, mine) == (said.subject, said.other):
        return relation(scene, other, here) == said.name
    return True


def _apart(one: SceneObject, two: SceneObject) -> bool:
    reach = one.radius + two.radius + _GAP
    return (one.x - two.x) ** 2 + (one.y - two.y) ** 2 >= reach * reach


def _at_random(parsed: ParsedCaption, dice: Dice) -> Scene:
    """The objects that are mentioned, wherever they fall: what cannot hold together is given up."""
    loose = replace(parsed, relations=(), total=None if parsed.mentions else parsed.total)
    placed: list[SceneObject] = []
    for each in _wanted(loose, dice):
        shape, colour, texture, _ = each.looks
        radius = dice.between(*RADIUS["small"])
        x, y = (dice.between(_MARGIN + radius, 1 - _MARGIN - radius) for _ in range(2))
        turn = dice.between(-_TURN, _TURN)
        placed.append(SceneObject(shape, colour, texture, "small", x, y, radius, turn))
    return _scene(placed, parsed, dice)
