"""One process at a time writes an output's features; the others wait, and can be stopped meanwhile.

So two runs that want the same items at once encode them once. Locks are files beside the outputs'
folders, never removed; the system lets go of them when their holder dies, however it dies.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from backend.features.store.parts import cannot_write
from backend.features.work import LOOK_EVERY_S


@contextmanager
def turn(root: Path, names: Sequence[str], go_on_waiting: Callable[[], bool]) -> Iterator[bool]:
    """For a with statement: holds the locks of outputs.

    Args:
        root: of the store.
        names: of the outputs' folders. All who want several take them in the same order.
        go_on_waiting: asked every quarter of a second while another has one; may raise.

    Yields:
        Whether the locks are held; False when the waiting was given up.

    Raises:
        StorageError: the lock files cannot be written.
    """
    folder = root / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error, 0) from error
    with ExitStack() as held:
        for name in sorted(set(names)):
            lock = FileLock(folder / f"{name}.lock")
            while not _taken(lock):
                if not go_on_waiting():
                    yield False
                    return
                time.sleep(LOOK_EVERY_S)
            held.callback(lock.release)
        yield True


def _taken(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return False
    except NotImplementedError:  # the file system has no locks: parts are safe without, only twice
        return True
    except OSError as error:
        raise cannot_write(Path(lock.lock_file).parent, error, 0) from error
    return True
