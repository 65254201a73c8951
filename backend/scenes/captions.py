"""Five captions of a scene, each worded its own way, every word of them true.

1. all there is: "a large striped red circle and a small plain blue star on a wooden table"
2. colours and shapes: "a red circle and a blue star"
3. a relation: "a blue star to the left of a red circle"; for a lone object its place
4. an overview that counts: "two objects: a red circle and a blue star, seen on a wooden table"
5. all there is, in another order: "on a wooden table one sees a small blue star and a large
   red circle with stripes"

Wordings are picked by the scene's key alone (:class:`random.Random` of a string, ``random()``
only), so every machine tells a scene in the same words.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from backend.scenes.graph import Scene, SceneObject, places, relation
from backend.scenes.vocabulary import NUMBERS, plural

Captions = tuple[str, str, str, str, str]

_CAPTION_VERSION: Final = "isthmus-captions-1"

_BEFORE: Final[dict[str, tuple[str, ...]]] = {
    "grey wall": ("in front of a grey wall", "against a grey wall"),
    "wooden table": ("on a wooden table", "lying on a wooden table"),
    "sandy beach": ("on a sandy beach", "lying on a sandy beach"),
    "pale sky": ("in front of a pale sky", "against a pale sky"),
    "green meadow": ("on a green meadow", "lying on a green meadow"),
    "slate floor": ("on a slate floor", "lying on a slate floor"),
}
_LIT: Final[dict[str, tuple[str, ...]]] = {
    "left": ("lit from the left", "with light from the left"),
    "right": ("lit from the right", "with light from the right"),
    "above": ("lit from above", "with light from above"),
}
_RELATED: Final[dict[str, tuple[str, ...]]] = {
    "left of": ("{} to the left of {}", "{} left of {}", "{} on the left of {}"),
    "right of": ("{} to the right of {}", "{} right of {}", "{} on the right of {}"),
    "above": ("{} above {}", "{} over {}", "above {1} there is {0}"),
    "below": ("{} below {}", "{} under {}", "beneath {1} there is {0}"),
    "inside": ("{} inside {}", "{1} containing {0}", "{1} with {0} inside it", "{1} around {0}"),
}
_PLACED: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    ("top",): ("at the top", "at the top of the picture"),
    ("bottom",): ("at the bottom", "at the bottom of the picture"),
    ("left",): ("on the left", "on the left side"),
    ("right",): ("on the right", "on the right side"),
    ("top", "left"): ("in the upper left", "in the top left corner"),
    ("top", "right"): ("in the upper right", "in the top right corner"),
    ("bottom", "left"): ("in the lower left", "in the bottom left corner"),
    ("bottom", "right"): ("in the lower right", "in the bottom right corner"),
    ("middle",): ("in the middle", "in the centre of the picture"),
}
_PATTERN: Final[dict[str, str]] = {"striped": " with stripes", "dotted": " with dots"}

Pick = Callable[[Sequence[str]], str]


def captions(scene: Scene, key: str) -> Captions:
    """Tells a scene five times.

    Args:
        scene: what is to be told.
        key: decides the wordings; ``f"{namespace}/{index}"`` for a sampled scene.

    Returns:
        The five kinds in the order of this module's docstring, each at most 27 words.
    """
    roll = random.Random(f"{_CAPTION_VERSION}/{key}").random

    def pick(options: Sequence[str]) -> str:
        return options[int(roll() * len(options))]

    return (
        _everything(scene, pick),
        _short(scene, pick),
        _related(scene, pick),
        _overview(scene, pick),
        _everything_again(scene, pick),
    )


def _everything(scene: Scene, pick: Pick) -> str:
    looks = [_noun_phrase(group, _full(group[0])) for group in _groups(scene, _same_look)]
    before = pick(_BEFORE[scene.background])
    return pick(("{0} {1}", "{0}, {1}")).format(_list(looks), before)


def _short(scene: Scene, pick: Pick) -> str:
    opening = pick(("{}", "{}", "a picture of {}", "a photo of {}", "there {verb} {}"))
    return opening.format(_list(_looks(scene)), verb=_verb(_groups(scene, _same)))


def _related(scene: Scene, pick: Pick) -> str:
    pair = _telling_pair(scene, pick)
    if pair is None:
        return _placed(scene, pick)
    subject, other, name = pair
    one, two = scene.objects[subject], scene.objects[other]
    phrases = [_article(_medium(one, pick)), _article(_medium(two, pick))]
    told = pick(_RELATED[name]).format(*phrases)
    rest = [item for index, item in enumerate(scene.objects) if index not in (subject, other)]
    if rest and not {item.look for item in rest} & {one.look, two.look}:
        groups = _grouped(rest, _same)
        looks = _list([_noun_phrase(group, " ".join(group[0].look)) for group in groups])
        wording = pick((", and also {}", "; {} as well", "; there {verb} also {}"))
        told += wording.format(looks, verb=_verb(groups))
    return told


def _placed(scene: Scene, pick: Pick) -> str:
    """Places instead of relations: of a lone object, and of two that stand askew."""
    if len(scene.objects) == 1:
        item = scene.objects[0]
        phrase = _article(_medium(item, pick))
        lit = pick(_LIT[scene.light])
        if places(item):
            return pick(("{0} {1}, {2}", "{0} {1}")).format(
                phrase, pick(_PLACED[places(item)]), lit
            )
        return pick(("{0} {1}", "{0}, {1}")).format(phrase, lit)
    if len({item.look for item in scene.objects}) == len(scene.objects) == 2:
        told = [
            f"{_article(' '.join(item.look))} {pick(_PLACED[places(item)])}"
            if places(item)
            else _article(_medium(item, pick))
            for item in scene.objects
        ]
        return _list(told)
    return f"{_list(_looks(scene))}, {pick(_LIT[scene.light])}"


def _overview(scene: Scene, pick: Pick) -> str:
    number = NUMBERS[len(scene.objects)]
    noun = pick(("object", "shape", "thing"))
    total = f"{number} {noun if len(scene.objects) == 1 else plural(noun)}"
    wording = pick(
        (
            "{0}: {1}, seen {2}",
            "{0} {2}: {1}",
            "a picture of {0}, {1}, {2}",
            "{1}, {0} in all, {2}",
        )
    )
    # "lying" would follow "seen"
    before = _BEFORE[scene.background][0]
    return wording.format(total, _list(_looks(scene)), before)


def _everything_again(scene: Scene, pick: Pick) -> str:
    groups = _groups(scene, _same_look)[::-1]
    before = _BEFORE[scene.background][0]
    if len(scene.objects) > 3:  # many words already
        looks = [_noun_phrase(group, _full(group[0])) for group in groups]
        return f"{before}: {_list(looks)}"
    looks = [_noun_phrase(group, *_patterned(group, scene, pick)) for group in groups]
    wording = pick(("{0} there {verb} {1}", "{0}: {1}", "{0} one sees {1}"))
    return wording.format(before, _list(looks), verb=_verb(groups))


def _telling_pair(scene: Scene, pick: Pick) -> tuple[int, int, str] | None:
    """Two objects of different looks and how they stand; what is inside another goes first."""
    found: list[tuple[int, int, str]] = []
    for subject, one in enumerate(scene.objects):
        for other, two in enumerate(scene.objects):
            name = relation(scene, subject, other) if subject != other else None
            if name is not None and one.look != two.look:
                found.append((subject, other, name))
    inside = [pair for pair in found if pair[2] == "inside"]
    options = inside or found
    if not options:
        return None
    return options[int(pick([str(number) for number in range(len(options))]))]


def _looks(scene: Scene) -> list[str]:
    return [_noun_phrase(group, " ".join(group[0].look)) for group in _groups(scene, _same)]


def _full(item: SceneObject) -> str:
    return f"{item.size} {item.texture} {item.colour} {item.shape}"


def _medium(item: SceneObject, pick: Pick) -> str:
    """Colour, shape and one thing more."""
    look = " ".join(item.look)
    return pick((f"{item.size} {look}", f"{item.texture} {look}", look))


def _patterned(group: Sequence[SceneObject], scene: Scene, pick: Pick) -> tuple[str, str]:
    """The whole look, the texture sometimes told last; plain is said only where it must be."""
    item = group[0]
    look = f"{item.size} {item.colour} {item.shape}"
    alike = sum((item.size, *item.look) == (other.size, *other.look) for other in scene.objects)
    if item.texture == "plain" and alike == len(group):
        return look, ""
    if item.texture in _PATTERN and pick(("before", "after")) == "after":
        return look, _PATTERN[item.texture]
    return _full(item), ""


def _same(item: SceneObject) -> tuple[str, ...]:
    return item.look


def _same_look(item: SceneObject) -> tuple[str, ...]:
    return (*item.look, item.texture, item.size)


Sameness = Callable[[SceneObject], tuple[str, ...]]


def _groups(scene: Scene, same: Sameness) -> list[list[SceneObject]]:
    return _grouped(scene.objects, same)


def _grouped(items: Sequence[SceneObject], same: Sameness) -> list[list[SceneObject]]:
    groups: dict[tuple[str, ...], list[SceneObject]] = {}
    for item in items:
        groups.setdefault(same(item), []).append(item)
    return list(groups.values())


def _noun_phrase(group: Sequence[SceneObject], words: str, after: str = "") -> str:
    """ "a red circle", "two red circles with dots": ``words`` end with the shape."""
    if len(group) == 1:
        return _article(words) + after
    return f"{NUMBERS[len(group)]} {plural(words)}{after}"


def _verb(groups: Sequence[Sequence[SceneObject]]) -> str:
    """ "there is a circle and ...", "there are two circles and ..." """
    return "is" if len(groups[0]) == 1 else "are"


def _article(words: str) -> str:
    return ("an " if words[0] in "aeiou" else "a ") + words


def _list(phrases: Sequence[str]) -> str:
    if len(phrases) == 1:
        return phrases[0]
    return f"{', '.join(phrases[:-1])} and {phrases[-1]}"
