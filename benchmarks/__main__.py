"""``python -m benchmarks [NAME] [--quick] [--json FILE]``: prints a table, writes the same figures."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import (
    decoding,
    drawing,
    drifting,
    encoders,
    evaluating,
    features,
    indexing,
    losses,
    mapping,
    methods,
    scenes,
    searching,
)

#: name -> what measures it; called with ``quick``, gives figures by name, the unit in the name
BENCHMARKS: dict[str, Callable[[bool], dict[str, float]]] = {
    "drawing": drawing.measure,
    "decoding": decoding.measure,
    "drifting": drifting.measure,
    "encoders": encoders.measure,
    "evaluating": evaluating.measure,
    "features": features.measure,
    "indexing": indexing.measure,
    "losses": losses.measure,
    "mapping": mapping.measure,
    "methods": methods.measure,
    "scenes": scenes.measure,
    "searching": searching.measure,
}

#: takes more than an hour, so it has to be asked for
_ONLY_BY_NAME = {"methods"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "name", nargs="?", choices=sorted(BENCHMARKS), help="default: all but methods"
    )
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    arguments = parser.parse_args()
    figures = {
        name: measure(arguments.quick)
        for name, measure in BENCHMARKS.items()
        if name == arguments.name or (arguments.name is None and name not in _ONLY_BY_NAME)
    }
    for name, measured in figures.items():
        table = Table(title=name)
        table.add_column("figure")
        table.add_column("value", justify="right")
        for label, value in measured.items():
            table.add_row(label, f"{value:,.2f}" if abs(value) < 10 else f"{value:,.1f}")
        Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=1), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
