"""How far a run is: counts become a smoothed rate and a time left, written a few times a second."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from backend.reporting import Report
from backend.runs.journal import Journal

#: seconds between two writes, and so between two looks at the wish to stop
INTERVAL = 0.25


class Pace:
    """Time left, from a rate that forgets what is older than some seconds.

    The first count is where the work begins, not work that was done: a resumed stage starts high.

    Args:
        memory: seconds after which an observation weighs 1/e.
        settle: seconds of watching before a guess is given.
    """

    def __init__(self, memory: float = 10.0, settle: float = 1.0) -> None:
        self.memory = memory
        self.settle = settle
        self._since: float | None = None
        self._last = (0.0, 0)
        self._work = 0.0
        self._time = 0.0

    def seconds_left(self, done: int, total: int, moment: float) -> float | None:
        """The time left after seeing ``done`` at ``moment``; None where nothing can be said yet."""
        if self._since is None or done < self._last[1]:
            self._since, self._last = moment, (moment, done)
            self._work = self._time = 0.0
            return None
        elapsed = moment - self._last[0]
        if elapsed > 0:
            # the rate is a quotient of two decaying sums, so that uneven gaps weigh by their length
            decay = math.exp(-elapsed / self.memory)
            self._work = self._work * decay + (done - self._last[1])
            self._time = self._time * decay + elapsed
            self._last = (moment, done)
        if total <= 0 or moment - self._since < self.settle or self._work <= 0:
            return None
        return max(0, total - done) * self._time / self._work


class Reporter:
    """Turns reports of the compute rooms into rows, and a person's wish to stop into Cancelled.

    Args:
        journal: where to write.
        stages: how many stages the run has.
        listener: also told every count as it is written (a terminal's progress bar).
        clock: seconds, for tests.
    """

    def __init__(
        self,
        journal: Journal,
        stages: int,
        listener: Callable[[str, int, int, str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._stages = stages
        self._listener = listener
        self._clock = clock
        self._metrics: list[tuple[int, str, float]] = []

    def stage(self, name: str, number: int) -> Report:
        """The callback for one stage.

        Raises:
            Cancelled: the person asked to stop, or this attempt was given up.
        """
        pace = Pace()
        written = -math.inf

        def write(done: int, total: int, unit: str, moment: float) -> None:
            nonlocal written
            written = moment
            left = pace.seconds_left(done, total, moment)
            self._journal.progress(name, number, self._stages, done, total, unit, left)
            self.flush()
            if self._listener is not None:
                self._listener(name, done, total, unit)

        def report(done: int, total: int, unit: str) -> None:
            moment = self._clock()
            if moment - written >= INTERVAL or done >= total > 0:
                write(done, total, unit, moment)

        write(0, 0, "", self._clock())
        return report

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Keeps the metrics of one step until the next report is written.

        Validation scores are told once an epoch, just before its checkpoint is saved. All that is
        waiting is written then: what comes before a checkpoint is not computed again after a crash,
        so it must not be lost in one.
        """
        self._metrics.extend((step, name, float(value)) for name, value in values.items())
        if any("val/" in name for name in values):
            self.flush()

    def flush(self) -> None:
        """Writes the metrics that are waiting. Those that could not be written go on waiting."""
        if self._metrics and self._journal.add_metrics(self._metrics):
            self._metrics = []
