"""Two true captions and a false one of a picture, as SugarCrepe++ has them (Dumpala et al. 2024).

The true captions say the same in other words, and the false one is the first with a word or two
changed, so it is nearer in words than it may be in a shared space. Attributes, objects, numbers and
bindings are changed in one of the two captions that tell all there is; the other one is the second.
A relation is told in one caption alone, which is told again, mostly from the other object's side.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from backend.scenes.captions import Captions, captions
from backend.scenes.graph import Scene
from backend.scenes.negatives import KINDS, NegativeKind, hard_negatives
from backend.scenes.parsing import Mention, parse
from backend.scenes.vocabulary import OPPOSITE
from backend.scenes.world import Picture

#: places in :func:`backend.scenes.captions.captions`
_ALL, _SHORT, _RELATED, _ALL_AGAIN = 0, 1, 2, 4
_RETOLD: Final = 40


class Triplet(NamedTuple):
    """``positive`` and ``second`` are true of the picture, ``negative`` is false of it."""

    image_id: str
    kind: NegativeKind
    positive: str
    second: str
    negative: str


def triplets(pictures: Iterable[Picture]) -> list[Triplet]:
    """At most one triplet of each kind a picture, the same ones on every machine.

    Args:
        pictures: of a built-in set (:func:`backend.scenes.world.picture_of`).

    Returns:
        Picture by picture, in the order of :data:`backend.scenes.negatives.KINDS`. Which kinds there
        are depends on the picture: a lone object has neither relation nor binding.
    """
    return [triplet for picture in pictures for triplet in _of(picture)]


def _of(picture: Picture) -> Iterator[Triplet]:
    scene = picture.scene
    told = captions(scene, picture.key)
    one, two = told[_ALL], told[_ALL_AGAIN]
    first = _changed(picture, scene, one, two)
    # either telling in turn is the one that is changed; only in the first is every "one" a number
    turned = _changed(picture, scene, two, one) if picture.index % 2 else first
    for kind in KINDS:
        changed = first if kind == "count" else turned
        if kind == "relation":
            yield from _relation(picture, scene, told)
        elif kind in changed:
            yield changed[kind]


def _changed(
    picture: Picture, scene: Scene, positive: str, second: str
) -> dict[NegativeKind, Triplet]:
    """The triplets of two captions, by kind."""
    return {
        negative.kind: Triplet(picture.file, negative.kind, positive, second, negative.caption)
        for negative in hard_negatives(scene, positive, picture.key)
    }


def _relation(picture: Picture, scene: Scene, told: Captions) -> Iterator[Triplet]:
    changed = _changed(picture, scene, told[_RELATED], told[_SHORT])
    if "relation" in changed:
        second = _retold(scene, picture.key, told[_RELATED])
        yield changed["relation"]._replace(second=second or told[_SHORT])


def _retold(scene: Scene, key: str, caption: str) -> str:
    """The same relation told otherwise, the other way round where there is such; empty if neither."""
    name, relation = _said(caption)
    kept = ""
    for number in range(_RETOLD):
        other = captions(scene, f"{key}/again/{number}")[_RELATED]
        its_name, its_relation = _said(other)
        if its_relation != relation or _words(other) == _words(caption):
            continue
        if its_name != name:
            return other
        kept = kept or other
    return kept


def _said(caption: str) -> tuple[str, frozenset[tuple[Mention, str, Mention]]]:
    """The relation's name, and the relation as it may be said from either side."""
    parsed = parse(caption)
    said = parsed.relations[0]
    one, two = (
        Mention(colour=mention.colour, shape=mention.shape)
        for mention in (parsed.mentions[said.subject], parsed.mentions[said.other])
    )
    turned = OPPOSITE.get(said.name, said.name)
    return said.name, frozenset({(one, said.name, two), (two, turned, one)})


def _words(caption: str) -> list[str]:
    return re.findall(r"[a-z]+", caption)
