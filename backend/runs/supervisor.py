"""The app's side of the worker: starts it, starts it again when it dies, stops it at the end."""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from backend.runs.locks import WorkerLock
from backend.runs.logs import log_file
from backend.settings import REPOSITORY, Settings

log = logging.getLogger(__name__)

#: seconds until a worker that died is started again, doubled each time up to the last
FIRST_WAIT, LONGEST_WAIT = 0.2, 30.0
#: a worker that lived so long was healthy
HEALTHY = 30.0


class Supervisor:
    """Keeps a worker running for a home as long as this process lives.

    Where another app's worker serves the home, it waits; when that one goes away it takes over.

    Args:
        settings: passed on to the worker.
        command: how a worker is started; the process id of this process is added.
    """

    def __init__(self, settings: Settings, command: Sequence[str] | None = None) -> None:
        self.settings = settings
        self._command = list(command or (sys.executable, "-m", "backend.runs.worker"))
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the worker that was started here and lives."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def start(self) -> None:
        """Begins to watch, in a thread of its own; returns at once."""
        if self._thread is not None:
            return
        # the kernel ties a worker's life to the thread that started it; this one lives to the end
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Ends the worker. Its jobs go on when a worker is started again."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
            self._thread = None
            atexit.unregister(self.stop)

    def _watch(self) -> None:
        lock, wait = WorkerLock(self.settings), FIRST_WAIT
        while not self._stop.is_set():
            if lock.held():
                self._stop.wait(1.0)
                continue
            begun = time.monotonic()
            self._serve()
            if time.monotonic() - begun >= HEALTHY:
                wait = FIRST_WAIT
            self._stop.wait(wait)
            wait = min(wait * 2, LONGEST_WAIT)

    def _serve(self) -> None:
        """One worker's life."""
        with log_file(self.settings, "worker-output").open("ab") as output:
            child = subprocess.Popen(
                [*self._command, "--parent", str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=REPOSITORY,
                env={**os.environ, **environment(self.settings)},
                # Ctrl-C in a terminal goes to the whole group; the app decides when its worker ends
                start_new_session=True,
            )
        self._child = child
        while not self._stop.is_set():
            try:
                status = child.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
            log.warning("the worker ended with %s and will be started again", status)
            return
        child.kill()
        child.wait()


def environment(settings: Settings) -> dict[str, str]:
    """The variables that give a child process the same settings."""
    values = settings.model_copy(update={"home": settings.home.resolve()}).model_dump(mode="json")
    return {
        f"ISTHMUS_{name.upper()}": str(value) for name, value in values.items() if value is not None
    }
