"""What the browser draws of chains, as plain JSON values: curves, lines on the map, its heat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.schemas.drift_scores import (
    Attribute,
    Direction,
    Estimate,
    SimilarityCurve,
)
from backend.schemas.games import GameReport, GameStep
from ui import map_figures, words
from ui.drift_cards import Lane
from ui.figures import PALETTE

#: strips, curves and the map of one chain go together
GROUP: Final = "drift"
#: attractors that have a colour of their own; the rest share one
COLOURED: Final = len(PALETTE) - 1

DIRECTIONS: Final[dict[Direction, str]] = {
    "text_to_text": "Text to text",
    "text_to_image": "Text to image",
    "image_to_image": "Image to image",
    "image_to_text": "Image to text",
}
_ATTRIBUTES: Final[tuple[Attribute, ...]] = (
    "count", "colour", "shape", "texture", "size", "relation",
)  # fmt: skip
#: what fills the map's scale: 0 to 254
_STEPS: Final = 254


@dataclass(frozen=True)
class Shown:
    """A game beside others.

    Attributes:
        id: of the game.
        name: of its run, or of its operators where these differ.
        colour: of its lines.
        report: what it came to, or so far.
    """

    id: str
    name: str
    colour: str
    report: GameReport


def colour_of(position: int) -> str:
    """The colour of the run or game at a place in the list."""
    return PALETTE[position % len(PALETTE)]


# --- curves -------------------------------------------------------------------------------------


def chain_curves(lanes: Sequence[Lane], group: str = GROUP) -> dict[str, Any]:
    """Similarity to the start by generation: a line a chain, a mark where it closes, and a cursor."""
    lines, marks = [], []
    for lane in lanes:
        told = [step for step in lane.chain.steps if step.similarity_to_start is not None]
        lines.append(
            {
                "name": lane.name, "colour": lane.colour, "dash": "",
                "x": [step.generation for step in told],
                "y": [step.similarity_to_start for step in told],
            }
        )  # fmt: skip
        if lane.chain.closes_at is not None:
            marks.append({"x": lane.chain.closes_at, "colour": lane.colour})
    if not any(line["x"] for line in lines):
        return {"plots": []}
    last = max(len(lane.chain.steps) for lane in lanes) - 1
    stops = list(range(last + 1))
    said = [f"generation {stop}" if stop else "start" for stop in stops]
    plot = {
        "key": "/".join(f"{lane.id}-{lane.chain.seed.id}" for lane in lanes),
        "title": "Similarity to the start", "x": "generation", "series": lines, "marks": marks,
        "percent": False, "empty": "", "cursor": {"group": group, "at": stops, "said": said},
        "note": "Cosine. Dotted: where a chain comes back to an item that it had." if marks else "",
    }  # fmt: skip
    return {"plots": [plot]}


def game_curves(shown: Sequence[Shown], backbone: str) -> dict[str, Any]:
    """Similarity to generation 0 in each direction: a line a game, with its interval.

    Where a game has a floor, the line of chance stands below as a faint one.

    Args:
        backbone: by which similarity is measured.
    """
    plots = []
    for direction, title in DIRECTIONS.items():
        lines = []
        for game in shown:
            for scores in game.report.backbones:
                if scores.backbone != backbone:
                    continue
                curve = scores.scores.curves.get(direction)
                if curve is not None:
                    lines.append(_curve(game.name, game.colour, curve))
                floor = (scores.floor or {}).get(direction)
                if floor is not None:
                    plain = _curve(f"{game.name}: chance alone", game.colour, floor)
                    lines.append({**_without_interval(plain), "dash": "dot"})
        if any(line["x"] for line in lines):
            plots.append(
                _plot(
                    f"{_key(shown)}/{backbone}/{direction}", title, lines, "Nothing measured yet."
                )
            )
    return {"plots": plots}


def attribute_curves(shown: Sequence[Shown]) -> dict[str, Any]:
    """Share of each attribute that is as at the start, by generation: a line a game and protocol."""
    plots = []
    for attribute in _ATTRIBUTES:
        lines, notes = [], []
        for game in shown:
            for found in game.report.attributes:
                if found.attribute != attribute:
                    continue
                image_first = found.protocol == "image-first"
                name = f"{game.name}, from {'images' if image_first else 'texts'}"
                points = [(point.generation, point.kept) for point in found.points]
                line = _line(name, game.colour, points)
                lines.append({**line, "dash": "dash" if image_first else ""})
                if found.median_loss is not None:
                    notes.append(f"{name}: half have lost some by generation {found.median_loss}")
        if any(line["x"] for line in lines):
            title = f"{attribute.capitalize()} as at the start"
            plot = _plot(f"{_key(shown)}/{attribute}", title, lines, "")
            plots.append({**plot, "percent": True, "note": ". ".join(notes) + "." if notes else ""})
    return {"plots": plots}


def _key(shown: Sequence[Shown]) -> str:
    return "/".join(game.id for game in shown)


def _curve(name: str, colour: str, curve: SimilarityCurve) -> dict[str, Any]:
    return _line(name, colour, [(point.generation, point.similarity) for point in curve.points])


def _line(name: str, colour: str, points: Sequence[tuple[int, Estimate | None]]) -> dict[str, Any]:
    """A line of estimates; a generation without any is left out. One of a single seed has no interval."""
    there = [(generation, found) for generation, found in points if found is not None]
    line: dict[str, Any] = {
        "name": name, "colour": colour, "dash": "",
        "x": [generation for generation, _ in there], "y": [found.value for _, found in there],
    }  # fmt: skip
    if there and all(found.interval is not None for _, found in there):
        line["low"] = [found.interval[0] for _, found in there if found.interval]
        line["high"] = [found.interval[1] for _, found in there if found.interval]
    return line


def _without_interval(line: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key not in ("low", "high")}


def _plot(key: str, title: str, lines: list[dict[str, Any]], empty: str) -> dict[str, Any]:
    return {
        "key": key, "title": title, "series": lines, "percent": False, "empty": empty,
        "x": "generation", "pick": True,
    }  # fmt: skip


# --- the map ------------------------------------------------------------------------------------


def tracks(
    key: str,
    points: NDArray[np.int32],
    lanes: Sequence[Lane],
    point_of: Callable[[str], int],
    fade: bool = True,
    made: Sequence[Mapping[int, Sequence[float]]] = (),
) -> dict[str, Any]:
    """Chains as lines from point to point of the map whose value has this key.

    Args:
        points: of the view.
        lanes: the chains.
        point_of: the gallery's point of an item's id, below 0 where there is none.
        fade: whether the points stand back.
        made: of each chain, generation -> where what was made lands; without, it has no station.
    """

    def row(step: GameStep) -> int:
        point = point_of(step.item.id) if step.item else -1
        found = map_figures.rows_of(points, [point]) if point >= 0 else []
        return found[0] if found else -1

    rows = [[row(step) for step in lane.chain.steps] for lane in lanes]
    if not any(made) and not any(each >= 0 for one in rows for each in one):
        return {}
    lines: list[dict[str, Any]] = [
        {
            "name": lane.name, "colour": lane.colour, "rows": at,
            "faces": [_face(step) for step in lane.chain.steps],
        }
        for lane, at in zip(lanes, rows, strict=True)
    ]  # fmt: skip
    for line, lane, places in zip(lines, lanes, made, strict=False):
        line["made"] = [_made(step, places.get(step.generation)) for step in lane.chain.steps]
    return {"key": key, "fade": fade, "lines": lines}


def _made(step: GameStep, place: Sequence[float] | None) -> dict[str, Any] | None:
    """Where something that was made lands, as the map is sent it."""
    if place is None:
        return None
    side = "image" if step.side == "image" else "caption"
    return {"side": side, "at": [round(value, 5) for value in (*place, 0.0)[:3]]}


def _face(step: GameStep) -> str:
    """The address of an image's small copy; captions have none of their own."""
    if step.side == "text":
        return ""
    if step.item is None:
        return words.file_url(Path(step.picture)) if step.picture else ""
    return words.file_url(Path(step.item.thumbnail)) if step.item.thumbnail else ""


def heat(key: str, steps: NDArray[np.int32]) -> dict[str, Any]:
    """Colours by the steps until a chain is captured: pale are the attractors themselves.

    Args:
        steps: of the view's points.
    """
    most = int(steps.max()) if len(steps) else 0
    codes = np.rint(steps / max(most, 1) * _STEPS).astype(np.uint8)
    return {
        "key": key, "title": "steps to capture", "labels": [], "colours": [],
        "values": map_figures.letters(codes.tobytes()), "low_text": "0", "high_text": str(most),
        "note": "generations until a chain from here is in its attractor",
    }  # fmt: skip


def basins(key: str, ends: NDArray[np.int32], sizes: NDArray[np.int32]) -> dict[str, Any]:
    """Colours by the attractor that a chain ends in: the largest basins, the rest together.

    Args:
        ends: of the view's points, the number of the attractor.
        sizes: items that end in each.
    """
    ranked = largest(sizes)
    place = np.full(len(sizes), len(ranked), np.uint8)
    place[ranked] = np.arange(len(ranked))
    labels = [f"basin {code + 1}" for code in range(len(ranked))]
    colours = list(PALETTE[: len(ranked)])
    if len(ranked) < len(sizes):
        labels.append("smaller ones")
        colours.append(map_figures.OTHER)
    return {
        "key": key, "title": "basins of attraction", "labels": labels, "colours": colours,
        "values": map_figures.letters(place[ends].tobytes()),
    }  # fmt: skip


def largest(sizes: NDArray[np.int32]) -> NDArray[np.int64]:
    """Numbers of the attractors with the largest basins, largest first; equal ones by their number."""
    return np.argsort(-sizes, kind="stable")[:COLOURED]
