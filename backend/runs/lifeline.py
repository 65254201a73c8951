"""Ending with one's parent, however the parent ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


class Lifeline:
    """Watches over a parent process.

    On Linux the kernel kills this process at once when its parent dies, also in the middle of a
    long call into C. Everywhere, ``holds`` tells it at the next look.

    Args:
        parent: process id, or None for a process that stands alone.
    """

    def __init__(self, parent: int | None) -> None:
        self.parent = parent
        if parent is not None and sys.platform == "linux":
            libc = ctypes.CDLL(None, use_errno=True)
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

    def holds(self) -> bool:
        """Whether the parent still lives. True where there is none to watch."""
        return self.parent is None or os.getppid() == self.parent
