"""The final map of a finished run: small pictures, its usual layout and its points' ranks, which change no
number; before them the run's index, where that is missing or stale."""

from __future__ import annotations

import time
from contextlib import suppress

from backend.errors import NotFound
from backend.runs.evaluations.opened import OpenedRun
from backend.runs.indexing import build_run_index, is_current
from backend.runs.layouts import RunLayouts
from backend.runs.progress import INTERVAL
from backend.runs.store import Store
from backend.schemas import USUAL_LAYOUT
from backend.settings import Settings

#: items whose small copies are made beforehand; others are made when they are first shown
THUMBNAILS = 5_000


def draw_map(settings: Settings, store: Store, run_id: str) -> None:
    """Makes the index where there is none of these heads, then the small pictures and the final map.

    Raises:
        NotFound: the run was deleted meanwhile.
    """
    from backend.exploration.previews import preview

    told = 0.0

    def report(done: int, total: int, unit: str) -> None:
        nonlocal told
        if time.monotonic() - told < INTERVAL:
            return
        told = time.monotonic()
        if not store.set_map_state(run_id, "running"):
            raise NotFound(f"Run {run_id} was deleted.")

    report(0, 0, "")
    detail = store.get_run(run_id)
    if not is_current(settings, detail):
        build_run_index(OpenedRun(settings, detail), report)
    layouts = RunLayouts(settings, store, run_id)
    for entry in list(layouts.gallery.entries.values())[:THUMBNAILS]:
        with suppress(NotFound):  # a file that is gone; its point is drawn without it
            preview(entry.modality, entry.content, settings.thumbnails_dir)
    layouts.make(USUAL_LAYOUT, lambda stage: report)
    layouts.ranks(report)
    if not store.set_map_state(run_id, "ready"):
        raise NotFound(f"Run {run_id} was deleted.")
