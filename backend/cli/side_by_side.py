"""Two runs side by side in a terminal: whose neighbours changed most, and who won how many duels."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from backend.cli.frame import JsonFile, console, told, write
from backend.errors import InvalidInput
from backend.schemas import ChangedPoints, DuelScore, Hit
from backend.services.side_by_side import Among
from backend.settings import Settings

app = typer.Typer()

_AMONG: Final[dict[str, Among]] = {"other": "other", "both": "both"}


@app.command()
def changed(
    first: Annotated[str, typer.Argument(help="A run's id.")],
    second: Annotated[str, typer.Argument(help="Another run's, of the same data set.")],
    neighbours: Annotated[int, typer.Option(help="Nearest that are compared.")] = 10,
    among: Annotated[
        str, typer.Option(help="other: of the other modality; both: so many of each")
    ] = "other",
    k: Annotated[int, typer.Option("-k", "--k", help="How many points are told.")] = 10,
    json_file: JsonFile = None,
) -> None:
    """Find the items and captions whose nearest neighbours two runs agree on least."""
    with told():
        from backend.services import Services

        if among not in _AMONG:
            raise InvalidInput(f"--among is {among!r}; allowed: {', '.join(_AMONG)}")
        found = Services(Settings()).changed_points(first, second, neighbours, k, _AMONG[among])
        console.print(_changed_table(found))
        write(json_file, found.model_dump(mode="json"))


@app.command()
def duels(json_file: JsonFile = None) -> None:
    """Show how every run did in the blind duels that were judged in the app."""
    with told():
        from backend.services import Services

        scores = Services(Settings()).duel_scores()
        if not scores:
            console.print("No duel was judged yet: Side by side, Duel in the app begins one.")
        else:
            console.print(_scores_table(scores))
        write(json_file, [score.model_dump(mode="json") for score in scores])


def _changed_table(found: ChangedPoints) -> Table:
    table = Table(
        "kept", "point", "nearest in the first", "nearest in the second",
        title=f"{100 * found.kept:.1f} % of {found.neighbours} nearest in common over "
        f"{found.judged:,} points; by chance {100 * found.chance:.1f} %",
        title_justify="left",
    )  # fmt: skip
    for each in found.points:
        table.add_row(
            f"{100 * each.kept:.0f} %", _said(each.item.id, each.item.captions),
            *("\n".join(_hit(hit) for hit in hits[:3]) for hits in (each.first, each.second)),
        )  # fmt: skip
    return table


def _scores_table(scores: list[DuelScore]) -> Table:
    table = Table("run", "rating", "95 % interval", "won", "lost", "tied", "both bad", "last")
    for score in scores:
        low, high = score.interval
        counts = (score.won, score.lost, score.tied, score.neither)
        table.add_row(
            escape(f"{score.run_name} ({score.run})"), f"{score.rating:.0f}", f"{low:.0f} to {high:.0f}",
            *map(str, counts), f"{score.last:%Y-%m-%d %H:%M}",
        )  # fmt: skip
    return table


def _hit(hit: Hit) -> str:
    return _said(hit.item.id, hit.item.captions) + (" ✓" if hit.ground_truth else "")


def _said(item: str, captions: tuple[str, ...]) -> str:
    return escape(captions[0] if item.startswith("text") and captions else item)
