"""How many items go into a batch: found by trying on the items themselves, and remembered.

The size that was found lies beside the features, by device: work that was broken off goes on with
the same batches, and so gives the very same features.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np

from backend.features.store.parts import write_whole
from backend.features.work import Work, in_order

#: sets of fewer items than so many largest batches are encoded before trying has paid
_WORTH_TRYING: Final = 32

#: what a doubling must gain, as a factor, to be worth its memory
_PAYS: Final = 1.03

#: seconds that trying may take, and that a first batch may take for trying to begin at all
_BUDGET_S: Final = 12.0
_SLOW_S: Final = 1.0


@runtime_checkable
class Adjustable(Protocol):
    """An encoder that leaves the size of its batches open.

    Attributes:
        batch_size: items of a batch; what it is before trying is a good guess.
        batch_sizes: what may be tried, ascending; known once the encoder is prepared.
        device: where it computes; known once it is prepared.
    """

    batch_size: int

    @property
    def batch_sizes(self) -> Sequence[int]: ...

    @property
    def device(self) -> str: ...

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Any: ...


def settle(
    encoder: object, items: Sequence[Any], folder: Path, on_wait: Callable[[], None]
) -> None:
    """Gives an encoder its batch size: the one remembered, else the fastest of those tried.

    Few items, and encoders that do not leave it open, are left as they are.

    Args:
        encoder: prepared.
        items: what is to be encoded.
        folder: where the size is remembered.
        on_wait: called while batches are tried; may raise.
    """
    if not isinstance(encoder, Adjustable):
        return
    device = _device_name(encoder.device)
    remembered = _read(folder / "batches.json")
    if device in remembered:
        encoder.batch_size = remembered[device]
        return
    if len(items) < _WORTH_TRYING * max(encoder.batch_sizes):
        return
    encoder.batch_size = fastest(encoder, items, on_wait)
    told = json.dumps({**remembered, device: encoder.batch_size})
    write_whole(folder / "batches.json", told.encode())


def fastest(encoder: Adjustable, items: Sequence[Any], on_wait: Callable[[], None]) -> int:
    """The batch size that encodes a sample of the items fastest.

    Sizes are tried in ascending order for as long as they pay, fit into memory and time allows. On a
    CPU every size sees the same sample; on a GPU two batches each.

    Args:
        encoder: prepared; its ``batch_size`` is what it was, afterwards.
        items: at least as many as two of the largest batches.
        on_wait: called while batches are tried; may raise.
    """
    guess, began = encoder.batch_size, time.perf_counter()
    try:
        if _seconds(encoder, _sample(items, guess), on_wait) > _SLOW_S:
            return guess
        best, rate = guess, 0.0
        for size in encoder.batch_sizes:
            if time.perf_counter() - began > _BUDGET_S:
                break
            encoder.batch_size = size
            on_gpu = encoder.device != "cpu"
            sample = _sample(items, 2 * (size if on_gpu else max(encoder.batch_sizes)))
            try:
                now = len(sample) / _seconds(encoder, sample, on_wait)
            except MemoryError:
                break
            except RuntimeError as error:
                if not out_of_memory(error):
                    raise
                break
            if now > rate * _PAYS:
                best, rate = size, now
            elif on_gpu:
                break
        return best
    finally:
        encoder.batch_size = guess


def out_of_memory(error: RuntimeError) -> bool:
    """Whether a GPU had too little memory; what it holds for later is given back."""
    import torch

    if not isinstance(error, torch.OutOfMemoryError):
        return False
    torch.cuda.empty_cache()
    return True


def _sample(items: Sequence[Any], size: int) -> list[Any]:
    """So many items, evenly from all, so that they are as long as the rest."""
    places = np.linspace(0, len(items) - 1, min(size, len(items))).astype(int)
    return [items[i] for i in places]


def _seconds(encoder: Adjustable, sample: Sequence[Any], on_wait: Callable[[], None]) -> float:
    """How long a sample takes, all cores at work."""
    start = time.perf_counter()
    works: Any = encoder.works(sample, [True] * len(sample))
    with in_order((work for work in works if isinstance(work, Work)), on_wait) as outcomes:
        for _ in outcomes:
            on_wait()
    return time.perf_counter() - start


def _read(path: Path) -> dict[str, int]:
    """What is remembered; nothing where it cannot be read."""
    try:
        told = json.loads(path.read_text("utf-8"))
        return {str(name): int(size) for name, size in told.items() if int(size) > 0}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _device_name(device: str) -> str:
    """ "cpu", or the GPU's name: another GPU likes other batches."""
    if not device.startswith("cuda"):
        return device
    import torch

    return str(torch.cuda.get_device_name(device))
