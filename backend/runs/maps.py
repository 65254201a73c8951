"""The final map of a finished run: small pictures and UMAP, which changes no number; before it the run's
index, where that is missing or stale."""

from __future__ import annotations

from contextlib import suppress

from backend.errors import NotFound
from backend.runs.evaluations.opened import OpenedRun
from backend.runs.indexing import build_run_index, is_current
from backend.runs.store import Store
from backend.settings import Settings

#: items whose small copies are made beforehand; others are made when they are first shown
THUMBNAILS = 5_000


def draw_map(settings: Settings, store: Store, run_id: str) -> None:
    """Makes the index where there is none of these heads, then the small pictures and the final map.

    Raises:
        NotFound: the run was deleted meanwhile.
    """
    from backend.exploration.gallery import load_gallery
    from backend.exploration.layout import save_layout, umap_layout
    from backend.exploration.previews import preview

    def report(done: int, total: int, unit: str) -> None:
        if not store.set_map_state(run_id, "running"):
            raise NotFound(f"Run {run_id} was deleted.")

    report(0, 0, "")
    folder, detail = settings.indexes_dir / run_id, store.get_run(run_id)
    if not is_current(settings, detail):
        build_run_index(OpenedRun(settings, detail), report)
    gallery = load_gallery(folder, settings.thumbnails_dir)
    for entry in list(gallery.entries.values())[:THUMBNAILS]:
        with suppress(NotFound):  # a file that is gone; its point is drawn without it
            preview(entry.modality, entry.content, settings.thumbnails_dir)
    image, text = gallery.indexes["image"].vectors(), gallery.indexes["text"].vectors()
    seed = detail.request.seed
    xy = umap_layout(image, text, seed, report)
    report(0, 0, "")
    save_layout(folder, "umap", xy, seed)
    store.set_map_state(run_id, "ready")
