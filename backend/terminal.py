"""Progress in a terminal: a bar with time left there, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_PLAIN_EVERY: Final = 10.0


class Listener:
    """Called with ``(step, done, total, unit)`` by a pipeline."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = ""
        self._told_at = 0.0
        self._bar: Progress | None = None
        self._task = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=console,
            )

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def __call__(self, step: str, done: int, total: int, unit: str) -> None:
        new = step != self._step
        self._step = step
        if self._bar:
            if new or self._task is None:
                self._task = self._bar.add_task(step, total=total or None, unit=unit)  # type: ignore[assignment]
            self._bar.update(self._task, completed=done, total=total or None, unit=unit)  # type: ignore[arg-type]
            return
        now = time.monotonic()
        finished = total > 0 and done >= total
        if new or finished or now - self._told_at >= _PLAIN_EVERY:
            self._told_at = now
            count = f" {done:,} of {total:,} {unit}" if total else ""
            self._console.print(f"{step}{count}", highlight=False)
