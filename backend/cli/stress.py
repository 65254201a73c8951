"""The command that disturbs seeds until their chains end elsewhere."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from backend.cli.evaluations import measured
from backend.cli.frame import JsonFile, console, stop, told, write
from backend.schemas import PairedDifference, StressComparison, StressReport, StressRequest
from backend.settings import Settings

app = typer.Typer()

#: sizes that are shown of each curve
_SHOWN = {"embedding": (0.1, 0.316228, 1.0), "pixels": (1.0, 4.0, 16.0)}


@app.command()
def stress(
    runs: Annotated[
        list[str], typer.Argument(help="Ids of finished runs; several by the same seeds.")
    ],
    pairs: Annotated[
        int, typer.Option(min=1, max=500, help="Pairs drawn from the test split, each two seeds.")
    ] = 50,
    directions: Annotated[int, typer.Option(min=1, max=200, help="Random ones, of a seed.")] = 20,
    pixels: Annotated[
        int, typer.Option(min=0, max=200, help="Images whose pixels are changed; 0: none.")
    ] = 20,
    steps: Annotated[int, typer.Option(min=1, max=200, help="Of gradient descent.")] = 20,
    words: Annotated[bool, typer.Option(help="Swap words of the captions, too.")] = True,
    synonyms: Annotated[
        Path | None, typer.Option(help="File of pairs that mean the same, one a line: big / large.")
    ] = None,
    swaps: Annotated[
        Path | None, typer.Option(help="File of pairs that do not: man, men / woman, women.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """How small a change to a seed sends its chain of nearest items to another attractor."""
    with told():
        from backend.drift.stress.curves import compare
        from backend.services import Services

        asked = StressRequest(
            pairs=pairs,
            directions=directions,
            pixel_seeds=pixels,
            steps=steps,
            words=words,
            synonyms=_read(synonyms),
            swaps=_read(swaps),
            seed=seed,
        )
        asked = Services(Settings()).check_stress(runs, asked)
        found = {run: measured("stress", asked, run, StressReport) for run in runs}
        compared = {
            (one, other): compare(found[one], found[other]) for one, other in combinations(runs, 2)
        }
        for run, report in found.items():
            console.print(curves_table(run, report))
            console.print(words_table(run, report))
            for note in report.notes:
                console.print(note, markup=False)
        for (one, other), comparison in compared.items():
            console.print(comparison_table(one, other, comparison))
        write(
            json_file,
            {
                "runs": {run: report.model_dump(mode="json") for run, report in found.items()},
                "comparisons": {
                    f"{one} {other}": each.model_dump(mode="json")
                    for (one, other), each in compared.items()
                },
            },
        )


def curves_table(run: str, report: StressReport) -> Table:
    """The share that is sent elsewhere at a few sizes, by attack."""
    table = Table(title=f"{run}: chains that end elsewhere, {report.attractors:,} attractors")
    for name in ("space", "seeds", "attack"):
        table.add_column(name)
    table.add_column("at epsilon: share", justify="right")
    table.add_column("half at", justify="right")
    for curve in report.curves:
        shown = [point for point in curve.points if point.epsilon in _SHOWN[curve.space]]
        table.add_row(
            curve.space,
            f"{curve.seeds} {curve.side}",
            curve.attack,
            "  ".join(f"{point.epsilon:.2g}: {point.share:.0%}" for point in shown),
            "never" if curve.median is None else f"{curve.median:.3g}",
        )
    return table


def words_table(run: str, report: StressReport) -> Table:
    """What swapped words do."""
    table = Table(title=f"{run}: swapped words")
    for name in ("words", "captions", "swaps", "sent elsewhere", "95 %"):
        table.add_column(name, justify="left" if name == "words" else "right")
    for kind in report.words:
        share = kind.elsewhere
        bounds = share.interval if share is not None else None
        table.add_row(
            {"synonym": "that mean the same", "meaning": "that do not"}[kind.kind],
            f"{kind.captions}",
            f"{kind.swaps}",
            "-" if share is None else f"{share.value:.0%}",
            "-" if bounds is None else f"{bounds[0]:.0%} to {bounds[1]:.0%}",
        )
    return table


def comparison_table(first: str, second: str, found: StressComparison) -> Table:
    """How much more often the second is sent elsewhere, over each curve."""
    table = Table(title=f"{second} less {first}, {found.items} seeds of both")
    for name in ("space", "seeds", "attack"):
        table.add_column(name)
    for name in ("difference", "95 %", "p"):
        table.add_column(name, justify="right")
    rows: list[tuple[tuple[str, str, str], PairedDifference]] = [
        ((each.space, each.side, each.attack), each.mean_share) for each in found.curves
    ]
    rows += [(("words", "text", kind), each) for kind, each in found.words.items()]
    for names, apart in rows:
        low, high = apart.interval
        table.add_row(
            *names, f"{apart.difference:+.3f}", f"{low:+.3f} to {high:+.3f}", f"{apart.p:.2g}"
        )
    return table


def _read(path: Path | None) -> str:
    """A file of pairs of words; nothing where none is given."""
    if path is None:
        return ""
    if not path.is_file():
        stop(f"There is no file {path}.", 2)
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        stop(f"{path} cannot be read as text in UTF-8.", 2)
