"""The same jobs from a terminal: ``python -m backend COMMAND --help``.

Exit status 0, 1 (the work failed) or 2 (bad input, said in a sentence).
"""

from __future__ import annotations

import sys

import typer

from backend.cli import (
    catalog,
    drifting,
    evaluations,
    features,
    maps,
    place,
    runs,
    searching,
    side_by_side,
    stress,
    sweeps,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Align two frozen encoders and explore the space they share.",
)
app.add_typer(runs.app)
app.add_typer(searching.app)
app.add_typer(side_by_side.app)
app.add_typer(maps.app)
app.add_typer(sweeps.app)
app.add_typer(evaluations.app)
app.add_typer(stress.app)
app.add_typer(drifting.app, name="drift")
app.add_typer(catalog.app)
app.add_typer(features.app, name="features")
app.add_typer(place.app)


def main() -> None:
    """Entry of ``python -m backend``."""
    if sys.stdout.encoding and sys.stdout.encoding.lower() not in ("utf-8", "utf8"):
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    app()
