"""The built-in world: how long a set takes to draw, and what each step of it costs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from backend.scenes.captions import captions
from backend.scenes.graph import sample_scene
from backend.scenes.negatives import hard_negatives
from backend.scenes.parsing import matches, parse
from backend.scenes.render import render
from backend.scenes.world import WORLDS, build_world


def measure(quick: bool) -> dict[str, float]:
    """Microseconds of one core for each step, and seconds for whole sets on all cores."""
    count = 100 if quick else 1000
    scenes = [sample_scene("benchmark", index) for index in range(count)]
    told = [captions(scene, str(index)) for index, scene in enumerate(scenes)]
    firsts = [(scene, five[0]) for scene, five in zip(scenes, told, strict=True)]
    figures = {
        "sample a scene, us": _each(lambda i: sample_scene("benchmark", i), count),
        "draw a picture, us": _each(lambda i: render(scenes[i]), count),
        "tell a scene five times, us": _each(lambda i: captions(scenes[i], str(i)), count),
        "read a caption and check it, us": _each(
            lambda i: matches(parse(firsts[i][1]), firsts[i][0]), count
        ),
        "hard negatives of a caption, us": _each(lambda i: hard_negatives(*firsts[i]), count),
    }
    for name in ["scenes-small"] if quick else WORLDS:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            build_world(Path(folder), name)
            figures[f"build {name}, s"] = time.perf_counter() - start
    return figures


def _each(work: Callable[[int], object], count: int) -> float:
    start = time.process_time()
    for index in range(count):
        work(index)
    return (time.process_time() - start) / count * 1e6
