"""Progress in a terminal: a bar with rate and time left there, plain lines elsewhere."""

from __future__ import annotations

import time
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from backend.runs.progress import Pace

_PLAIN_EVERY: Final = 10.0


class Listener:
    """Called with ``(step, done, total, unit)`` by a pipeline."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = ""
        self._told_at = 0.0
        self._pace = Pace()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}{task.fields[pace]}"),
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
        new, self._step = step != self._step, step
        now = time.monotonic()
        if new:
            self._pace = Pace()
        pace = _words(done, total, self._pace.seconds_left(done, total, now))
        if self._bar:
            self._draw(self._bar, new, step, (done, total, unit), pace)
            return
        finished = total > 0 and done >= total
        if new or finished or now - self._told_at >= _PLAIN_EVERY:
            self._told_at = now
            count = f" {done:,} of {total:,} {unit}{pace}" if total else ""
            self._console.print(f"{step}{count}", highlight=False)

    def _draw(
        self, bar: Progress, new: bool, step: str, count: tuple[int, int, str], pace: str
    ) -> None:
        done, total, unit = count
        if new or self._task is None:
            self._task = bar.add_task(step, total=total or None, unit=unit, pace=pace)
        bar.update(self._task, completed=done, total=total or None, unit=unit, pace=pace)


def _words(done: int, total: int, seconds: float | None) -> str:
    """Rate and time left, where they can be told."""
    if not seconds or done >= total:
        return ""
    return f", {(total - done) / seconds:,.0f} a second, {timedelta(seconds=round(seconds))} left"
