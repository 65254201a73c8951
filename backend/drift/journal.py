"""The steps of a telephone game as they were made, one line of JSON each, in a file that only grows.

What was appended is there after a crash; a last line that was torn counts for nothing and is cut off
before the next is written. Where each line begins is told, so that the steps of a few chains can be
read again without all others.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from backend.errors import StorageError
from backend.schemas import Side

_SIDES: Final[tuple[str, ...]] = get_args(Side)
_BLOCK: Final = 2**16


@dataclass(frozen=True, slots=True)
class Made:
    """One generation of a chain: an item that was found, or a text or a picture that was made.

    Attributes:
        seed: the item of the gallery that the chain began with.
        repeat: which of the seed's chains, from 0.
        generation: from 0, which is the seed itself.
        side: what it is.
        item: id in the gallery, where it was found there.
        text: its words, where it was made and is a text.
        picture: file, where it was made and is a picture, relative to the journal's folder.
        to_start, to_previous: cosines in the run's own space, where they are known.
        drawn_with: seed that it was made with.
        operator: what made it, in words; empty of a seed.
        model: what it was made by, where that has a name of its own.
        prompt: template that was used.
        scene: of a picture that was rendered, the scene as :meth:`backend.scenes.graph.Scene.to_dict`
            tells it.
        note: what the operator left out, or why there is nothing.
        made_at: ISO 8601, UTC.
    """

    seed: str
    repeat: int
    generation: int
    side: Side
    item: str = ""
    text: str = ""
    picture: str = ""
    to_start: float | None = None
    to_previous: float | None = None
    drawn_with: int | None = None
    operator: str = ""
    model: str = ""
    prompt: str = ""
    scene: dict[str, Any] | None = None
    note: str = ""
    made_at: str = ""


class Line(NamedTuple):
    """A step, and where its line begins and ends, in bytes."""

    begin: int
    end: int
    step: Made


_NAMES: Final = tuple(field.name for field in fields(Made))
#: what a line need not tell
_USUAL: Final[dict[str, Any]] = {
    field.name: field.default for field in fields(Made) if field.default is not MISSING
}


class Journal:
    """A game's journal.

    Args:
        path: of the file, which need not be there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, steps: Sequence[Made]) -> None:
        """Adds steps in one write; when it returns they outlive this process.

        Raises:
            StorageError: the disk is full or may not be written.
        """
        lines = "".join(f"{_line(step)}\n" for step in steps).encode()
        if not lines:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b", buffering=0) as file:
                whole = _whole(file)
                file.truncate(whole)
                rest = memoryview(lines)
                while rest:  # a write may take less than it was given
                    rest = rest[file.write(rest) :]
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(
                f"{self.path} cannot be written ({reason}). Free some space, then press Resume."
            ) from error

    def read(self, offset: int = 0) -> Iterator[Line]:
        """Whole steps from a place on.

        A line that is no step (of a newer version, or damaged) is passed over.

        Args:
            offset: where a line begins: 0, or where the last one that was told ends.
        """
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            return
        with file:
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                begin, offset = offset, offset + len(line)
                step = _step(line)
                if step is not None:
                    yield Line(begin, offset, step)

    def at(self, begins: Sequence[int]) -> list[Made]:
        """The steps whose lines begin at these places, in order.

        Args:
            begins: as :meth:`read` told them.
        """
        if not begins:
            return []
        found: list[Made] = []
        with self.path.open("rb") as file:
            for begin in begins:
                file.seek(begin)
                step = _step(file.readline())
                if step is not None:
                    found.append(step)
        return found


def _line(step: Made) -> str:
    every = ((name, getattr(step, name)) for name in _NAMES)
    told = {name: value for name, value in every if name not in _USUAL or value != _USUAL[name]}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _step(line: bytes) -> Made | None:
    try:
        told = json.loads(line)
        step = Made(**{name: value for name, value in told.items() if name in _NAMES})
    except (ValueError, TypeError, AttributeError):
        return None
    sound = isinstance(step.seed, str) and step.side in _SIDES
    return step if sound and _whole_number(step.repeat) and _whole_number(step.generation) else None


def _whole_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _whole(file: Any) -> int:
    """Where the last whole line of a file ends."""
    at: int = file.seek(0, os.SEEK_END)
    while at > 0:
        start = max(0, at - _BLOCK)
        file.seek(start)
        place: int = file.read(at - start).rfind(b"\n")
        if place >= 0:
            return start + place + 1
        at = start
    return 0
