"""Telephone games in a terminal: played, listed, shown, compared, taken away, and attractors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, get_args

import typer
from rich.table import Table

from backend.cli.drift_tables import (
    attraction_table,
    chain_table,
    comparison_table,
    games_table,
    report_tables,
)
from backend.cli.frame import JsonFile, console, errors, stop, told, write
from backend.cli.given import place
from backend.errors import Fault, InvalidInput
from backend.schemas import (
    PAPER_BACKBONES,
    BackboneChoice,
    Evaluation,
    GameReport,
    GameRequest,
    OperatorChoice,
    OperatorKind,
)
from backend.settings import Settings
from backend.terminal import Listener

app = typer.Typer(no_args_is_help=True, help="Telephone games: from picture to text and back.")

Game = Annotated[str, typer.Argument(help="A game's id; `drift list` shows them.")]
Backbones = Annotated[
    list[str] | None,
    typer.Option(
        "--backbone",
        help="own, paper, text=ENCODER, image=ENCODER, or image=ENCODER,text=ENCODER of one space; can "
        "be repeated.",
    ),
]
Incomplete = Annotated[
    bool,
    typer.Option("--incomplete/--complete", help="Whether items or generations may be missing."),
]
_KINDS: Final = get_args(OperatorKind)


@app.command()
def start(
    runs: Annotated[list[str], typer.Argument(help="Finished runs' ids: all with the same seeds.")],
    seed_item: Annotated[
        list[str] | None, typer.Option(help="An item to begin with; can be repeated.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, max=1000, help="Pairs drawn where none is.")] = 20,
    generations: Annotated[int, typer.Option(min=1, max=100)] = 20,
    to_image: Annotated[
        str, typer.Option(help="What makes pictures: KIND or KIND=MODEL. " + ", ".join(_KINDS))
    ] = "retrieval",
    to_text: Annotated[str, typer.Option(help="What makes texts, likewise.")] = "retrieval",
    temperature: Annotated[float, typer.Option(min=0, max=10, help="0: the likeliest.")] = 0.0,
    candidates: Annotated[int, typer.Option(min=1, max=1000, help="Drawn from so many.")] = 50,
    revisit: Annotated[bool, typer.Option(help="Whether an item may come again.")] = True,
    seeds_excluded: Annotated[bool, typer.Option(help="No step leads to a seed.")] = False,
    repeats: Annotated[int, typer.Option(min=1, max=5, help="Chains of each seed.")] = 1,
    backbone: Backbones = None,
    geneval: Annotated[str, typer.Option(help="An object detector (OWLv2).")] = "",
    prompts: Annotated[str, typer.Option(help="GenEval's evaluation_metadata.jsonl.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Play a game with each run, from the same seeds, and score it; what was begun goes on by `resume`."""
    with told():
        from backend.services import Services

        asked = GameRequest(
            seeds=tuple(seed_item or ()),
            pairs=pairs,
            generations=generations,
            text_to_image=_operator(to_image, temperature, candidates),
            image_to_text=_operator(to_text, temperature, candidates),
            revisit=revisit,
            seeds_excluded=seeds_excluded,
            repeats=repeats,
            backbones=_backbones(backbone or ["own"]),
            geneval=geneval,
            prompts=prompts,
            seed=seed,
        )
        services = Services(Settings())
        asked = services.check_game(runs, asked)
        made = []
        for run in runs:
            with Listener(errors) as listener:
                made.append(services.play_here(run, asked, listener))
            _show(made[-1])
        write(json_file, [each.model_dump(mode="json") for each in made])


@app.command()
def walk(
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


@app.command()
def resume(game: Game, json_file: JsonFile = None) -> None:
    """Go on with a game that was stopped or killed, here and now."""
    with told():
        from backend.services import Services

        with Listener(errors) as listener:
            made = Services(Settings()).resume_game_here(game, listener)
        _show(made)
        write(json_file, made.model_dump(mode="json"))


@app.command("list")
def list_games(
    run: Annotated[str | None, typer.Option(help="Only this run's.")] = None,
    json_file: JsonFile = None,
) -> None:
    """List all games, newest first."""
    with told():
        from backend.services import Services

        found = Services(Settings()).games(run)
        write(json_file, [each.model_dump(mode="json") for each in found])
        console.print(games_table(found) if found else "There is no game yet: `drift start RUN`.")


@app.command()
def show(
    game: Game,
    chains: Annotated[int, typer.Option(min=0, max=200, help="So many chains, too.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Show what a game came to."""
    with told():
        from backend.services import Services

        services = Services(Settings())
        report = services.game_report(game) or services.game_curves(game)
        write(json_file, report.model_dump(mode="json"))
        _print(report)
        for chain in services.game_chains(game, count=chains):
            console.print(chain_table(chain))


@app.command()
def compare(
    first: Game,
    second: Annotated[str, typer.Argument(help="Another one's.")],
    backbone: Annotated[str, typer.Option(help="Its name in both reports.")] = "",
    json_file: JsonFile = None,
) -> None:
    """Tell which of two games drifts less, seed by seed."""
    with told():
        from backend.services import Services

        found = Services(Settings()).compare_games(first, second, backbone)
        write(json_file, found.model_dump(mode="json"))
        console.print(comparison_table(found))


@app.command()
def export(
    game: Game,
    folder: Annotated[
        Path | None, typer.Argument(help="A new folder; without, a zip under data/reports.")
    ] = None,
) -> None:
    """Write a game's chains in the paper's layout, with every step as a row of chains.csv."""
    with told():
        from backend.services import Services

        services = Services(Settings())
        path = services.export_game(game, folder) if folder else services.zip_games([game])
        console.print(str(path), soft_wrap=True)


@app.command()
def report(
    games: Annotated[list[str], typer.Argument(help="1 to 6 games' ids.")],
    pdf: Annotated[bool, typer.Option("--pdf", help="A PDF in place of HTML.")] = False,
) -> None:
    """Write a report of games beside each other, as one file that needs nothing else."""
    with told():
        from backend.services import Services

        services = Services(Settings())
        path = services.report_pdf(games) if pdf else services.report_html(games)
        console.print(str(path), soft_wrap=True)


@app.command("score-folder")
def score_folder(
    folder: Annotated[str, typer.Argument(help="Holds text-first/ or image-first/.")],
    backbone: Backbones = None,
    incomplete: Incomplete = True,
    geneval: Annotated[str, typer.Option(help="An object detector (OWLv2).")] = "",
    prompts: Annotated[str, typer.Option(help="GenEval's evaluation_metadata.jsonl.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    json_file: JsonFile = None,
) -> None:
    """Score chains that were made elsewhere; without --backbone as in the paper."""
    with told():
        from backend.services import Services

        services = Services(Settings())
        rulers = _backbones(backbone or ["paper"])
        asked = services.folder_request(place(folder), rulers, incomplete, geneval, prompts, seed)
        with Listener(errors) as listener:
            made = services.play_here(None, asked, listener)
        _show(made)
        write(json_file, made.model_dump(mode="json"))


@app.command()
def attractors(
    run: Annotated[str, typer.Argument(help="A finished run's id.")],
    count: Annotated[int, typer.Option("-k", "--k", min=1, max=50)] = 15,
    json_file: JsonFile = None,
) -> None:
    """Tell where all chains of nearest items end."""
    with told():
        from backend.services import Services

        found = Services(Settings()).attraction(run)
        write(json_file, found.model_dump(mode="json"))
        console.print(attraction_table(found, count))


def _show(made: Evaluation) -> None:
    console.print(f"{made.id}: {made.status}", markup=False)
    if made.status != "finished":
        stop(made.error or f"The game is {made.status}; `drift resume {made.id}` goes on.", 1)
    _print(GameReport.model_validate(made.result))


def _print(found: GameReport) -> None:
    for table in report_tables(found):
        console.print(table)
    for note in found.notes:
        console.print(note, markup=False)


def _operator(given: str, temperature: float, candidates: int) -> OperatorChoice:
    """KIND or KIND=MODEL; of an endpoint KIND=ADDRESS,MODEL."""
    kind, _, source = given.partition("=")
    if kind not in _KINDS:
        raise InvalidInput(f"{kind!r} makes nothing. Allowed: {', '.join(_KINDS)}.")
    model = ""
    if kind == "endpoint":
        source, _, model = source.partition(",")
    return OperatorChoice.model_validate(
        {"kind": kind, "source": source, "model": model, "temperature": temperature,
         "candidates": candidates}
    )  # fmt: skip


def _backbones(given: list[str]) -> tuple[BackboneChoice, ...]:
    found: list[BackboneChoice] = []
    faults: list[Fault] = []
    for each in given:
        if each == "own":
            found.append(BackboneChoice())
        elif each == "paper":
            found += PAPER_BACKBONES
        else:
            told = dict(part.partition("=")[::2] for part in each.split(","))
            if not told or not set(told) <= {"image", "text"} or not all(told.values()):
                faults.append(Fault("--backbone", f"{each!r} is none"))
                continue
            addresses = {side: place(name) for side, name in told.items()}
            found.append(BackboneChoice(shared=len(told) == 2, **addresses))
    if faults:
        raise InvalidInput("Give own, paper, text=ENCODER or image=ENCODER.", faults)
    return tuple(found)
