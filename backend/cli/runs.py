"""Commands about runs: align, list, show, drift."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from backend.cli.frame import JsonFile, console, errors, stop, told, write, write_bytes
from backend.cli.given import fetch, place
from backend.cli.tables import (
    first_place,
    geometry_table,
    paired_table,
    retrieval_table,
    seeds_table,
)
from backend.errors import InvalidInput
from backend.schemas import RunDetail, RunRequest
from backend.settings import Settings
from backend.terminal import Listener

app = typer.Typer()


@app.command()
def align(
    dataset: Annotated[str, typer.Option(help="A built-in name or a folder.")] = "scenes",
    image_encoder: Annotated[
        str, typer.Option(help="A built-in name, a folder or a Hub id.")
    ] = "scene-resnet-classes",
    text_encoder: Annotated[
        str, typer.Option(help="A built-in name, a folder or a Hub id.")
    ] = "minilm",
    method: Annotated[str, typer.Option(help="An alignment method's id.")] = "linear-infonce",
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="NAME=VALUE, as often as needed.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides every random draw.")] = 0,
    seeds: Annotated[
        int,
        typer.Option(
            min=1, max=20, help="How many, counted up from --seed: gives mean and interval."
        ),
    ] = 1,
    train_images: Annotated[
        int | None,
        typer.Option(min=2, help="Use only so many training images, drawn by each seed."),
    ] = None,
    select_layers: Annotated[
        bool, typer.Option("--select-layers", help="Choose layers by mutual kNN on training pairs.")
    ] = False,
    or_image_encoder: Annotated[
        list[str] | None,
        typer.Option(help="One more to choose from, by CKA on training pairs; can be repeated."),
    ] = None,
    or_text_encoder: Annotated[
        list[str] | None, typer.Option(help="The same for the text side.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Shown in the app.")] = None,
    map_: Annotated[bool, typer.Option("--map/--no-map", help="Also draw the UMAP map.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Align a pair of encoders on a data set; the run is then in the app, too."""
    with told():
        from backend.runs.pipeline import run_pipeline
        from backend.runs.store import Store
        from backend.runs.views import result
        from backend.services import Services

        settings = Settings()
        services = Services(settings)
        services.may_change()
        request = RunRequest(
            dataset=place(dataset),
            image_encoder=place(image_encoder),
            text_encoder=place(text_encoder),
            method=method,
            options=_options(option or []),
            seed=seed,
            seeds=seeds,
            train_images=train_images,
            select_layers=select_layers,
            image_candidates=tuple(map(place, or_image_encoder or ())),
            text_candidates=tuple(map(place, or_text_encoder or ())),
            name=name,
        )
        with Listener(errors) as listener:
            fetch(request.dataset, settings, listener)
            services.check(request)
            detail = run_pipeline(settings, Store(settings), request, listener, with_map=map_)
        if detail.summary.status != "finished":
            stop(detail.summary.error or f"The run is {detail.summary.status}.", 1)
        _print(detail)
        console.print(f"Run {detail.summary.id} is in the app; its data: {settings.home}")
        write(json_file, result(detail))


@app.command()
def runs(
    table_file: Annotated[
        Path | None,
        typer.Option("--table", help="Also write all scores to FILE.csv, .parquet or .tex."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """List all runs, newest first."""
    with told():
        from backend.services import Services

        services = Services(Settings())
        if table_file is not None:
            write_bytes(table_file, services.runs_table(table_file.suffix.lstrip(".")))
        listed = services.runs()
        table = Table("run", "name", "status", "method", "T2I R@1", "I2T R@1", box=None)
        for run in listed:
            cells = [first_place(run.test, way) for way in ("text_to_image", "image_to_text")]
            table.add_row(run.id, run.name, run.status, run.method, *cells)
        console.print(table)
        write(json_file, [run.model_dump(mode="json") for run in listed])


@app.command()
def evaluate(
    run: Annotated[str, typer.Argument(help="A run's id.")], json_file: JsonFile = None
) -> None:
    """Show a finished run's retrieval scores and the geometry of its space."""
    with told():
        from backend.runs.views import result
        from backend.services import Services

        detail: RunDetail = Services(Settings()).run(run)
        if not detail.retrieval:
            stop(f"Run {run} is {detail.summary.status}; it has no scores yet.", 1)
        _print(detail)
        write(json_file, result(detail))


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(help="Runs' ids; the first is the baseline.")],
    json_file: JsonFile = None,
) -> None:
    """Hold finished runs against the first one, query by query (paired bootstrap)."""
    with told():
        from backend.services import Services

        compared = Services(Settings()).compare(runs)
        for one in compared:
            console.print(paired_table(one))
        write(json_file, [one.model_dump(mode="json") for one in compared])


def _print(detail: RunDetail) -> None:
    """A run's scores, and what a reader of them should know."""
    for report in detail.retrieval.values():
        console.print(retrieval_table(report))
        if report.across_seeds is not None:
            console.print(seeds_table(report.split, report.across_seeds))
        if report.geometry is not None:
            console.print(geometry_table(report.geometry))
    for note in detail.notes:
        console.print(note, markup=False)


def _options(pairs: list[str]) -> dict[str, int | float | str]:
    options: dict[str, int | float | str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidInput(f"--option {pair!r} is not of the form NAME=VALUE.")
        options[name] = value
    return options
