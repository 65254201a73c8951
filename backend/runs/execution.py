"""Carrying one attempt out, step by step, for a worker's job or a command in a terminal.

A step ends as a word, never as an exception: what happened is in the run's row, and a job that is
replayed after a crash reads the same words again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeAlias

from backend.errors import Cancelled, IsthmusError
from backend.reporting import Report
from backend.runs.journal import Journal
from backend.runs.progress import Reporter

log = logging.getLogger(__name__)

Outcome = Literal["done", "stopped", "failed", "nothing to do"]
#: how a step is called: directly in a terminal; through DBOS, which remembers the outcome, in a job
Invoke: TypeAlias = Callable[[str, Callable[[], Outcome]], Outcome]


class Step(NamedTuple):
    """One step of a run. It may be done again after a crash and then finds what it left on disk."""

    name: str
    work: Callable[[Report], None]


class Work(Protocol):
    """The steps of a run and what follows them (:class:`backend.runs.pipeline.Pipeline`)."""

    reporter: Reporter

    @property
    def steps(self) -> Sequence[Step]: ...

    def conclude(self) -> None:
        """Writes down the result, after the last step and before the run counts as finished."""
        ...


def directly(name: str, work: Callable[[], Outcome]) -> Outcome:
    """Calls a step, and nothing else."""
    return work()


def carry_out(work: Work, journal: Journal, log_path: Path, invoke: Invoke = directly) -> Outcome:
    """Does what is left of an attempt.

    Args:
        work: the steps.
        journal: the attempt's writing side.
        log_path: named in the sentence for an unforeseen failure.
        invoke: how each step is called.

    Returns:
        "done" where the run has finished, otherwise why it has not.
    """
    if not journal.begin():
        return "nothing to do"
    for number, step in enumerate(work.steps, start=1):
        outcome = invoke(step.name, _Performance(work, journal, log_path, step, number))
        if outcome != "done":
            return outcome
    return invoke("finish", _Performance(work, journal, log_path, None, 0))


@dataclass(frozen=True)
class _Performance:
    """One step as a call without arguments; ``step`` None is the conclusion."""

    work: Work
    journal: Journal
    log_path: Path
    step: Step | None
    number: int

    def __call__(self) -> Outcome:
        what = self.step.name if self.step else "finish"
        name = f"{self.journal.run_id}-{self.journal.attempt}"
        log.info("%s: %s: begins", name, what)
        try:
            self._perform()
        except Cancelled:
            log.info("%s: %s: stopped", name, what)
            self.journal.finish("cancelled")
            return "stopped"
        except KeyboardInterrupt:
            self.journal.finish("cancelled")
            raise
        except IsthmusError as error:
            log.warning("%s: %s: failed: %s", name, what, error)
            self.journal.finish("failed", str(error))
            return "failed"
        except Exception as error:
            log.exception("%s: %s: failed", name, what)
            self.journal.finish("failed", unforeseen(error, self.log_path))
            return "failed"
        log.info("%s: %s: done", name, what)
        return "done"

    def _perform(self) -> None:
        if self.step is None:
            self.work.conclude()
            if not self.journal.finish("finished"):
                raise Cancelled("This run was stopped.")
            return
        report = self.work.reporter.stage(self.step.name, self.number)
        try:
            self.step.work(report)
        finally:
            self.work.reporter.flush()


def unforeseen(error: Exception, log_path: Path) -> str:
    """The sentence for an exception that is nobody's wording; its traceback is in the log alone."""
    message = str(error).strip().split("\n")[0][:300].rstrip(".")
    return (
        f"Something unexpected went wrong: {type(error).__name__}: {message}. "
        f"The log is at {log_path}."
    )
