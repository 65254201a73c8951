"""What a worker is started with, and what it does where there is one already."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backend.runs.locks import WorkerLock
from backend.runs.supervisor import Supervisor, environment
from backend.runs.worker import BUSY
from backend.settings import REPOSITORY, Settings

#: takes the lock as a worker does, and writes down that it was started
STAND_IN = """
import sys, time
from pathlib import Path
from backend.runs.locks import WorkerLock
from backend.settings import Settings
lock = WorkerLock(Settings())
assert lock.take(2.0)
with Path(sys.argv[1]).open("a") as file:
    file.write("started\\n")
time.sleep(600)
"""


@pytest.fixture
def settings() -> Settings:
    made = Settings(max_upload_mb=3, device="cpu", demo=False)
    made.make_dirs()
    return made


def test_a_worker_gets_the_very_same_settings(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = environment(settings)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings.model_copy(update={"home": settings.home.resolve()})


def test_a_second_worker_leaves_at_once(settings: Settings) -> None:
    lock = WorkerLock(settings)
    assert lock.take()
    second = subprocess.run(
        [sys.executable, "-m", "backend.runs.worker", "--parent", str(os.getpid())],
        cwd=REPOSITORY,
        timeout=60,
        capture_output=True,
        text=True,
    )
    lock.let_go()
    assert second.returncode == BUSY and second.stderr == ""


def test_a_worker_that_dies_is_started_again_and_stopped_at_the_end(
    settings: Settings, tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    supervisor = Supervisor(settings, [sys.executable, "-c", STAND_IN, str(starts)])

    def wait_for(count: int) -> None:
        patience = time.monotonic() + 30
        while not (starts.exists() and len(starts.read_text().split()) >= count):
            assert time.monotonic() < patience
            time.sleep(0.02)

    supervisor.start()
    try:
        wait_for(1)
        first = supervisor.pid
        assert first is not None
        os.kill(first, 9)
        wait_for(2)
        second = supervisor.pid
        assert second is not None and second != first
    finally:
        supervisor.stop()
    assert supervisor.pid is None and not WorkerLock(settings).held()
    assert starts.read_text().split() == ["started", "started"]
