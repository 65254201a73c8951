"""Commands about sweeps: make one, go on with one, list them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from backend.cli.frame import JsonFile, console, errors, stop, told, write
from backend.cli.given import fetch, place
from backend.errors import Fault, InvalidInput
from backend.schemas import RunSummary, SweepCell, SweepDetail, SweepRequest
from backend.settings import Settings
from backend.terminal import Listener

if TYPE_CHECKING:
    from backend.runs.sweeps import Sweeps
    from backend.services import Services

app = typer.Typer()

_PLAIN_EVERY: Final = 10.0
_LONGEST_NAME: Final = 120
_PAIR: Final = ("scene-resnet-classes", "minilm")

Several = list[str] | None


@app.command()
def sweep(
    dataset: Annotated[str, typer.Option(help="A built-in name or a folder.")] = "scenes",
    pair: Annotated[
        Several, typer.Option(help="IMAGE+TEXT, two encoders; as often as needed.")
    ] = None,
    image_encoder: Annotated[
        Several, typer.Option(help="The first of a pair, where a name has a + in it.")
    ] = None,
    text_encoder: Annotated[Several, typer.Option(help="The second of that pair.")] = None,
    method: Annotated[
        Several, typer.Option(help="A method's id, as often as needed; or all.")
    ] = None,
    pairs_used: Annotated[
        Several, typer.Option(help="Training images used, as often as needed; or all.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The first one.", min=0)] = 0,
    seeds: Annotated[int, typer.Option(help="How many, of each run.", min=1, max=20)] = 1,
    option: Annotated[
        Several, typer.Option("--option", "-o", help="METHOD.NAME=VALUE, as often as needed.")
    ] = None,
    select_layers: Annotated[
        bool, typer.Option("--select-layers", help="Each run chooses its encoders' layers.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Shown in the app.")] = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="Put it into the app's queue instead of making it here.")
    ] = False,
    resume: Annotated[
        str | None, typer.Option(help="Go on with this sweep; nothing else is needed.")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Make a grid of runs: pairs of encoders x methods x numbers of training images."""
    with told():
        from backend.runs.store import Store
        from backend.runs.sweeps import Sweeps
        from backend.services import Services

        settings = Settings()
        services = Services(settings)
        services.may_change()
        sweeps = Sweeps(Store(settings))
        if resume is not None:
            if pair or image_encoder or text_encoder or method or pairs_used or option:
                raise InvalidInput("--resume goes on with what was asked for. Leave the rest out.")
            sweep_id = _resumed(services, sweeps, resume, queue)
        else:
            if name is not None and len(name) > _LONGEST_NAME:
                raise InvalidInput(f"--name has {len(name)} letters; at most {_LONGEST_NAME}.")
            request = SweepRequest(
                dataset=place(dataset),
                pairs=_pairs(pair or [], image_encoder or [], text_encoder or []),
                methods=_methods(method or []),
                train_images=_sizes(pairs_used or ["all"]),
                seed=seed,
                seeds=seeds,
                options=_options(option or []),
                select_layers=select_layers,
                name=name,
            )
            sweep_id = _begun(services, sweeps, request, queue)
        if not queue:
            _make(sweeps, sweep_id, json_file)
            return
        detail = services.sweep(sweep_id)
        waiting = detail.summary.counts.get("queued", 0)
        console.print(f"Sweep {sweep_id}: {waiting} runs are in the queue.")
        write(json_file, _result(detail))


def _begun(services: Services, sweeps: Sweeps, request: SweepRequest, queue: bool) -> str:
    """Checks a sweep and makes its rows; its id."""
    with Listener(errors) as listener:
        fetch(request.dataset, services.settings, listener)
    if queue:
        return services.launch_sweep(request).id
    return sweeps.create(services.check_sweep(request), in_terminal=True)


def _resumed(services: Services, sweeps: Sweeps, sweep_id: str, queue: bool) -> str:
    """Makes ready what is left of a sweep; its id."""
    from backend.runs.jobs import Jobs

    sweeps.get_summary(sweep_id)  # NotFound before anything is done
    # what a terminal that was killed left as running
    Jobs(sweeps.settings, sweeps.store).reconcile()
    if queue:
        services.resume_sweep(sweep_id)
    return sweep_id


def _make(sweeps: Sweeps, sweep_id: str, json_file: Path | None) -> None:
    """Carries a sweep out here, whatever of it is left, and prints what came of it."""
    from backend.runs.here import carry_sweep_out

    stopped = False
    try:
        carry_sweep_out(sweeps, sweep_id, lambda count: _Watcher(errors, count))
    except KeyboardInterrupt:
        stopped = True
    detail = sweeps.get_sweep(sweep_id)
    for table in matrices(detail):
        console.print(table)
    write(json_file, _result(detail))
    again = f"python -m backend sweep --resume {sweep_id} goes on."
    if stopped:
        stop(f"Stopped. What was done is kept; {again}", 1)
    console.print(f"Sweep {sweep_id} is in the app; its data: {sweeps.settings.home}")
    left = [cell.run for cell in detail.cells if cell.run and cell.run.status != "finished"]
    if left:
        why = f" The first: {left[0].name}: {left[0].error or left[0].status}"
        stop(f"{len(left)} of {len(detail.cells)} runs are not finished; {again}{why}", 1)


@app.command("sweeps")
def list_sweeps(json_file: JsonFile = None) -> None:
    """List all sweeps, newest first."""
    with told():
        from backend.services import Services

        listed = Services(Settings()).sweeps()
        # ids are copied into the next command
        table = Table(Column("sweep", no_wrap=True), "name", "runs", "state", box=None)
        for each in listed:
            states = ", ".join(f"{count} {status}" for status, count in each.counts.items())
            table.add_row(each.id, each.name, str(sum(each.counts.values())), states)
        console.print(table)
        write(json_file, [each.model_dump(mode="json") for each in listed])


def matrices(detail: SweepDetail) -> list[Table]:
    """One table a pair: methods x numbers of training images, R@1 both ways with intervals."""
    request = detail.summary.request
    found = {(cell.pair, cell.method, cell.train_images): cell for cell in detail.cells}
    tables = []
    for pair in request.pairs:
        mine = [cell for cell in detail.cells if cell.pair == pair]
        table = Table(
            "method",
            *(f"n = {'all' if size is None else f'{size:,}'}" for size in request.train_images),
            title=_title(pair, mine),
            title_justify="left",
        )
        for method in request.methods:
            cells = [found[pair, method, size] for size in request.train_images]
            table.add_row(method, *(_cell(cell) for cell in cells))
        tables.append(table)
    return tables


def _title(pair: tuple[str, str], cells: Sequence[SweepCell]) -> str:
    report = next((cell.run.test for cell in cells if cell.run and cell.run.test), None)
    words = f"{pair[0]} + {pair[1]}: R@1, text to image above image to text (percent; 95 % interval"
    if report is None:
        return f"{words})"
    over = "seeds" if report.across_seeds else "test images"
    chance = 100 * report.text_to_image.chance_at_1
    return f"{words} over {over}; chance {chance:.2g}; {report.images:,} test images)"


def _cell(cell: SweepCell) -> str:
    if cell.run is None:
        return "deleted"
    if cell.run.test is None:
        return cell.run.status
    return "\n".join(_interval(cell, way) for way in ("text_to_image", "image_to_text"))


def _interval(cell: SweepCell, way: str) -> str:
    from backend.runs.grid import recall

    mean, (low, high), _ = recall(cell, way)
    return f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def _result(detail: SweepDetail) -> dict[str, Any]:
    from backend.runs.grid import table

    return {
        "sweep": detail.summary.id,
        "name": detail.summary.name,
        "request": detail.summary.request.model_dump(mode="json"),
        "command": detail.command,
        "table": table(detail.cells),
    }


class _Watcher:
    """Two bars in a terminal, the grid's and the run's; a line a run elsewhere."""

    def __init__(self, shown: Console, count: int) -> None:
        self._console = shown
        self._count = count
        self._ended = 0
        self._told_at = 0.0
        self._run = ""
        self._bar: Progress | None = None
        if shown.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                console=shown,
                transient=True,
            )
            self._bar.add_task("Runs", total=count)
            self._bar.add_task("")

    def begin(self, run: RunSummary) -> None:
        self._run = run.name
        if self._bar:
            self._bar.start()

    def __call__(self, step: str, done: int, total: int, unit: str) -> None:
        if self._bar:
            task = self._bar.tasks[1].id
            self._bar.update(
                task, description=f"{self._run}: {step}", completed=done, total=total or None
            )
        elif time.monotonic() - self._told_at >= _PLAIN_EVERY:
            self._told_at = time.monotonic()
            count = f" {done:,} of {total:,} {unit}" if total else ""
            self._console.print(f"{self._run}: {step}{count}", highlight=False, markup=False)

    def end(self, run: RunSummary) -> None:
        self._ended += 1
        if self._bar:
            self._bar.update(self._bar.tasks[0].id, completed=self._ended)
            self._bar.stop()
        words = run.error or run.status
        if run.test is not None:
            cell = SweepCell(
                pair=(run.image_encoder, run.text_encoder),
                method=run.method,
                train_images=run.train_images,
                run=run,
            )
            ways = (("T2I", "text_to_image"), ("I2T", "image_to_text"))
            words = "R@1 " + ", ".join(f"{short} {_interval(cell, way)}" for short, way in ways)
        line = f"{self._ended} of {self._count}  {run.name}: {words}"
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def _pairs(
    joined: Sequence[str], images: Sequence[str], texts: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    """The pairs in the order given, joined ones first."""
    faults = [
        Fault(
            f"--pair {text}",
            "is not of the form IMAGE+TEXT. Where a name has a + in it, give --image-encoder and "
            "--text-encoder",
        )
        for text in joined
        if text.count("+") != 1 or not all(text.split("+"))
    ]
    if len(images) != len(texts):
        counts = f"{len(images)} and {len(texts)}"
        faults.append(Fault("--image-encoder, --text-encoder", f"come in pairs, not {counts}"))
    if faults:
        raise InvalidInput("The pairs cannot be read.", faults)
    split = [tuple(text.split("+")) for text in joined]
    found = [*split, *zip(images, texts, strict=True)] or [_PAIR]
    return tuple((place(pair[0].strip()), place(pair[1].strip())) for pair in found)


def _methods(given: Sequence[str]) -> tuple[str, ...]:
    from backend.alignment.methods import METHODS

    if not given:
        raise InvalidInput(f"Name a --method, or all. There are {', '.join(METHODS)}.")
    return tuple(METHODS) if "all" in given else tuple(given)


def _sizes(given: Sequence[str]) -> tuple[int | None, ...]:
    faults = [
        Fault(f"--pairs-used {text}", "is neither a number nor all")
        for text in given
        if text != "all" and not text.isdecimal()
    ]
    if faults:
        raise InvalidInput("The numbers of training images cannot be read.", faults)
    return tuple(None if text == "all" else int(text) for text in given)


def _options(given: Sequence[str]) -> dict[str, dict[str, int | float | str]]:
    found: dict[str, dict[str, int | float | str]] = {}
    for text in given:
        where, equals, value = text.partition("=")
        method, dot, name = where.partition(".")
        if not (equals and dot and method and name):
            raise InvalidInput(f"--option {text!r} is not of the form METHOD.NAME=VALUE.")
        found.setdefault(method, {})[name] = value
    return found
