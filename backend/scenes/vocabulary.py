"""The words of the built-in world and what they look like.

Everything else in this room (sampling, drawing, telling, reading) is written against these tables,
so a new shape or colour is one new row here and, for a shape, one distance function in
:mod:`backend.scenes.shapes`.
"""

from __future__ import annotations

from typing import Final

SHAPES: Final = (
    "circle",
    "square",
    "triangle",
    "diamond",
    "star",
    "heart",
    "cross",
    "crescent",
    "ring",
    "arrow",
    "flower",
    "teardrop",
)

#: sRGB, 0 to 255
COLOURS: Final[dict[str, tuple[int, int, int]]] = {
    "red": (212, 38, 42),
    "orange": (250, 138, 24),
    "yellow": (248, 218, 52),
    "green": (38, 156, 66),
    "blue": (38, 92, 220),
    "purple": (128, 56, 178),
    "pink": (248, 132, 190),
    "brown": (122, 72, 38),
    "black": (28, 28, 32),
    "white": (244, 244, 240),
}

TEXTURES: Final = ("plain", "striped", "dotted")

SIZES: Final = ("small", "large")

#: radius of an object as a share of the image's width: (least, most)
RADIUS: Final[dict[str, tuple[float, float]]] = {"small": (0.105, 0.135), "large": (0.19, 0.225)}

#: muted, so that no object vanishes in front of one: (top colour, bottom colour, pattern)
BACKGROUNDS: Final[dict[str, tuple[tuple[int, int, int], tuple[int, int, int], str]]] = {
    "grey wall": ((176, 178, 182), (140, 142, 148), "smooth"),
    "wooden table": ((186, 152, 112), (160, 124, 88), "planks"),
    "sandy beach": ((222, 206, 172), (202, 182, 142), "grain"),
    "pale sky": ((170, 200, 224), (208, 222, 232), "smooth"),
    "green meadow": ((158, 190, 140), (122, 158, 108), "grain"),
    "slate floor": ((94, 100, 112), (70, 76, 88), "tiles"),
}

#: where the light comes from, as the unit vector from the scene towards it (x right, y down)
LIGHTS: Final[dict[str, tuple[float, float]]] = {
    "left": (-0.8, -0.6),
    "right": (0.8, -0.6),
    "above": (0.0, -1.0),
}

RELATIONS: Final = ("left of", "right of", "above", "below", "inside")

OPPOSITE: Final[dict[str, str]] = {
    "left of": "right of",
    "right of": "left of",
    "above": "below",
    "below": "above",
}

NUMBERS: Final = ("zero", "one", "two", "three", "four")


def plural(noun: str) -> str:
    """The plural of a shape's name: circles, crosses."""
    return noun + ("es" if noun.endswith(("s", "x", "ch")) else "s")
