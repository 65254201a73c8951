"""How the map is shown, and how that is written into the field that pages and links share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Final

from pydantic import ValidationError

from backend.schemas import MOST_POINTS, USUAL_LAYOUT, USUAL_POINTS, LayoutRequest

#: how many points there can be drawn
COUNTS: Final = (USUAL_POINTS, 50_000, MOST_POINTS)
LONGEST_PROMPT: Final = 500
_LONGEST: Final = 20_000
_NUMBERS: Final = ("yaw", "pitch", "zoom", "right", "up")
#: earlier texts of the shared field that are remembered
_LONGEST_PAST: Final = 32

Camera = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """What a page view's map shows.

    Attributes:
        mode: which of the page's modes is open.
        layout: how the points are laid out.
        colour: what they are coloured by.
        prompt: words they are coloured by similarity to; they come before ``colour``.
        most: how many points are drawn at most.
        camera: what is in sight, as the map gave it; empty: everything.
        told: what the shared field holds as far as this page knows.
        past: what it held before, oldest first.
    """

    mode: str = "map"
    layout: LayoutRequest = USUAL_LAYOUT
    colour: str = "modality"
    prompt: str = ""
    most: int = USUAL_POINTS
    camera: Camera = field(default_factory=dict)
    told: str = ""
    past: tuple[str, ...] = ()

    def text(self) -> str:
        """As JSON, without what is as usual; empty where all is."""
        told: dict[str, Any] = {}
        layout = self.layout.model_dump(exclude_defaults=True)
        for name, value, usual in (
            ("mode", self.mode, "map"),
            ("layout", layout, {}),
            ("colour", self.colour, "modality"),
            ("prompt", self.prompt, ""),
            ("most", self.most, USUAL_POINTS),
            ("camera", dict(self.camera), {}),
        ):
            if value != usual:
                told[name] = value
        return json.dumps(told) if told else ""

    def tell(self) -> tuple[Shown, str]:
        """What the shared field is to hold, and with it noted."""
        text = self.text()
        return (self if text == self.told else self._holding(text)), text

    def heard(self, text: str) -> tuple[Shown, bool]:
        """What the shared field holds now, and whether somebody else has put it there.

        Events bring what the field held when they were sent, which may be long before they are answered:
        what it held earlier is no wish of anybody, or two quick changes would take each other back.
        """
        if text == self.told or text in self.past:
            return self, False
        known = self._holding(text)
        return replace(read(text), told=text, past=known.past), True

    def _holding(self, text: str) -> Shown:
        return replace(self, told=text, past=(*self.past, self.told)[-_LONGEST_PAST:])


def read(text: str) -> Shown:
    """What a text says of how the map is shown; what cannot be is as usual. A browser can send any."""
    try:
        given = json.loads(text) if text and len(text) <= _LONGEST else {}
    except (ValueError, RecursionError):
        given = {}
    if not isinstance(given, dict):
        given = {}
    return Shown(
        mode=str(given.get("mode", "map"))[:40],
        layout=_layout(given.get("layout")),
        colour=str(given.get("colour", "modality"))[:200],
        prompt=" ".join(str(given.get("prompt", "")).split())[:LONGEST_PROMPT],
        most=most_of(given.get("most")),
        camera=camera_of(given.get("camera")),
    )


def _layout(given: Any) -> LayoutRequest:
    try:
        asked = LayoutRequest.model_validate(given or {})
    except ValidationError:
        return USUAL_LAYOUT
    return asked.model_copy(update={"like": None})  # that is Side by side's


def most_of(given: Any) -> int:
    """A number of points that can be drawn; the usual where it is none."""
    return given if isinstance(given, int) and given in COUNTS else USUAL_POINTS


def camera_of(given: Any) -> Camera:
    """What is in sight: two pairs of numbers, or a direction; empty where it is neither."""
    if not isinstance(given, Mapping):
        return {}
    if all(_is_number(given.get(name)) for name in _NUMBERS):
        return {name: round(float(given[name]), 4) for name in _NUMBERS}
    pairs: dict[str, list[float]] = {}
    for name in ("x", "y"):
        pair = given.get(name)
        if not (isinstance(pair, list | tuple) and len(pair) == 2 and all(map(_is_number, pair))):
            return {}
        low, high = (float(f"{value:.6g}") for value in pair)
        if not low < high:
            return {}
        pairs[name] = [low, high]
    return pairs


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
