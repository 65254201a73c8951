"""The command about maps: lay a run's gallery out, and take its points away."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from backend.cli.evaluations import Run, measured
from backend.cli.frame import JsonFile, console, stop, told, write
from backend.schemas import USUAL_LAYOUT, LayoutReport, LayoutRequest
from backend.settings import Settings

app = typer.Typer()


@app.command("map")
def map_(
    run: Run,
    method: Annotated[str, typer.Option(help="pca, umap, tsne or pacmap")] = USUAL_LAYOUT.method,
    space: Annotated[
        str, typer.Option(help="shared; or before the alignment: image encoder, text encoder")
    ] = USUAL_LAYOUT.space,
    graph: Annotated[
        str, typer.Option(help="Whose neighbours are drawn near: cross-modal, joint or centred")
    ] = USUAL_LAYOUT.graph,
    neighbours: Annotated[
        int, typer.Option(help="That a point is drawn near to, 4 to 100.")
    ] = USUAL_LAYOUT.neighbours,
    min_dist: Annotated[
        float, typer.Option(help="How tightly UMAP packs points, 0 to 0.99.")
    ] = USUAL_LAYOUT.min_dist,
    dimensions: Annotated[int, typer.Option(help="2 or 3")] = USUAL_LAYOUT.dimensions,
    seed: Annotated[int | None, typer.Option(min=0, help="Default: the run's own.")] = None,
    like: Annotated[
        str | None, typer.Option(help="Another run's id: begin at its map, and lie on it.")
    ] = None,
    table_file: Annotated[
        Path | None,
        typer.Option("--table", help="Also write all points to FILE.csv or FILE.parquet."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Lay a run's test split out on a map; the app then shows it, too."""
    with told():
        from backend.services import Services

        form = table_file.suffix.lstrip(".") if table_file is not None else ""
        if table_file is not None and form not in ("csv", "parquet"):
            stop(f"--table {table_file} has to end in .csv or .parquet", 2)
        asked = LayoutRequest.model_validate(
            {
                "method": method, "space": space, "graph": graph, "neighbours": neighbours,
                "min_dist": min_dist, "dimensions": dimensions, "seed": seed, "like": like,
            }
        )  # fmt: skip
        found = measured("layout", asked, run, LayoutReport)
        write(json_file, found.model_dump(mode="json"))
        console.print(_table(found))
        console.print(f"{found.graph}.", markup=False)
        if table_file is not None:
            written = Services(Settings()).export_points(
                run, asked, form="csv" if form == "csv" else "parquet"
            )
            try:
                table_file.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(written, table_file)
            except OSError as error:
                stop(f"{table_file} could not be written: {error.strerror or error}.", 1)


def _table(found: LayoutReport) -> Table:
    table = Table("points", "seconds", "trustworthiness", "neighbours kept", "judged at", box=None)
    figures = [found.trustworthiness, found.neighbours_kept]
    cells = ["" if figure is None else f"{figure:.3f}" for figure in figures]
    table.add_row(f"{found.points:,}", f"{found.seconds:.1f}", *cells, f"{found.judged:,}")
    return table
