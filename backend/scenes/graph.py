"""The scene graph: which objects there are, how they look, where they stand.

``sample_scene`` draws a graph from a namespace and an index alone. Only ``random.Random(str)`` and
its ``random()`` are used: Python promises that sequence for every version and machine, which it
does not for ``choice`` or ``shuffle``, nor NumPy for its distributions.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

from backend.scenes.vocabulary import BACKGROUNDS, COLOURS, LIGHTS, RADIUS, SHAPES, SIZES, TEXTURES

T = TypeVar("T")

#: shares of scenes with 1, 2, 3 and 4 objects
COUNT_SHARES: Final = (0.34, 0.30, 0.21, 0.15)

#: shapes wide enough in the middle to hold a small object
CONTAINERS: Final = ("circle", "square", "diamond", "heart", "ring", "flower")

_WORLD_VERSION: Final = "isthmus-scenes-1"
_MARGIN: Final = 0.03
_GAP: Final = 0.035
_TURN: Final = 14.0
_DOMINANCE: Final = 1.4
_CLEARLY_ASIDE: Final = 0.12


@dataclass(frozen=True)
class SceneObject:
    """One object; x (right), y (down) and radius are shares of the width, turn is in degrees."""

    shape: str
    colour: str
    texture: str
    size: str
    x: float
    y: float
    radius: float
    turn: float
    inside: int | None = None

    @property
    def look(self) -> tuple[str, str]:
        """Colour and shape, the pair a short query names."""
        return (self.colour, self.shape)


@dataclass(frozen=True)
class Scene:
    """Ground truth of one image. Objects are in drawing order: a container precedes its content."""

    objects: tuple[SceneObject, ...]
    background: str
    light: str
    grain: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ``from_dict`` reads them back."""
        return asdict(self)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Scene:
        """The inverse of :meth:`to_dict`."""
        objects = tuple(SceneObject(**item) for item in data["objects"])
        return Scene(objects, data["background"], data["light"], data["grain"])


def relation(scene: Scene, subject: int, other: int) -> str | None:
    """How object ``subject`` stands to object ``other``, or None where neither axis clearly wins.

    The axis whose offset is at least 1.4 times the other's decides, so every relation that is told
    is one that a person would agree with.
    """
    one, two = scene.objects[subject], scene.objects[other]
    if one.inside == other:
        return "inside"
    if two.inside == subject:
        return None
    right, down = one.x - two.x, one.y - two.y
    if abs(right) >= _DOMINANCE * abs(down):
        return "right of" if right > 0 else "left of"
    if abs(down) >= _DOMINANCE * abs(right):
        return "below" if down > 0 else "above"
    return None


def places(item: SceneObject) -> tuple[str, ...]:
    """Where an object stands in the picture, as far as that is clear.

    Returns:
        ("top", "left"), ("right",), ("middle",) and the like; () where no word is clearly true.
    """
    vertical = _side(item.y, "top", "bottom")
    horizontal = _side(item.x, "left", "right")
    if not vertical and not horizontal and all(abs(at - 0.5) < 0.08 for at in (item.x, item.y)):
        return ("middle",)
    return vertical + horizontal


def _side(at: float, low: str, high: str) -> tuple[str, ...]:
    if at < 0.5 - _CLEARLY_ASIDE:
        return (low,)
    return (high,) if at > 0.5 + _CLEARLY_ASIDE else ()


class Dice:
    """Choices built on ``random()`` alone (see the module's docstring)."""

    def __init__(self, key: str) -> None:
        self._random = random.Random(key).random

    def between(self, least: float, most: float) -> float:
        # rounded: a scene read back from JSON draws the same pixels
        return round(least + (most - least) * self._random(), 5)

    def below(self, count: int) -> int:
        return int(self._random() * count)

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def chance(self, share: float) -> bool:
        return self._random() < share

    def weighted(self, shares: Sequence[float]) -> int:
        roll, total = self._random() * sum(shares), 0.0
        for position, share in enumerate(shares):
            total += share
            if roll < total:
                return position
        return len(shares) - 1


def sample_scene(namespace: str, index: int) -> Scene:
    """The scene number ``index`` of ``namespace``: always the same one.

    Args:
        namespace: keeps sets apart; scenes of two namespaces are independent draws.
        index: any integer from 0.
    """
    dice = Dice(f"{_WORLD_VERSION}/{namespace}/{index}")
    count = 1 + dice.weighted(COUNT_SHARES)
    objects: list[SceneObject] = []
    while len(objects) < count:
        placed = _sample_object(dice, objects)
        if placed is None:  # no room left: start this scene's placement again, smaller by luck
            objects = []
        else:
            objects.append(placed)
    background = dice.one_of(tuple(BACKGROUNDS))
    return Scene(tuple(objects), background, dice.one_of(tuple(LIGHTS)), dice.below(2**31))


def _sample_object(dice: Dice, objects: list[SceneObject]) -> SceneObject | None:
    if objects and dice.chance(0.15):  # a twin, so that there is something to count
        twin = dice.one_of(objects)
        look = (twin.shape, twin.colour, twin.texture, twin.size)
    else:
        look = (
            dice.one_of(SHAPES),
            dice.one_of(tuple(COLOURS)),
            dice.one_of(TEXTURES),
            dice.one_of(SIZES),
        )
    shape, colour, texture, size = look
    turn = dice.between(-_TURN, _TURN)
    radius = dice.between(*RADIUS[size])
    if size == "small" and dice.chance(0.5):
        host = _free_container(objects, colour)
        if host is not None:
            x, y = objects[host].x, objects[host].y
            radius = round(min(radius, 0.5 * objects[host].radius), 5)
            return SceneObject(shape, colour, texture, size, x, y, radius, turn, inside=host)
    for _ in range(40):
        x = dice.between(_MARGIN + radius, 1 - _MARGIN - radius)
        y = dice.between(_MARGIN + radius, 1 - _MARGIN - radius)
        if all(_apart(x, y, radius, other) for other in objects):
            return SceneObject(shape, colour, texture, size, x, y, radius, turn)
    return None


def _free_container(objects: list[SceneObject], colour: str) -> int | None:
    taken = {item.inside for item in objects}
    for position, item in enumerate(objects):
        fits = item.size == "large" and item.shape in CONTAINERS and item.inside is None
        if fits and item.colour != colour and position not in taken:
            return position
    return None


def _apart(x: float, y: float, radius: float, other: SceneObject) -> bool:
    reach = radius + other.radius + _GAP
    return (x - other.x) ** 2 + (y - other.y) ** 2 >= reach * reach
