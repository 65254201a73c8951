"""Which files a page view has uploaded, so that no other path is ever read for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

_MOST_VIEWS: Final = 1000
_MOST_FILES: Final = 50


class Uploads:
    """Paths that Gradio's upload has taken in, by page view; the oldest are forgotten."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, list[str]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, view: str | None, path: str) -> None:
        """Remembers a file that an upload field of this page view has let through.

        Args:
            view: Gradio's hash of the page view.
            path: as Gradio's own check of uploads gave it.
        """
        if not view:
            return
        with self._lock:
            files = self._files.setdefault(view, [])
            self._files.move_to_end(view)
            files.append(str(path))
            del files[:-_MOST_FILES]
            while len(self._files) > _MOST_VIEWS:
                self._files.popitem(last=False)

    def has(self, view: str | None, path: str) -> bool:
        """Whether this page view has uploaded this very file."""
        with self._lock:
            return bool(view) and path in self._files.get(view or "", ())
