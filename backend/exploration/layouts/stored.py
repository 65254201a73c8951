"""Layouts on disk, beside the gallery that they are of.

map-<key>.npy                      (n, 2) or (n, 3) float32
map-<key>.json                     what it is; renamed into place last, which makes it count
neighbours-<gallery>-<graph>.npz   the points' nearest, which layouts of a graph share
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from backend.errors import NotFound
from backend.exploration.layouts.graphs import Block
from backend.schemas import Frozen, LayoutReport, LayoutRequest
from backend.whole_files import whole_file

_CARDS: Final = "map-*.json"


class Card(Frozen):
    """What a stored layout is."""

    made_of: str = Field(description="the gallery")
    request: LayoutRequest = Field(description="resolved")
    report: LayoutReport
    made_by: dict[str, str] = Field(description="libraries and their versions")


class Layout(Frozen):
    """A stored layout."""

    card: Card
    coordinates: NDArray[np.float32]


def save(folder: Path, layout: Layout) -> None:
    """Writes a layout, and removes those of other heads or of older versions.

    Raises:
        NotFound: the folder is gone, and with it the run.
    """
    path = folder / f"map-{layout.card.report.key}.json"
    _write(path.with_suffix(".npy"), lambda file: _save(file, layout.coordinates))
    _write(path, lambda file: file.write(layout.card.model_dump_json(indent=1).encode()))
    for other in folder.glob(_CARDS):
        card = _card(other)
        if card is None or card.made_of != layout.card.made_of:
            other.unlink(missing_ok=True)
            other.with_suffix(".npy").unlink(missing_ok=True)


def load(folder: Path, key: str) -> Layout | None:
    """A layout; None where it is not there, not whole, or of another version."""
    path = folder / f"map-{key}.json"
    card, coordinates = _card(path), _load(path.with_suffix(".npy"))
    if card is None or coordinates is None:
        return None
    if coordinates.shape != (card.report.points, card.request.dimensions):
        return None
    return Layout(card=card, coordinates=coordinates)


def save_blocks(folder: Path, name: str, made_of: str, blocks: tuple[Block, ...]) -> None:
    """Keeps the neighbours of a gallery's points for other layouts of the same graph."""
    arrays: dict[str, NDArray[Any]] = {}
    for place, block in enumerate(blocks):
        arrays |= {f"rows{place}": block.rows, f"distances{place}": block.distances}
    path = _of(folder, "neighbours", made_of, f"-{name}.npz")
    _write(path, lambda file: np.savez(file, allow_pickle=False, **arrays))
    _remove_others(folder, "neighbours", made_of)


def load_blocks(folder: Path, name: str, made_of: str) -> tuple[Block, ...] | None:
    """The same again; None where they are not there or not whole."""
    try:
        path = _of(folder, "neighbours", made_of, f"-{name}.npz")
        with np.load(path, allow_pickle=False) as kept:
            return tuple(
                Block(kept[f"rows{place}"], kept[f"distances{place}"])
                for place in range(len(kept.files) // 2)
            )
    except (OSError, ValueError, KeyError, BadZipFile):
        return None


def save_ranks(folder: Path, made_of: str, ranks: NDArray[np.float32]) -> None:
    """Keeps the ranks of all points' partners."""
    _write(_of(folder, "ranks", made_of, ".npy"), lambda file: _save(file, ranks))
    _remove_others(folder, "ranks", made_of)


def load_ranks(folder: Path, made_of: str) -> NDArray[np.float32] | None:
    """The same again; None where they are not there."""
    return _load(_of(folder, "ranks", made_of, ".npy"))


def _of(folder: Path, kind: str, made_of: str, rest: str) -> Path:
    return folder / f"{kind}-{made_of[:12]}{rest}"


def _remove_others(folder: Path, kind: str, made_of: str) -> None:
    for path in folder.glob(f"{kind}-*.np*"):
        if not path.name.startswith(_of(folder, kind, made_of, "").name):
            path.unlink(missing_ok=True)


def _write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    try:
        with whole_file(path) as draft, draft.open("wb") as file:
            fill(file)
    except FileNotFoundError as error:
        raise NotFound("The run was deleted while its map was drawn.") from error


def _save(file: BinaryIO, values: NDArray[Any]) -> None:
    np.save(file, values, allow_pickle=False)


def _load(path: Path) -> NDArray[np.float32] | None:
    try:
        values: NDArray[np.float32] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return values


def _card(path: Path) -> Card | None:
    try:
        return Card.model_validate(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, ValidationError):
        return None
