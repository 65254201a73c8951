"""What all commands share: errors become a sentence and an exit status, results a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from backend.errors import InvalidInput, IsthmusError, NotFound

console = Console()
errors = Console(stderr=True)

JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Also write the result to this file.", dir_okay=False)
]


@contextmanager
def told() -> Iterator[None]:
    """Turns errors into a sentence and an exit status."""
    try:
        yield
    except (InvalidInput, NotFound) as error:
        stop(str(error), 2)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        stop("\n".join(["What was asked for cannot be used.", *faults]), 2)
    except IsthmusError as error:
        stop(str(error), 1)
    except KeyboardInterrupt:
        stop("Stopped. What was done is kept; the same command goes on from there.", 1)


def stop(message: str, status: int) -> NoReturn:
    """Ends the command with a sentence."""
    # never broken in the middle of a path, which somebody may want to copy
    errors.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(status)


def write(path: Path | None, value: Any) -> None:
    """Writes a result as JSON where a file was asked for."""
    if path is not None:
        write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file, and the folder it is to lie in."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        stop(f"{path} could not be written: {error.strerror or error}.", 1)
