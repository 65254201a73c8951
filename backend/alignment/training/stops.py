"""Heads kept along a training, so that one can see how the shared space came about.

<training>/stops/<step>.safetensors     the heads after so many steps; 0: as they were initialised

Kept are step 0 and the steps that double from 8 on, a few of them. Heads move most at first, and a loss
falls about as a power of the steps: stops that are spread evenly in log steps show all of it, stops spread
evenly in steps would show the end many times over. Which steps these are is told by the step alone, so a
training that was killed and goes on keeps the very same ones. The best heads are kept elsewhere, in full.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from backend.alignment.base import Alignment
from backend.alignment.heads import build_head
from backend.errors import NotFound

log = logging.getLogger(__name__)

#: stops at most
MOST: Final = 8
_FOLDER: Final = "stops"
_FIRST: Final = 8


class Stops:
    """Keeps heads in a training's folder.

    Args:
        folder: of the training.
        room: bytes that they may take together; fewer are kept where they are large.
        heads: that are trained.
    """

    def __init__(self, folder: Path, room: int, heads: nn.ModuleDict) -> None:
        self._folder, self._heads = folder / _FOLDER, heads
        size = sum(value.numel() * value.element_size() for value in heads.state_dict().values())
        most = min(MOST, room // max(1, size))
        self._most = most if most > 1 else 0  # a single one would show nothing move
        self._training = ""

    def go_on(self, step: int, training: str) -> None:
        """Forgets what is not of this training up to ``step``: it is not there yet, or never will be.

        Args:
            training: tells it from others in the same folder.
        """
        self._training = hashlib.sha256(training.encode()).hexdigest()
        for path in _files(self._folder):
            if self._most == 0 or _step(path) > step or _training_of(path) != self._training:
                path.unlink(missing_ok=True)

    def keep(self, step: int) -> None:
        """Keeps the heads, which are those after ``step``, if that is a stop; forgets what is too many.

        Without room on the disk none is kept from here on: a picture of a training is not worth one.
        """
        path = self._folder / f"{step}.safetensors"
        if self._most == 0 or not _doubles(step) or path.is_file():
            return
        partial = path.with_suffix(".part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            now = self._heads.state_dict().items()
            tensors = {name: value.detach().cpu().contiguous() for name, value in now}
            save_file(tensors, partial, metadata={"training": self._training})
            partial.replace(path)
        except (OSError, SafetensorError) as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            log.warning("no heads are kept along the training any more: %s", error)
            self._most = 0
            return
        wanted = stops_until(step, self._most)
        for path in _files(self._folder):
            if _step(path) not in wanted:
                path.unlink(missing_ok=True)


def stops_until(step: int, most: int = MOST) -> tuple[int, ...]:
    """The steps whose heads are there once ``step`` are taken, rising; the first and the last stay.

    Where one more would be too many, every other doubling goes, one by one from the first on, then every
    other one of those that are left. So gaps differ by a factor of two, or are about to.
    """
    kept: list[int] = []
    for number in range(1 + max(0, step // _FIRST).bit_length()):
        kept.append(number)  # 0 is step 0, then the first stop and its doublings
        if len(kept) > most:
            # the lowest bit tells how many halvings of the numbers one survives
            kept.remove(min(kept[1:-1], key=lambda each: (each & -each, each)))
    return tuple(_FIRST << number >> 1 if number else 0 for number in kept)


def kept_stops(folder: Path) -> tuple[int, ...]:
    """The steps whose heads a training's folder holds, rising."""
    return tuple(sorted(_step(path) for path in _files(folder / _FOLDER)))


def heads_at(folder: Path, step: int, final: Alignment) -> Alignment:
    """The heads after so many steps.

    Args:
        folder: of the training.
        final: what came of it, whose heads are of the same make.

    Raises:
        NotFound: they were not kept, or are of another make.
    """
    path = folder / _FOLDER / f"{step}.safetensors"
    try:
        tensors = load_file(path)
        heads = {}
        for side, head in final.heads.items():
            heads[side] = build_head(head.config)
            own = {
                n.removeprefix(f"{side}."): t
                for n, t in tensors.items()
                if n.startswith(f"{side}.")
            }
            heads[side].load_state_dict(own)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise NotFound(f"The heads after step {step:,} are not there any more.") from error
    return Alignment(final.method, heads, {})


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*.safetensors") if path.stem.isdecimal()]


def _step(path: Path) -> int:
    return int(path.stem)


def _training_of(path: Path) -> str:
    """What a file says that it belongs to; nothing where it cannot be read."""
    try:
        with safe_open(path, "pt") as file:
            return str((file.metadata() or {}).get("training", ""))
    except (OSError, SafetensorError):
        return ""


def _doubles(step: int) -> bool:
    """Whether a step is 0, or the first stop doubled so many times."""
    return step == 0 or (step >= _FIRST and step & (step - 1) == 0)
