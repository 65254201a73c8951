"""File locks. The system lets go of them when their holder dies, however it dies, so that a held
lock means a living holder: no stale process ids, no guessing from times."""

from __future__ import annotations

from types import TracebackType

from filelock import FileLock, Timeout

from backend.errors import NotAllowed
from backend.settings import Settings


class WorkerLock:
    """Held by the one worker that serves a home."""

    def __init__(self, settings: Settings) -> None:
        self._lock = FileLock(settings.data_dir / "worker.lock")

    def take(self, patience: float = 0.0) -> bool:
        """Tries to become the worker; waits up to ``patience`` seconds for those who only look."""
        try:
            self._lock.acquire(timeout=patience, poll_interval=0.05)
        except Timeout:
            return False
        return True

    def let_go(self) -> None:
        """Stops being the worker."""
        self._lock.release()

    def held(self) -> bool:
        """Whether a worker serves this home now."""
        if not self.take():
            return True
        self.let_go()
        return False


class RunLock:
    """Held by whoever carries a run out: the worker, or a command in a terminal.

    Raises:
        NotAllowed: on entering, where somebody else carries the run out.
    """

    def __init__(self, settings: Settings, run_id: str) -> None:
        folder = settings.data_dir / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{run_id}.lock"
        self._run_id = run_id
        self._lock = FileLock(self._path)

    def __enter__(self) -> RunLock:
        try:
            # those who only look hold it for a moment; an attempt that was given up, until it
            # notices
            self._lock.acquire(timeout=30.0, poll_interval=0.05)
        except Timeout:
            raise NotAllowed(f"Run {self._run_id} is being carried out elsewhere.") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()

    def held(self) -> bool:
        """Whether somebody carries the run out now."""
        try:
            with FileLock(self._path).acquire(blocking=False):
                return False
        except Timeout:
            return True

    def forget(self) -> None:
        """Removes the lock's file, with its run."""
        self._path.unlink(missing_ok=True)
