"""What the browser draws of curves, as plain JSON values. The map's are in :mod:`ui.map_figures`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from backend.schemas import Frames, Modality, RunDetail, Series
from ui import words

#: told apart by people with any colour vision (Okabe-Ito, then Tol); readable on both grounds
PALETTE: Final = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00",
    "#999933", "#AA4499", "#44AA99", "#BF4060", "#8C86E0", "#A6761D",
)  # fmt: skip

_MOST_POINTS: Final = 600
#: recalls along a training, and their colours
_WAYS: Final = {"text_to_image/recall_at_1": "image", "image_to_text/recall_at_1": "caption"}
#: names on a log axis stand at least so far from each other
_APART: Final = 1.5
#: metrics of further seeds are named "seed 3/train/loss"
_SEED: Final = re.compile(r"seed \d+/")


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


def training_curves(run: RunDetail, frames: Frames, group: str) -> dict[str, Any]:
    """Loss by step, and recall at the stops of a map that moves along the training, with its cursor.

    The loss that is told with step n + 1 is that of the heads after n, so stops stand one further.

    Args:
        group: of the map.
    """
    steps = [int(stop) for stop in frames.stops]
    at = [step + 1 for step in steps]
    modality = run.summary.modality
    loss = [
        _line(each, "training loss", "accent") for each in run.series if each.name == "train/loss"
    ]
    recalls = [
        {"name": words.series_label(f"val/{way}", modality), "colour": colour, "dash": "", "x": at,
         "y": [told[way] for told in frames.figures]}
        for way, colour in _WAYS.items()
    ]  # fmt: skip
    ends = [line["x"][-1] for line in loss if line["x"]]
    axis = {"x": "step", "log": True, "ticks": _step_ticks(sorted({*at, *ends}))}
    said = [f"{told['train/loss']:.3g}" if "train/loss" in told else "" for told in frames.figures]
    found = [" · ".join(words.percent(told[way]) for way in _WAYS) for told in frames.figures]
    key = f"{run.summary.id}/training"
    plots = [
        {
            **_plot(f"{key}/loss", "Loss", loss, empty="The loss was not kept."),
            "cursor": {"group": group, "at": at, "said": said},
        },
        {
            **_plot(f"{key}/recall", "R@1 on validation", recalls, percent=True),
            "cursor": {"group": group, "at": at, "said": found},
            "note": f"{frames.split}.",
        },
    ]
    return {"plots": [plot | axis for plot in plots]}


def _step_ticks(places: Sequence[int]) -> list[list[int | str]]:
    """Places on a log axis of steps told from 1, named by the steps before; names keep apart."""
    ticks: list[list[int | str]] = []
    named = 0.0
    for place in places:
        apart = place >= _APART * named
        ticks.append([place, f"{place - 1:,}" if apart else ""])
        named = place if apart else named
    return ticks
