"""The command search: a query of one or several parts, its filters, and the answers as tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from os.path import isfile  # unlike Path's it bears names of any length, as texts are
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.markup import escape
from rich.table import Table

from backend.cli.frame import JsonFile, console, told, write
from backend.errors import Fault, InvalidInput
from backend.schemas import Answers, Query, QueryPart, Target
from backend.settings import Settings

app = typer.Typer()

_AMONG: Final[dict[str, Target]] = {"images": "image", "captions": "text", "both": "both"}
_ITEM: Final = re.compile(r"(image|text):\S")
_LONGEST_FILE: Final = 1_000_000


@app.command()
def search(
    run: Annotated[str, typer.Argument(help="A run's id.")],
    query: Annotated[
        str | None, typer.Argument(help="A text, or the path of a picture or recording.")
    ] = None,
    said: Annotated[
        list[str] | None,
        typer.Option(help="Words read as one of the items, where those are words."),
    ] = None,
    item: Annotated[
        list[str] | None, typer.Option(help="Of the gallery: image:NAME or text:NAME#0.")
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(help="Of the one picture: LEFT,TOP,RIGHT,BOTTOM as shares from 0 to 1."),
    ] = None,
    vector: Annotated[
        list[str] | None, typer.Option(help="Of the shared space: numbers, or a file of them.")
    ] = None,
    plus: Annotated[
        list[str] | None, typer.Option(help="One more text, file or item id; towards it.")
    ] = None,
    minus: Annotated[list[str] | None, typer.Option(help="The same, away from it.")] = None,
    among: Annotated[str, typer.Option(help="images, captions or both")] = "images",
    where: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE of the items' metadata; of one NAME any VALUE may hold."),
    ] = None,
    no_duplicates: Annotated[
        bool, typer.Option("--no-duplicates", help="Leave out what is nearly a better answer.")
    ] = False,
    k: Annotated[int, typer.Option("-k", "--k", help="How many answers.")] = 10,
    json_file: JsonFile = None,
) -> None:
    """Search a run's gallery by text, picture, recording, item or vector, or by a mixture of them."""
    with told():
        from backend.services import Services

        parts = [
            *([_part(query)] if query is not None else []),
            *(QueryPart(kind="said", value=text) for text in said or ()),
            *(QueryPart(kind="item", value=name) for name in item or ()),
            *(QueryPart(kind="vector", value=_numbers(given)) for given in vector or ()),
            *(_part(given, ids=True) for given in plus or ()),
            *(_part(given, ids=True, weight=-1.0) for given in minus or ()),
        ]
        if not parts:
            raise InvalidInput('Say what to search for: a text, as "a red circle", or see --help.')
        if among not in _AMONG:
            raise InvalidInput(f"--among is {among!r}; allowed: {', '.join(_AMONG)}")
        asked = Query(
            parts=tuple(_cropped(parts, crop)),
            target=_AMONG[among],
            k=k,
            where=_filter(where or ()),
            hide_duplicates=no_duplicates,
        )
        found = Services(Settings()).search(run, asked)
        for answers in found.answers:
            console.print(_table(answers))
        write(json_file, found.model_dump(mode="json"))


def _part(given: str, ids: bool = False, weight: float = 1.0) -> QueryPart:
    """A file where there is one of this name, else an item's id where those are meant, else a text."""
    if isfile(given):
        return QueryPart(kind="file", value=given, weight=weight)
    kind = "item" if ids and _ITEM.match(given) else "text"
    return QueryPart.model_validate({"kind": kind, "value": given, "weight": weight})


def _numbers(given: str) -> str:
    """Numbers as they were typed, or as they stand in a text or .npy file."""
    if not isfile(given):
        return given
    path = Path(given)
    if path.stat().st_size > _LONGEST_FILE:
        raise InvalidInput(
            f"{path.name} has more than {_LONGEST_FILE:,} bytes, too many for a vector."
        )
    try:
        if path.suffix == ".npy":
            import numpy as np

            return " ".join(map(repr, np.load(path, allow_pickle=False).ravel().tolist()))
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path.name} holds no numbers as text, JSON or .npy.") from error


def _cropped(parts: Sequence[QueryPart], crop: str | None) -> Iterator[QueryPart]:
    """The parts, the one picture among them cropped."""
    pictures = [part for part in parts if part.kind in ("file", "item")]
    if crop is None:
        yield from parts
        return
    try:
        edges = [float(share) for share in crop.split(",")]
    except ValueError:
        edges = []
    faults = []
    if len(edges) != 4:
        faults.append(
            Fault("--crop", f"is {crop!r}; give LEFT,TOP,RIGHT,BOTTOM as shares, as 0,0,0.5,1")
        )
    if len(pictures) != 1:
        faults.append(Fault("--crop", f"is of one picture; {len(pictures)} were given"))
    if faults:
        raise InvalidInput("The picture cannot be cropped.", faults)
    for part in parts:
        yield part if part is not pictures[0] else part.model_copy(update={"crop": tuple(edges)})


def _filter(pairs: Sequence[str]) -> dict[str, tuple[str, ...]]:
    allowed: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InvalidInput(f"--where {pair!r} is not of the form NAME=VALUE.")
        allowed[name] = (*allowed.get(name, ()), value)
    return allowed


def _table(answers: Answers) -> Table:
    """Answers of one modality, and what was searched."""
    thing = "images" if answers.side == "image" else "captions"
    told = [f"{answers.searched:,} of {answers.gallery:,} {thing} searched"]
    if answers.truth_rank is not None:
        told.append(f"its own pair is at rank {answers.truth_rank:,}")
    if answers.duplicates:
        told.append(f"near-duplicates left out: {answers.duplicates:,}")
    if answers.index.recall_at_10 is not None and answers.searched == answers.gallery:
        told.append(f"approximate search, recall@10 {answers.index.recall_at_10:.1%}")
    table = Table(
        "rank", "score", "item", "caption", box=None, title="; ".join(told), title_justify="left"
    )
    for hit in answers.hits:
        name = f"{hit.item.id} *" if hit.ground_truth else hit.item.id
        words = hit.item.captions[0] if hit.item.captions else hit.item.text
        table.add_row(str(hit.rank), f"{hit.score:.3f}", escape(name), escape(words))
    return table
