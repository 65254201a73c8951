"""Commands about runs: align, list, show, search, drift."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from backend.cli.frame import JsonFile, console, errors, stop, told, write
from backend.errors import InvalidInput
from backend.schemas import RetrievalReport, RunDetail, RunRequest
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
    seed: Annotated[int, typer.Option(help="Decides every random draw.")] = 0,
    train_images: Annotated[
        int | None, typer.Option(help="Use only so many training images.")
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
            dataset=_place(dataset),
            image_encoder=_place(image_encoder),
            text_encoder=_place(text_encoder),
            method=method,
            options=_options(option or []),
            seed=seed,
            train_images=train_images,
            name=name,
        )
        with Listener(errors) as listener:
            _fetch(request.dataset, settings, listener)
            services.check(request)
            detail = run_pipeline(settings, Store(settings), request, listener, with_map=map_)
        if detail.summary.status != "finished":
            stop(detail.summary.error or f"The run is {detail.summary.status}.", 1)
        for report in detail.retrieval.values():
            console.print(retrieval_table(report))
        console.print(f"Run {detail.summary.id} is in the app; its data: {settings.home}")
        write(json_file, result(detail))


@app.command()
def runs(json_file: JsonFile = None) -> None:
    """List all runs, newest first."""
    with told():
        from backend.services import Services

        listed = Services(Settings()).runs()
        table = Table("run", "name", "status", "method", "T2I R@1", "I2T R@1", box=None)
        for run in listed:
            scores = run.test
            table.add_row(
                run.id,
                run.name,
                run.status,
                run.method,
                f"{scores.text_to_image.recall_at_1:.1%}" if scores else "",
                f"{scores.image_to_text.recall_at_1:.1%}" if scores else "",
            )
        console.print(table)
        write(json_file, [run.model_dump(mode="json") for run in listed])


@app.command()
def evaluate(
    run: Annotated[str, typer.Argument(help="A run's id.")], json_file: JsonFile = None
) -> None:
    """Show a finished run's retrieval scores."""
    with told():
        from backend.runs.views import result
        from backend.services import Services

        detail: RunDetail = Services(Settings()).run(run)
        if not detail.retrieval:
            stop(f"Run {run} is {detail.summary.status}; it has no scores yet.", 1)
        for report in detail.retrieval.values():
            console.print(retrieval_table(report))
        write(json_file, result(detail))


@app.command()
def search(
    run: Annotated[str, typer.Argument(help="A run's id.")],
    query: Annotated[str, typer.Argument(help="A text, or the path of a picture or recording.")],
    k: Annotated[int, typer.Option(help="How many answers.")] = 10,
    target: Annotated[str, typer.Option(help="image or text")] = "image",
    json_file: JsonFile = None,
) -> None:
    """Search a run's gallery by text, by picture or by recording."""
    with told():
        from backend.services import Services

        if target not in ("image", "text"):
            stop(f"--target is {target!r}; allowed: image, text", 2)
        services = Services(Settings())
        ask: Any = services.search_file if Path(query).is_file() else services.search_text
        found = ask(run, Path(query) if Path(query).is_file() else query, k, target)
        table = Table("rank", "score", "image", "caption", box=None)
        for hit in found.hits:
            table.add_row(
                str(hit.rank), f"{hit.score:.3f}", hit.item.image_id, hit.item.captions[0]
            )
        console.print(table)
        write(json_file, found.model_dump(mode="json"))


@app.command()
def drift(
    run: Annotated[str, typer.Argument(help="A run's id.")],
    item: Annotated[str, typer.Argument(help="image:NAME or text:NAME#0, from the gallery.")],
    generations: Annotated[int, typer.Option(help="How many steps.")] = 10,
    revisit: Annotated[bool, typer.Option(help="Whether an item may come again.")] = True,
    json_file: JsonFile = None,
) -> None:
    """Run a retrieval cycle from an item and keep it with the run."""
    with told():
        from backend.services import Services

        cycle = Services(Settings()).drift(run, item, generations, revisit)
        table = Table("generation", "to start", "item", "caption", box=None)
        for step in cycle.steps:
            table.add_row(
                str(step.generation),
                f"{step.similarity_to_start:.3f}",
                step.item.id,
                step.item.captions[0],
            )
        console.print(table)
        if cycle.closes_at is not None:
            console.print(f"Repeats from generation {cycle.closes_at}, period {cycle.period}.")
        write(json_file, cycle.model_dump(mode="json"))


def _fetch(dataset: str, settings: Settings, listener: Listener) -> None:
    """Brings a data set of the Hub here, telling how far it is."""
    from backend.catalog.datasets import load_dataset
    from backend.catalog.datasets.imports.removal import is_fetched

    if not is_fetched(dataset, settings):
        load_dataset(
            dataset,
            settings,
            lambda done, total, unit: listener("Fetch", done, total, unit),
            hashed=False,
        )


def retrieval_table(report: RetrievalReport) -> Table:
    """R@k both ways with interval and chance, median rank, split and counts."""
    table = Table(
        "",
        "R@1",
        "R@5",
        "R@10",
        "median rank",
        title=f"{report.split}: {report.images:,} images, {report.captions:,} captions "
        "(percent; 95 % interval; chance)",
        title_justify="left",
    )
    for label, way in (
        ("image to text", report.image_to_text),
        ("text to image", report.text_to_image),
    ):
        cells = []
        for k in (1, 5, 10):
            value = getattr(way, f"recall_at_{k}")
            low, high = getattr(way, f"interval_at_{k}")
            chance = getattr(way, f"chance_at_{k}")
            cells.append(
                f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}] ({100 * chance:.2g})"
            )
        table.add_row(label, *cells, f"{way.median_rank:g}")
    return table


def _options(pairs: list[str]) -> dict[str, int | float | str]:
    options: dict[str, int | float | str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidInput(f"--option {pair!r} is not of the form NAME=VALUE.")
        options[name] = value
    return options


def _place(name: str) -> str:
    """An address with its path made absolute, so that the run can be repeated from anywhere; other
    names as they are."""
    from backend.catalog.address import Address, parse

    address = parse(name)
    path = Path(address.base).expanduser()
    return str(Address(str(path.resolve()), address.options)) if path.exists() else name
