"""What is sent to the browser is what the services gave."""

from __future__ import annotations

from backend.schemas import Series
from ui import figures


def test_a_long_series_is_thinned_and_keeps_its_ends() -> None:
    steps = tuple(range(50_000))
    x, y = figures.thinned(Series(name="train/loss", steps=steps, values=steps))
    assert len(x) <= 600
    assert (x[0], x[-1], y[0], y[-1]) == (0, 49_999, 0, 49_999)
