"""Checkpoints: everything that a training needs to go on with the very numbers it would have had."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from backend.errors import StorageError

NAME: Final = "checkpoint.safetensors"


@dataclass
class Progress:
    """How far a training is, and its best look at the validation split.

    Attributes:
        step: optimiser steps taken.
        looks: at the validation split; looked_at: the step of the last one.
        best_score, best_step, best_look, best_metrics: of the look that scored best.
    """

    step: int = 0
    looks: int = 0
    looked_at: int = 0
    best_score: float = -1.0
    best_step: int = 0
    best_look: int = 0
    best_metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """What is kept.

    Attributes:
        progress: numbers.
        tensors: by ``group.name``.
        settings: what it belongs to; another configuration does not go on from it.
    """

    progress: Progress
    tensors: dict[str, Tensor]
    settings: str

    def group(self, name: str) -> dict[str, Tensor]:
        """The tensors of a group."""
        prefix = f"{name}."
        return {n.removeprefix(prefix): t for n, t in self.tensors.items() if n.startswith(prefix)}


def write_checkpoint(folder: Path, kept: Checkpoint) -> None:
    """Writes it beside the one before and renames it into place.

    Raises:
        StorageError: there is no room.
    """
    path = folder / NAME
    partial = path.with_suffix(".part")
    note = {"progress": json.dumps(asdict(kept.progress)), "settings": kept.settings}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file({n: t.contiguous() for n, t in kept.tensors.items()}, partial, metadata=note)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StorageError(
            f"The checkpoint could not be written to {folder}: {error.strerror or error}. "
            "Free some space, then press Resume."
        ) from error


def read_checkpoint(folder: Path, settings: str) -> Checkpoint | None:
    """The checkpoint in a folder, if there is one of these settings."""
    path = folder / NAME
    if not path.is_file():
        return None
    with safe_open(path, "pt") as file:
        note = file.metadata()
        if note["settings"] != settings:
            return None
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    return Checkpoint(Progress(**json.loads(note["progress"])), tensors, settings)


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, parameters: list[Tensor]
) -> dict[str, Tensor]:
    """An optimiser's state by ``number.name``."""
    return {
        f"{number}.{name}": value
        for number, parameter in enumerate(parameters)
        for name, value in optimizer.state[parameter].items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, parameters: list[Tensor], tensors: Mapping[str, Tensor]
) -> None:
    """Puts a state back."""
    for number, parameter in enumerate(parameters):
        prefix = f"{number}."
        optimizer.state[parameter] = {
            # AdamW wants its step counter on the host
            name.removeprefix(prefix): value
            if name.endswith(".step")
            else value.to(parameter.device)
            for name, value in tensors.items()
            if name.startswith(prefix)
        }
