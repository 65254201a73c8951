"""Answers that take a moment, kept for whoever asks the same next."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from backend.services.opening import Opening
from backend.settings import Settings

R = TypeVar("R")

_MOST = 64


class Remembering(Opening):
    """Keeps the last answers in memory. What a finished run answers never changes."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._answers: OrderedDict[Hashable, Any] = OrderedDict()
        self._remembering = threading.Lock()

    def rest(self) -> None:
        """Lets go of the answers, too."""
        super().rest()
        with self._remembering:
            self._answers.clear()

    def _remembered(self, key: Hashable, make: Callable[[], R]) -> R:
        """The answer under a key, made where it is not there.

        Args:
            key: whatever decides the answer.
            make: makes it; two who ask at the same time may both make it.
        """
        with self._remembering:
            if key in self._answers:
                self._answers.move_to_end(key)
                found: R = self._answers[key]
                return found
        made = make()
        with self._remembering:
            self._answers[key] = made
            while len(self._answers) > _MOST:
                self._answers.popitem(last=False)
        return made
