"""What the browser draws of a run's choice of layers or encoders, and the same in words."""

from __future__ import annotations

from typing import Any

from backend.schemas import HeatMap, RunDetail
from ui import words
from ui.sweep_cards import short

_TITLES = {"layers": "Which layers share most", "encoders": "Which encoders share most"}


def heat_maps(run: RunDetail) -> dict[str, Any]:
    """All of a run's heat maps; the one of layers has the encoders' names on its axes."""
    return {
        "maps": [drawn(run, heat, f"{run.summary.id}/{heat.name}") for heat in run.heat_maps]
    }  # fmt: skip


def drawn(
    run: RunDetail,
    heat: HeatMap,
    key: str,
    chosen: str = "Chosen",
    measured_on: str = "training pair",
) -> dict[str, Any]:
    """One heat map of a run's encoders.

    Args:
        run: says what the encoders and their items are called.
        heat: the map.
        key: of what is drawn; another one forgets what was zoomed.
        chosen: what the outlined cell is.
        measured_on: one of what the numbers are over.
    """
    made = run.configuration
    first = short(str(made.get("image_encoder", run.request.image_encoder)).partition("?")[0])
    second = short(str(made.get("text_encoder", run.request.text_encoder)).partition("?")[0])
    thing = words.ITEM_WORDS[run.summary.modality]
    axes = (f"{first}, layer", f"{second}, layer")
    if heat.name == "encoders":
        axes = (f"encoder of the {thing}s", "encoder of the captions")
    rows, columns = [short(name) for name in heat.rows], [short(name) for name in heat.columns]
    return {
        "key": key,
        "title": f"{_TITLES[heat.name]}: {heat.metric}",
        "rows": rows,
        "columns": columns,
        "values": [list(row) for row in heat.values],
        "tips": [
            [_tip(heat, first, second, i, j) for j in range(len(columns))]
            for i in range(len(rows))
        ],
        "chosen": list(heat.chosen),
        "axes": list(axes),
        "words": _words(heat, first, second, chosen, measured_on),
    }  # fmt: skip


def _cell(heat: HeatMap, first: str, second: str, i: int, j: int) -> str:
    """What a cell is of."""
    row, column = short(heat.rows[i]), short(heat.columns[j])
    if heat.name == "encoders":
        return f"{row} and {column}"
    return f"{_layer(row)} of {first} and {_layer(column)} of {second}"


def _layer(label: str) -> str:
    """``layer 3``; an encoder without layers has its ``own output``."""
    return label if " " in label else f"layer {label}"


def _tip(heat: HeatMap, first: str, second: str, i: int, j: int) -> str:
    """What is said of a cell under the pointer; plain text, the browser escapes it."""
    lines = [_cell(heat, first, second, i, j), f"{heat.metric}: {heat.values[i][j]:.3f}"]
    if heat.calibrated:
        lines.append(f"calibrated: {heat.calibrated[i][j]:.3f}")
    if "chance" in heat.facts:
        lines.append(f"chance: {heat.facts['chance']:.3f}")
    return "\n".join(lines)


def _words(heat: HeatMap, first: str, second: str, chosen: str, measured_on: str) -> str:
    """The choice and how sure it is, in a few sentences."""
    i, j = heat.chosen
    facts = heat.facts
    cell = _cell(heat, first, second, i, j)
    said = [f"{chosen} (outlined): {cell}, with {heat.values[i][j]:.3f}."]
    if heat.calibrated:
        said.append(
            f"Calibrated {heat.calibrated[i][j]:.3f}, where 0 is no more than chance and 1 the most "
            "there can be."
        )
    if "last" in facts:
        said.append(f"The last layers, used without a search, have {facts['last']:.3f}.")
    if "chance" in facts:
        said.append(f"Chance gives any one pair {facts['chance']:.3f}.")
    if "threshold" in facts:
        said.append(f"The best of shuffled pairs stays below {facts['threshold']:.3f} in 95 %.")
    if "p" in facts:
        said.append(f"p = {facts['p']:.2g}.")
    if "pairs" in facts:
        said.append(f"Measured on {words.count(int(facts['pairs']), measured_on)}.")
    return " ".join(said)
