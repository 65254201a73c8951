"""Answers that come late and must not take the place of newer ones."""

from __future__ import annotations


class Turns:
    """Which of several loads of one page view was asked for last.

    The first layout may be answered after the one that was chosen meanwhile, and must not take its place.
    """

    def __init__(self) -> None:
        self._last = 0

    def take(self) -> int:
        """The number of a load that begins."""
        self._last += 1
        return self._last

    def is_over(self, turn: int) -> bool:
        """Whether another has begun since."""
        return turn != self._last
