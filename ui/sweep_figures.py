"""What the browser draws of a sweep: recall over the number of training images, a line a method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from backend.schemas import SweepDetail
from ui import words
from ui.figures import PALETTE
from ui.measured import Measured, measured
from ui.sweep_cards import Pair, modality_of, size_label

#: with the colour, tells apart more methods than there are colours
_SYMBOLS: Final = ("circle", "square", "diamond", "triangle-up", "cross")
_NO_TOTAL: Final = 3


def efficiency(
    detail: SweepDetail, pair: Pair, direction: str, names: Mapping[str, str], total: int | None
) -> dict[str, Any]:
    """R@1 on the test split over training images, with intervals; empty where there is one number.

    Args:
        detail: the sweep.
        pair: whose runs.
        direction: ``text_to_image`` or ``image_to_text``.
        names: what the methods are called, by id.
        total: how many training images the data set has; None where nobody has counted.
    """
    request = detail.summary.request
    if len(request.train_images) < 2:
        return {"plots": []}
    place = _places(request.train_images, total)
    lines = []
    chance: float | None = None
    several: set[bool] = set()
    for position, method in enumerate(request.methods):
        points: list[tuple[float, Measured]] = []
        for cell in detail.cells:
            if cell.pair == pair and cell.method == method and cell.run and cell.run.test:
                points.append((place[cell.train_images], measured(cell.run.test, direction)))
        points.sort(key=lambda point: point[0])
        for _, one in points:
            several.add(bool(one.each))
            chance = one.chance
        lines.append(_line(names.get(method, method), position, points))
    modality = modality_of(detail)
    plot = {
        "key": f"{detail.summary.id}/{pair[0]}/{pair[1]}/{direction}",
        "title": f"Data efficiency: R@1 {words.direction(direction, modality)} on the test split",
        "series": lines,
        "percent": True,
        "empty": "Appears as the runs finish.",
        "x": f"training {words.ITEM_WORDS[modality]}s (log)",
        "log": True,
        "tall": True,
        "pick": True,
        "ticks": [[x, _tick(images, total)] for images, x in place.items()],
        "chance": chance,
        "note": _note(several),
    }
    return {"plots": [plot]}


def _places(sizes: tuple[int | None, ...], total: int | None) -> dict[int | None, float]:
    """Where each number stands; all of them beyond the others where nobody has counted."""
    most = max((size for size in sizes if size is not None), default=1)
    last = float(total) if total and total > most else float(_NO_TOTAL * most)
    return {size: last if size is None else float(size) for size in sizes}


def _tick(images: int | None, total: int | None) -> str:
    return f"all ({total:,})" if images is None and total else size_label(images)


def _line(name: str, position: int, points: list[tuple[float, Measured]]) -> dict[str, Any]:
    return {
        "name": name,
        "x": [x for x, _ in points],
        "y": [one.value for _, one in points],
        "low": [one.low for _, one in points],
        "high": [one.high for _, one in points],
        "colour": PALETTE[position % len(PALETTE)],
        "dash": ("", "dash", "dot")[position // len(PALETTE) % 3],
        "symbol": _SYMBOLS[position % len(_SYMBOLS)],
    }


def _note(several: set[bool]) -> str:
    meant = {
        True: "95 % interval of the mean over seeds (Student's t)",
        False: "95 % bootstrap interval over test items where there is one seed",
    }
    bars = " or ".join(meant[each] for each in sorted(several, reverse=True))
    return (
        f"Bars: {bars}. Choose a name to hide or show its line; a double click shows it alone."
        if bars
        else ""
    )
