"""What the browser draws: the map's columns and the curves' lines, as plain JSON values."""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.schemas import Colouring, Cycle, MapView, Modality, Neighbours, RunDetail, Series
from ui import words

#: told apart by people with any colour vision (Okabe-Ito, then Tol); readable on both grounds
PALETTE: Final = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00",
    "#999933", "#AA4499", "#44AA99", "#BF4060", "#8C86E0", "#A6761D",
)  # fmt: skip
OTHER: Final = "#8a9496"

#: an attribute whose values are colours is shown in those colours
NAMED: Final[dict[str, str]] = {
    "red": "#d4262a", "orange": "#fa8a18", "yellow": "#e3c11e", "green": "#269c42",
    "blue": "#265cdc", "purple": "#8038b2", "pink": "#f884be", "brown": "#7a4826",
    "black": "#3a3d42", "white": "#c9cdd0", "grey": "#8a9496", "gray": "#8a9496",
}  # fmt: skip

_MOST_POINTS: Final = 600
#: metrics of further seeds are named "seed 3/train/loss"
_SEED: Final = re.compile(r"seed \d+/")


def packed(values: NDArray[Any]) -> str:
    """A float32 array as base64, little-endian."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode("ascii")


def geometry(view: MapView) -> dict[str, Any]:
    """A map's points; sent to the browser once for each run and layout."""
    return {
        "key": f"{view.run}/{view.layout}",
        "run": view.run,
        "ids": list(view.ids),
        "side": "".join("01"[int(side)] for side in view.side),
        "xy": packed(view.xy),
    }


def colours(run: str, colouring: Colouring) -> dict[str, Any]:
    """A column of colours for a map's points.

    At most twelve categories are told apart; where there are more, the rarest become "other".
    """
    values = colouring.values
    title = colouring.name
    if not colouring.labels:
        finite = values[np.isfinite(values)]
        # the lowest tenth shares the palest colour, so that the top stands out
        low, high = np.quantile(finite, (0.1, 1.0)).tolist() if finite.size else (0.0, 1.0)
        return {
            "run": run, "title": title, "labels": [], "colours": [],
            "values": packed(values), "low": low, "high": high,
        }  # fmt: skip
    labels, codes = _merged(list(colouring.labels), values.astype(np.int64))
    return {
        "run": run,
        "title": title,
        "labels": labels,
        "colours": _palette(colouring.name, labels),
        "values": packed(codes),
        "low": 0.0,
        "high": 1.0,
    }


def _merged(labels: list[str], codes: NDArray[np.int64]) -> tuple[list[str], NDArray[np.int64]]:
    if len(labels) <= len(PALETTE):
        return labels, codes
    common = [code for code, _ in Counter(codes.tolist()).most_common(len(PALETTE) - 1)]
    place = np.full(len(labels), len(common), np.int64)
    for position, code in enumerate(common):
        place[code] = position
    return [*(labels[code] for code in common), "other"], place[codes]


def _palette(name: str, labels: Sequence[str]) -> list[str]:
    if name == "modality":
        return ["image", "caption"]
    if labels and all(label in NAMED or label == "other" for label in labels):
        return [NAMED.get(label, OTHER) for label in labels]
    return [OTHER if label == "other" else PALETTE[i] for i, label in enumerate(labels)]


def rays(run: str, near: Neighbours) -> dict[str, Any]:
    """Lines from an item to its neighbours of either modality."""
    return {
        "run": run,
        "centre": near.item.id,
        "images": [hit.item.id for hit in near.images],
        "texts": [hit.item.id for hit in near.texts],
    }


def thinned(series: Series) -> tuple[list[int], list[float]]:
    """At most some hundred points of a series, first and last kept."""
    total = len(series.steps)
    if total <= _MOST_POINTS:
        return list(series.steps), list(series.values)
    rows = np.unique(np.linspace(0, total - 1, _MOST_POINTS).astype(int))
    return [series.steps[i] for i in rows], [series.values[i] for i in rows]


def run_curves(run: RunDetail) -> dict[str, Any]:
    """Loss and recall of one run by optimiser step."""
    modality = run.summary.modality
    first = [item for item in run.series if not _SEED.match(item.name)]
    loss = [item for item in first if item.name.endswith("loss")]
    recall = [item for item in first if "recall_at_" in item.name]
    further = [item for item in run.series if _SEED.match(item.name) and item.name.endswith("loss")]
    lines = [_recall_line(item, modality) for item in recall]
    closed = run.summary.status == "finished"
    waiting = "Appears with the first steps of training."
    plots = []
    if loss or not closed:
        named = [
            _line(item, words.series_label(item.name), "accent" if i == 0 else "caption")
            for i, item in enumerate(loss)
        ]
        named += [{**_line(item, item.name, "accent"), "faint": True} for item in further]
        plots.append(_plot(f"{run.summary.id}/loss", "Loss", named, empty=waiting))
    if recall or not closed:
        plots.append(
            _plot(f"{run.summary.id}/recall", "Recall on validation", lines, True, waiting)
        )
    return {"plots": plots}


def _recall_line(series: Series, modality: Modality) -> dict[str, Any]:
    colour = "image" if "text_to_image" in series.name else "caption"
    dash = {"1": "", "5": "dash", "10": "dot"}.get(series.name.rsplit("_", 1)[-1], "")
    return _line(series, words.series_label(series.name, modality), colour, dash)


def _line(series: Series, name: str, colour: str, dash: str = "") -> dict[str, Any]:
    steps, values = thinned(series)
    return {"name": name, "x": steps, "y": values, "colour": colour, "dash": dash}


def _plot(
    key: str,
    title: str,
    series: list[dict[str, Any]],
    percent: bool = False,
    empty: str = "",
    x: str = "step",
) -> dict[str, Any]:
    return {
        "key": key,
        "title": title,
        "series": series,
        "percent": percent,
        "empty": empty,
        "x": x,
    }


def compared_curves(runs: Sequence[RunDetail]) -> dict[str, Any]:
    """The same metrics of several runs over one another."""
    found_modalities = {run.summary.modality for run in runs}
    modality = found_modalities.pop() if len(found_modalities) == 1 else "features"
    forward = words.series_label("val/text_to_image/recall_at_1", modality)
    wanted = {
        "train/loss": ("Training loss", False),
        "val/text_to_image/recall_at_1": (f"{forward} on validation", True),
    }
    plots = []
    for metric, (title, percent) in wanted.items():
        lines = []
        for position, run in enumerate(runs):
            found: Mapping[str, Series] = {item.name: item for item in run.series}
            if metric in found:
                colour = PALETTE[position % len(PALETTE)]
                lines.append(_line(found[metric], run.summary.name, colour))
        key = "/".join([metric, *(run.summary.id for run in runs)])
        plots.append(_plot(key, title, lines, percent, "None of these runs has this curve."))
    return {"plots": plots}


def drift_curves(cycles: Sequence[Cycle]) -> dict[str, Any]:
    """Similarity to the start by generation; a line a run, a mark where a cycle closes."""
    lines, marks = [], []
    for position, cycle in enumerate(cycles):
        colour = ("image", "caption")[position % 2]
        lines.append(
            {
                "name": cycle.run_name,
                "x": [step.generation for step in cycle.steps],
                "y": [step.similarity_to_start for step in cycle.steps],
                "colour": colour,
                "dash": "dash" if position else "",
            }
        )
        if cycle.closes_at is not None:
            marks.append({"x": cycle.closes_at, "colour": colour})
    key = "/".join(cycle.id for cycle in cycles)
    plot = _plot(key, "Similarity to the start", lines, x="generation")
    return {"plots": [{**plot, "marks": marks}] if lines else []}
