"""Who looks at the pages, so that memory is let go of when nobody does."""

from __future__ import annotations

import threading
from collections.abc import Callable

#: seconds after which what is open is closed: a page that is loaded anew leaves and comes back
GRACE = 120.0


class Presence:
    """Counts page views and tells when the last one has been gone for a while.

    Args:
        rest: called then, on a thread of its own.
        grace: seconds to wait for another viewer.
    """

    def __init__(self, rest: Callable[[], None], grace: float = GRACE) -> None:
        self._rest = rest
        self._grace = grace
        self._here: set[str] = set()
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def came(self, view: str) -> None:
        """A page was opened."""
        with self._lock:
            self._here.add(view)
            self._stop()

    def left(self, view: str) -> None:
        """A page was closed, or its browser is gone."""
        with self._lock:
            self._here.discard(view)
        self.asked()

    def asked(self) -> None:
        """Somebody who has no page, as a program does, has asked for something."""
        with self._lock:
            self._stop()
            if self._here:
                return
            self._timer = threading.Timer(self._grace, self._nobody)
            self._timer.daemon = True
            self._timer.start()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _nobody(self) -> None:
        with self._lock:
            if self._here:
                return
        self._rest()
