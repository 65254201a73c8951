"""Locks that a dead holder cannot keep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from backend.runs.locks import RunLock, WorkerLock
from backend.settings import REPOSITORY, Settings

HOLD = """
from backend.runs.locks import WorkerLock
from backend.settings import Settings
import time
lock = WorkerLock(Settings())
assert lock.take()
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def settings() -> Settings:
    made = Settings()
    made.make_dirs()
    return made


def test_a_worker_killed_with_sigkill_frees_its_home(settings: Settings) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        lock = WorkerLock(settings)
        assert lock.held() and not lock.take()
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert not lock.held() and lock.take()
        lock.let_go()
    finally:
        holder.kill()
        holder.wait()
        if holder.stdout is not None:
            holder.stdout.close()


def test_looking_does_not_take(settings: Settings) -> None:
    lock = RunLock(settings, "r-1")
    assert not lock.held()
    with lock:
        assert RunLock(settings, "r-1").held()
        assert not RunLock(settings, "r-2").held()
    assert not lock.held()
