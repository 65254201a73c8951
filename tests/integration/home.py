"""What the tests of this room look at and wait for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest

from backend.runs.jobs import Jobs
from backend.runs.store import Store
from backend.runs.supervisor import Supervisor
from backend.schemas import RunSummary
from backend.settings import Settings


class Home:
    """A person's view of a scratch home, with patience."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.store = Store(self.settings)
        self.jobs = Jobs(self.settings, self.store)
        self.supervisor = Supervisor(self.settings)

    def run(self, run_id: str) -> RunSummary:
        return self.store.get_summary(run_id)

    def wait(self, met: Callable[[], object], what: str, seconds: float = 180.0) -> float:
        """Looks again and again until something holds; the seconds it took."""
        begun = time.monotonic()
        while not met():
            if time.monotonic() - begun > seconds:
                pytest.fail(f"after {seconds:g} s still not: {what}\n{self.story()}")
            time.sleep(0.02)
        return time.monotonic() - begun

    def wait_for(self, run_id: str, status: str, seconds: float = 180.0) -> float:
        """Waits for a status; another end than the one waited for fails at once."""

        def met() -> bool:
            run = self.run(run_id)
            if run.status != status and not run.live:
                pytest.fail(f"{run_id} is {run.status} ({run.error})\n{self.story()}")
            return run.status == status

        return self.wait(met, f"{run_id} is {status}", seconds)

    def trained(self, run_id: str) -> int:
        """Optimiser steps of a run that is being trained; 0 while it does anything else."""
        progress = self.run(run_id).progress
        training = progress is not None and (progress.stage, progress.unit) == ("Align", "steps")
        return progress.done if progress is not None and training else 0

    def at(self, run_id: str, stage: str, least: int = 1) -> bool:
        """Whether a run is within a stage and has done so much of it."""
        progress = self.run(run_id).progress
        return progress is not None and progress.stage == stage and progress.done >= least

    def kill_worker(self) -> int:
        """kill -9; the process id that was killed."""
        self.wait(lambda: self.supervisor.pid, "a worker lives")
        pid = self.supervisor.pid
        assert pid is not None
        os.kill(pid, 9)
        return pid

    def log(self) -> list[str]:
        """What the worker wrote down."""
        path = self.settings.data_dir / "logs" / "worker.log"
        return path.read_text().splitlines() if path.exists() else []

    def begun(self, run_id: str, step: str) -> int:
        """How often a step of a run was begun."""
        return sum(f" {run_id}-" in line and f": {step}: begins" in line for line in self.log())

    def story(self) -> str:
        output = self.settings.data_dir / "logs" / "worker-output.log"
        return "\n".join([*self.log(), output.read_text() if output.exists() else ""])

    def close(self) -> None:
        self.supervisor.stop()
        self.jobs.close()
        self.store.database.close()
