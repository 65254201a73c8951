"""How much memory this process may use, as the machine and its container tell."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

#: what limits the memory of a container
_LIMITS: Final = tuple(
    map(Path, ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"))
)
_MEMORY: Final = Path("/proc/meminfo")


def memory() -> int | None:
    """Bytes that this process may use at most: the machine's, or its container's."""
    with suppress(AttributeError, ValueError, OSError):  # not on Windows
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return min([found, *_limits()])
    return None


def free_memory() -> int | None:
    """Bytes that programs could still be given."""
    with suppress(OSError, ValueError, IndexError):
        for line in _MEMORY.read_text("utf-8").splitlines():
            if line.startswith("MemAvailable:"):
                return min([int(line.split()[1]) * 1024, *_limits()])
    return None


def _limits() -> list[int]:
    found = []
    for path in _LIMITS:
        with suppress(OSError, ValueError):  # not there, or the word "max"
            found.append(int(path.read_text("utf-8")))
    return found
