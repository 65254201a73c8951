"""UMAP of a neighbour graph that is known already, by umap-learn's own optimiser.

Handing over the graph skips umap-learn's approximate search and nearly all that Numba would have to compile
first. A seed makes it one thread and repeatable.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.exploration.layouts.fuzzy import fuzzy_graph
from backend.exploration.layouts.graphs import Graph
from backend.reporting import Report, silent

EPOCHS: Final = 200
#: where it begins at a layout of the same points
QUICK_EPOCHS: Final = 100
_REACH: Final = 10.0  # of the first coordinates
_NOISE: Final = 1e-4  # so that equal points can part
_TOLD_EVERY: Final = 0.2  # seconds

#: umap-learn's own values
_AS_USUAL: Final[dict[str, Any]] = {
    "initial_alpha": 1.0,
    "gamma": 1.0,
    "negative_sample_rate": 5,
    "metric": "cosine",
    "metric_kwds": {},
    "densmap": False,
    "densmap_kwds": {},
    "output_dens": False,
    "parallel": False,
}

#: Numba's threads may not be entered by two of ours at once
_ALONE: Final = threading.Lock()


def umap_layout(
    graph: Graph,
    start: NDArray[np.float32],
    min_dist: float,
    seed: int,
    epochs: int = EPOCHS,
    report: Report = silent,
) -> NDArray[np.float32]:
    """(n, d) coordinates, unscaled.

    Args:
        graph: of the n points.
        start: (n, d) where they begin.
        min_dist: how tightly they are packed.
        seed: of the order of forces and of the negative samples.
        epochs: how often every edge of full weight pulls.
        report: told epochs; may raise ``Cancelled``.
    """
    report(0, epochs, "epochs")
    with _ALONE:
        from umap.umap_ import find_ab_params, simplicial_set_embedding

        draw = np.random.RandomState(seed)
        begin = start * (_REACH / max(float(np.abs(start).max()), 1e-12))
        begin = begin + draw.normal(scale=_NOISE, size=begin.shape)
        a, b = find_ab_params(1.0, min_dist)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            flat, _ = simplicial_set_embedding(
                data=begin,  # looked at by no way of beginning that is used here
                graph=fuzzy_graph(graph),
                n_components=start.shape[1],
                a=a,
                b=b,
                n_epochs=epochs,
                init=begin.astype(np.float32),
                random_state=draw,
                tqdm_kwds=_told(lambda done: report(done, epochs, "epochs")),
                **_AS_USUAL,
            )
    report(epochs, epochs, "epochs")
    return np.asarray(flat, np.float32)


def warm_up() -> None:
    """Imports and compiles what the first layout needs, on a handful of points."""
    points = np.random.default_rng(0).normal(size=(32, 2)).astype(np.float32)
    square = ((points[:, None] - points) ** 2).sum(axis=2)
    rows = np.argsort(square, axis=1)[:, :6].astype(np.int32)
    near = Graph(rows, np.take_along_axis(square, rows, axis=1).astype(np.float32))
    umap_layout(near, points, 0.1, 0, epochs=11)


def _told(tell: Callable[[int], None]) -> dict[str, Any]:
    """Settings of umap-learn's progress bar, by which it prints the epochs to us.

    It has no other way to tell them, or to be stopped: what ``tell`` raises ends it.
    """
    bar = _Bar(tell)
    return {
        "disable": False,
        "file": bar,
        "bar_format": "{n}",
        "mininterval": _Interval(bar),
        "miniters": 1,
        "leave": False,
    }


class _Bar(io.StringIO):
    """What the bar is printed to. Nothing may be raised here: tqdm would keep the lock that all bars of the
    process share, and the next model to be loaded would wait for it for ever."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        super().__init__()
        self._tell = tell
        self.stopped: BaseException | None = None

    def write(self, text: str) -> int:
        told = text.strip()
        if told.isdecimal() and self.stopped is None:
            try:
                self._tell(int(told))
            except BaseException as stop:
                self.stopped = stop
        return len(text)


class _Interval(float):
    """How long the bar waits before it prints again. It asks after every epoch, and holds no lock then: what
    was raised is raised here."""

    _bar: _Bar

    def __new__(cls, bar: _Bar) -> _Interval:
        interval = super().__new__(cls, _TOLD_EVERY)
        interval._bar = bar
        return interval

    def __le__(self, elapsed: float) -> bool:
        if self._bar.stopped is not None:
            raise self._bar.stopped
        return super().__le__(elapsed)
