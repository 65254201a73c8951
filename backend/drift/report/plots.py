"""Curves of similarity over generations, with their intervals, one panel a direction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from backend.drift.report.document import COLOURS, Area, Dot, Drawing, Line, Shape, Words
from backend.schemas.drift_scores import Direction, SimilarityCurve

_PANEL: Final = (330.0, 210.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 10.0, 24.0, 30.0
_GAP: Final = 14.0
#: steps that a scale may have
_STEPS: Final = (0.05, 0.1, 0.2, 0.25, 0.5)
_TICKS: Final = 6


class Series(NamedTuple):
    """One game's curves.

    Attributes:
        name: in the legend.
        curves: by direction.
        floor: similarity of two chains of the same seed; empty where there is none.
    """

    name: str
    curves: Mapping[Direction, SimilarityCurve]
    floor: Mapping[Direction, SimilarityCurve]


def words(direction: Direction) -> str:
    """A direction, as a person says it."""
    return direction.replace("_", " ")


def panels(series: Sequence[Series], told: str) -> Drawing:
    """All directions that any series has, two panels beside each other, on one scale.

    Args:
        series: each in its own colour; floors are dashed.
        told: what it shows, for who cannot see it.
    """
    directions = list(dict.fromkeys(name for each in series for name in each.curves))
    low, high, step = _scale(series)
    last = max(
        (p.generation for each in series for c in each.curves.values() for p in c.points), default=1
    )
    width, height = _PANEL
    columns = min(2, max(1, len(directions)))
    rows = -(-len(directions) // 2)
    shapes: list[Shape] = list(_legend(series))
    head = 18.0 * len(series) + (6 if series else 0)
    for place, direction in enumerate(directions):
        at = (place % 2) * (width + _GAP), head + (place // 2) * (height + _GAP)
        panel = _Panel(*at, low, high, step, last)
        shapes += panel.axes(words(direction))
        for number, each in enumerate(series):
            colour = COLOURS[number % len(COLOURS)]
            if direction in each.floor:
                shapes += panel.curve(each.floor[direction], colour, floor=True)
            if direction in each.curves:
                shapes += panel.curve(each.curves[direction], colour)
    return Drawing(
        columns * width + (columns - 1) * _GAP,
        head + rows * height + max(0, rows - 1) * _GAP,
        tuple(shapes),
        told,
    )


def _scale(series: Sequence[Series]) -> tuple[float, float, float]:
    """Lowest and highest value of the axis, and its step."""
    values = [1.0]
    for each in series:
        for curve in (*each.curves.values(), *each.floor.values()):
            for point in curve.points:
                if point.similarity is not None:
                    values += [point.similarity.value, *(point.similarity.interval or ())]
    low = min(values)
    step = next((step for step in _STEPS if (1 - low) / step <= _TICKS), 0.5)
    return math.floor(low / step + 1e-9) * step, 1.0, step


def _legend(series: Sequence[Series]) -> Iterator[Shape]:
    for number, each in enumerate(series):
        y = 10.0 + 18.0 * number
        yield Line(((0, y), (22, y)), COLOURS[number % len(COLOURS)], 2.5)
        floor = "; dashed: two chains of the same seed" if each.floor else ""
        yield Words(28, y + 3.5, f"{each.name}{floor}", 11)


class _Panel:
    """One direction."""

    def __init__(self, x: float, y: float, low: float, high: float, step: float, last: int) -> None:
        width, height = _PANEL
        self.x, self.y = x, y
        self.left, self.right = x + _LEFT, x + width - _RIGHT
        self.top, self.bottom = y + _TOP, y + height - _BOTTOM
        self.low, self.high, self.step, self.last = low, high, step, last

    def axes(self, title: str) -> Iterator[Shape]:
        """Title, lines of the scale, numbers."""
        yield Words(self.left, self.y + 14, title, 12)
        for number in range(round((self.high - self.low) / self.step) + 1):
            value = self.low + number * self.step
            y = self._down(value)
            yield Line(((self.left, y), (self.right, y)), width=0.5, faint=True)
            yield Words(self.left - 5, y + 3, f"{value:.2f}", 9, "end")
        every = max(1, -(-self.last // 10))
        every += every % 2 if every > 1 else 0
        for generation in range(0, self.last + 1, every):
            yield Words(self._along(generation), self.bottom + 13, str(generation), 9, "middle")
        yield Words((self.left + self.right) / 2, self.bottom + 26, "generation", 9, "middle")

    def curve(self, curve: SimilarityCurve, colour: str, floor: bool = False) -> Iterator[Shape]:
        """Line, dots and the area of the intervals."""
        there = [(point.generation, point.similarity) for point in curve.points if point.similarity]
        bounds = [(number, each.interval) for number, each in there if each.interval is not None]
        if bounds and not floor:
            upper = [(self._along(number), self._down(high)) for number, (_, high) in bounds]
            lower = [(self._along(number), self._down(low)) for number, (low, _) in bounds]
            yield Area((*upper, *reversed(lower)), colour)
        points = tuple((self._along(number), self._down(each.value)) for number, each in there)
        if len(points) > 1:
            yield Line(points, colour, 1.2 if floor else 2.0, dashed=floor)
        if not floor:
            for x, y in points:
                yield Dot(x, y, 2.2, colour)

    def _along(self, generation: float) -> float:
        return self.left + (self.right - self.left) * generation / max(1, self.last)

    def _down(self, value: float) -> float:
        return self.bottom - (self.bottom - self.top) * (value - self.low) / (self.high - self.low)
