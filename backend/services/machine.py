"""What this machine can offer a run: its device and how much memory that has.

torch is asked only where a GPU may be, so that a page can be painted without it.
"""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backend.memory import free_memory, memory
from backend.settings import Settings

#: one of them is there where a GPU's driver is: of Nvidia, under Windows' Linux, of AMD
_DRIVERS: Final = tuple(map(Path, ("/proc/driver/nvidia", "/dev/dxg", "/dev/kfd")))


@dataclass(frozen=True)
class Device:
    """Where encoders would run.

    Attributes:
        gpu: whether it is one.
        name: in words, to follow "on".
        total: bytes of its memory; None where it cannot be told.
        free: bytes of it that are free now; None where it cannot be told.
        cores: of the processor.
    """

    gpu: bool
    name: str
    total: int | None
    free: int | None
    cores: int


def device(settings: Settings) -> Device:
    """The one that the settings ask for."""
    cores = available_cores()
    wanted = settings.device
    if wanted.startswith("cuda") or (wanted == "auto" and may_have_gpu()):
        found = _gpu(wanted, cores)
        if found is not None:
            return found
    return Device(False, "this machine's processor", memory(), free_memory(), cores)


def may_have_gpu() -> bool:
    """Whether asking torch for a GPU is worth importing it."""
    return platform.system() == "Windows" or any(path.exists() for path in _DRIVERS)


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gpu(wanted: str, cores: int) -> Device | None:
    """The GPU as its properties tell, which takes none of its memory as asking for what is free does."""
    import torch

    if not torch.cuda.is_available():
        return None
    number = int(wanted.partition(":")[2] or 0) if wanted.startswith("cuda") else 0
    if number >= torch.cuda.device_count():
        return None
    told = torch.cuda.get_device_properties(number)
    return Device(True, str(told.name), int(told.total_memory), None, cores)
