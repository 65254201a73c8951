"""A run's recipe: everything that repeats it, as a file to take away, and read back into the form."""

from __future__ import annotations

import json
from typing import Final

from pydantic import ValidationError

from backend.errors import Fault, InvalidInput
from backend.schemas import RunDetail, RunRequest

#: letters of a recipe; one that lists every library takes a few thousand
_MOST: Final = 1_000_000


def write(run: RunDetail) -> str:
    """The recipe of a run as JSON: its request with the seed, what became of it, versions, command."""
    told = {
        "isthmus_run": run.summary.id,
        "request": run.request.model_dump(mode="json"),
        "configuration": run.configuration,
        "versions": dict(run.versions),
        "command": run.command,
    }
    return json.dumps(told, indent=2, default=str, ensure_ascii=False) + "\n"


def read(text: str) -> RunRequest:
    """What a recipe asks for.

    Raises:
        InvalidInput: it is no recipe; every fault of its request at once.
    """
    advice = "Choose the JSON file that a run offers under Repeat it."
    try:
        told = json.loads(text) if len(text) <= _MOST else None
    except (ValueError, RecursionError):
        told = None
    request = told.get("request") if isinstance(told, dict) else None
    if not isinstance(request, dict):
        raise InvalidInput(f"This file holds no run. {advice}")
    try:
        return RunRequest.model_validate(request)
    except ValidationError as error:
        faults = [Fault(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors()]
        raise InvalidInput(f"This file's run cannot be read. {advice}", faults) from error
