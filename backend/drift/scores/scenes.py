"""Which attributes of a built-in scene another generation has kept: exactly, since the world is known.

A generation is a scene (of a picture: its graph is the truth) or a caption (what it says, read by
:mod:`backend.scenes.parsing`). Objects are matched one to one so that as many attributes as possible are
kept (the assignment problem); objects left over have lost everything. Then, of what generation 0 says,

    count       whether as many objects are there, or mentioned
    colour, shape, texture, size    share of the objects that have theirs still
    relation    share of the relations that hold between the matched objects; "a left of b" is "b right
                of a"

What generation 0 does not say cannot be lost and is not a number. What a later generation does not say is
lost, but not changed: a caption of colours and shapes drops textures, a wrong one swaps them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.errors import Fault, InvalidInput
from backend.scenes.graph import Scene, relation
from backend.scenes.parsing import ParsedCaption, parse
from backend.schemas.drift_scores import Attribute

ATTRIBUTES: Final[tuple[Attribute, ...]] = (
    "count",
    "colour",
    "shape",
    "texture",
    "size",
    "relation",
)
_LOOKS: Final = ("colour", "shape", "texture", "size")
#: what a look that is kept counts in matching; the hundredths decide between equal matchings: where a red
#: circle and a blue star became a blue circle and a red star, it is the colours that were exchanged
_WEIGHTS: Final = (1.01, 1.02, 1.0, 1.0)
#: objects of a caption that are told apart; "a thousand circles" are as many, and no more are matched
_MOST: Final = 24
_ROUNDING: Final = 1e-9
#: relations told from the other end
_TURNED: Final = {"right of": "left of", "below": "above"}

Told: TypeAlias = Scene | ParsedCaption | str
Values = NDArray[np.float64]
Related: TypeAlias = tuple[int, str, int]


@dataclass(frozen=True)
class Content:
    """What a generation says of its objects.

    Attributes:
        looks: colour, shape, texture and size of each object; None where it is not said.
        count: how many there are, or are mentioned; None where nothing is said of any.
        exact: whether that is all there are: of a scene, and where a caption says their total.
        relations: (object, "left of", "above" or "inside", object).
    """

    looks: tuple[tuple[str | None, ...], ...]
    count: int | None
    exact: bool
    relations: frozenset[Related]


@dataclass(frozen=True)
class Kept:
    """What one generation has kept of generation 0, in the order of :data:`ATTRIBUTES`.

    Attributes:
        kept: (6,) shares that are as they were; not a number where generation 0 says nothing.
        changed: (6,) shares that are said and otherwise; the rest is not said any more.
    """

    kept: Values
    changed: Values


@dataclass(frozen=True)
class AttributeTable:
    """The same of many chains.

    Attributes:
        ids: (n,) seed items.
        generations: (g,) ascending.
        kept, changed: (n, g, 6); not a number, too, where a sample is missing.
    """

    ids: tuple[str, ...]
    generations: tuple[int, ...]
    kept: Values
    changed: Values


def attribute_table(
    start: Mapping[str, Told], later: Iterable[tuple[int, Mapping[str, Told]]]
) -> AttributeTable:
    """Compares every later generation with generation 0, joined by seed item.

    Args:
        start: what generation 0 is, by seed item.
        later: generations, ascending; seed items may be missing from them.

    Raises:
        InvalidInput: a generation has items that began no chain, or generations do not ascend.
    """
    contents = {item: content_of(told) for item, told in start.items()}
    generations: list[int] = []
    columns: list[list[Kept | None]] = []
    faults: list[Fault] = []
    for number, told in later:
        where = f"generation {number}"
        strangers = [item for item in told if item not in contents]
        if strangers:
            faults.append(Fault(where, f"has items that began no chain, such as {strangers[0]!r}"))
        if number <= max(generations, default=0):
            faults.append(Fault(where, "comes out of order; order them"))
        generations.append(number)
        columns.append(
            [
                kept(content, content_of(told[item])) if item in told else None
                for item, content in contents.items()
            ]
        )
    if faults:
        raise InvalidInput("These generations cannot be compared. Correct them.", faults)
    shape = (len(contents), len(columns), len(ATTRIBUTES))
    table = AttributeTable(
        tuple(contents), tuple(generations), np.full(shape, np.nan), np.full(shape, np.nan)
    )
    for column, cells in enumerate(columns):
        for row, cell in enumerate(cells):
            if cell is not None:
                table.kept[row, column], table.changed[row, column] = cell.kept, cell.changed
    return table


def content_of(told: Told) -> Content:
    """What a scene is, or what a caption says."""
    if isinstance(told, Scene):
        return _of_scene(told)
    return _read(told) if isinstance(told, str) else _of_caption(told)


def kept(start: Content, later: Content) -> Kept:
    """What of ``start`` is still so in ``later``."""
    partner = _matched(start, later)
    same = np.full(len(ATTRIBUTES), np.nan)
    changed = same.copy()
    if start.count is not None:
        now_there = later.count or 0
        same[0] = now_there == start.count
        # a caption that mentions fewer does not say that there are no more
        changed[0] = now_there > start.count or (later.exact and now_there < start.count)
    for place, _ in enumerate(_LOOKS):
        said = [at for at, look in enumerate(start.looks) if look[place] is not None]
        if not said:
            continue
        now = {at: later.looks[partner[at]][place] for at in said if at in partner}
        same[1 + place] = sum(now.get(at) == start.looks[at][place] for at in said) / len(said)
        there = sum(value is not None for value in now.values()) / len(said)
        changed[1 + place] = there - same[1 + place]
    if start.relations:
        held, related = _relations_kept(start, later, partner)
        same[-1] = held / len(start.relations)
        changed[-1] = (related - held) / len(start.relations)
    return Kept(same, changed)


def _of_scene(scene: Scene) -> Content:
    numbers = range(len(scene.objects))
    told = (
        (one, relation(scene, one, two), two) for one in numbers for two in numbers if one != two
    )
    return Content(
        tuple(tuple(getattr(item, name) for name in _LOOKS) for item in scene.objects),
        len(scene.objects),
        True,
        frozenset(_turned(one, name, two) for one, name, two in told if name is not None),
    )


@lru_cache(maxsize=4096)
def _read(caption: str) -> Content:
    """What a caption says; chains come to the same few captions again and again."""
    return _of_caption(parse(caption))


def _of_caption(parsed: ParsedCaption) -> Content:
    objects: list[list[int]] = []
    looks: list[tuple[str | None, ...]] = []
    count = 0
    for mention in parsed.mentions:
        many = 1 if mention.count is None else mention.count
        count += many
        some = min(many, _MOST - len(looks))
        objects.append(list(range(len(looks), len(looks) + some)))
        looks += [tuple(getattr(mention, name) for name in _LOOKS)] * some
    related = frozenset(
        _turned(one, said.name, two)
        for said in parsed.relations
        for one in objects[said.subject]
        for two in objects[said.other]
        if one != two
    )
    if parsed.total is not None:
        return Content(tuple(looks), parsed.total, True, related)
    return Content(tuple(looks), count if parsed.mentions else None, False, related)


def _turned(one: int, name: str, two: int) -> Related:
    return (two, _TURNED[name], one) if name in _TURNED else (one, name, two)


def _matched(start: Content, later: Content) -> dict[int, int]:
    """The object of ``later`` that each object of ``start`` has become.

    Where exchanging two partners loses no attribute, as with twins, the way that keeps more relations is
    taken.
    """
    from scipy.optimize import linear_sum_assignment

    agree = np.array(
        [
            [
                sum(a is not None and a == b for a, b in zip(one, two, strict=True))
                for two in later.looks
            ]
            for one in start.looks
        ],
        np.float64,
    ).reshape(len(start.looks), len(later.looks))
    rows, columns = linear_sum_assignment(agree, maximize=True)
    partner: dict[int, int] = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    better = bool(start.relations and later.relations)
    while better:
        better = False
        held = _relations_kept(start, later, partner)[0]
        for one, two in combinations(partner, 2):
            swapped = {**partner, one: partner[two], two: partner[one]}
            gain = sum(agree[at, swapped[at]] - agree[at, partner[at]] for at in (one, two))
            if gain > -_ROUNDING and _relations_kept(start, later, swapped)[0] > held:
                partner, better = swapped, True
                break
    return partner


def _relations_kept(start: Content, later: Content, partner: Mapping[int, int]) -> tuple[int, int]:
    """How many relations hold still, and between how many pairs some relation is said."""
    pairs = {frozenset((one, two)) for one, _, two in later.relations}
    held = related = 0
    for one, name, two in start.relations:
        if one in partner and two in partner:
            held += (partner[one], name, partner[two]) in later.relations
            related += frozenset((partner[one], partner[two])) in pairs
    return held, related
