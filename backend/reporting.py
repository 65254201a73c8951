"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

#: called as ``report(done, total, unit)``, at least every half second of work; ``total`` is 0 where the
#: end is not known. It may raise :class:`backend.errors.Cancelled`, which the caller lets pass.
Report: TypeAlias = Callable[[int, int, str], None]


def silent(done: int, total: int, unit: str) -> None:
    """A report that nobody reads."""


def part(report: Report, total: int, unit: str, low: float, high: float) -> Report:
    """A report for the part of the work from ``low`` to ``high``, told in units of the whole."""

    def tell(done: int, of: int, _: str) -> None:
        report(int(total * (low + (high - low) * done / max(1, of)) + 1e-9), total, unit)

    return tell
