"""Commands about this place: the worker, and whether everything is in order."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from backend.cli.frame import JsonFile, console, told, write
from backend.settings import Settings

app = typer.Typer()


@app.command()
def worker(
    parent: Annotated[int | None, typer.Option(help="End when this process ends.")] = None,
) -> None:
    """Carry out queued runs until stopped. The app starts one by itself."""
    with told():
        from backend.runs.worker import main

        raise typer.Exit(main(Settings(), parent))


@app.command()
def doctor(json_file: JsonFile = None) -> None:
    """Say what this machine has and whether everything needed is in order."""
    with told():
        from backend.checkup import examine

        findings = examine(Settings())
        table = Table("what", "state", "detail", box=None)
        for finding in findings:
            table.add_row(finding.what, "ok" if finding.fine else "PROBLEM", finding.detail)
        console.print(table)
        write(json_file, [finding.to_dict() for finding in findings])
        if not all(finding.fine for finding in findings):
            raise typer.Exit(1)
