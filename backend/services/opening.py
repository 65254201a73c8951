"""Opening finished runs: their galleries, heads and encoders, kept in memory within a budget."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from backend.errors import IsthmusError, NotFound
from backend.schemas import (
    IndexNote,
    Item,
    Modality,
    RunDetail,
    Side,
)
from backend.services.base import Door
from backend.services.kept import Kept
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.exploration.space import SharedSpace
    from backend.features.encoders import Encoder


class Opening(Door):
    """Opens runs for questions to their shared space; those asked last stay in memory."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._spaces: Kept[SharedSpace] = Kept(settings.index_memory_bytes)
        self._encoders: dict[tuple[Modality, str], Encoder] = {}
        self._opening = threading.RLock()

    def warm_up(self, run_id: str | None = None) -> None:
        """Loads what the first search needs. Meant for a background thread; never raises."""
        try:
            if run_id is None:
                finished = [run.id for run in self._store.list_runs() if run.test is not None]
                if not finished:
                    import backend.exploration.space  # noqa: F401 - the imports take longest

                    return
                run_id = finished[0]
            space = self._space(run_id)
            space.embed_text("a red circle")
        except IsthmusError:
            return  # whoever asks for it will be told

    def item(self, run_id: str, item_id: str) -> Item:
        """One item of a run's gallery."""
        return self._space(run_id).gallery.item(item_id)

    def gallery_sizes(self, run_id: str) -> dict[Side, int]:
        """How many items and captions a run's gallery has; points are numbered in this order."""
        indexes = self._space(run_id).gallery.indexes
        return {"image": len(indexes["image"]), "text": len(indexes["text"])}

    def indexed(self, run_id: str) -> dict[Side, IndexNote]:
        """What would search each modality of a run, which is not opened for it; nothing without an index.

        Raises:
            NotFound: no such run.
        """
        from backend.exploration.indexes import facts_of
        from backend.exploration.searching import note

        sides: tuple[Side, ...] = ("image", "text")
        folder = self.settings.indexes_dir / self._store.get_summary(run_id).id
        try:
            facts = {side: facts_of(folder / side) for side in sides}
        except NotFound:
            return {}
        return {side: note(found) for side, found in facts.items() if found is not None}

    def random_items(self, run_id: str, side: Side, count: int, seed: int) -> list[Item]:
        """Items drawn from a run's gallery without repetition."""
        import numpy as np

        gallery = self._space(run_id).gallery
        ids = gallery.indexes[side].ids
        rows = np.random.default_rng(seed).permutation(len(ids))[: max(0, count)]
        return [gallery.item(ids[row]) for row in rows]

    # --- opened runs ----------------------------------------------------------------------------

    def _space(self, run_id: str) -> SharedSpace:
        """A run opened for questions; those asked last stay in memory."""
        with self._opening:
            opened = self._spaces.get(run_id)
            if opened is not None:
                return opened
            # NotFound before anything is imported; the encoders are those that were chosen
            detail = self._store.get_run(run_id)
            made = detail.configuration
            self._check_index(detail)

            from backend.alignment.base import load_alignment
            from backend.exploration.gallery import load_gallery
            from backend.exploration.space import SharedSpace
            from backend.runs.indexing import index_store

            space = SharedSpace(
                load_gallery(
                    self.settings.indexes_dir / run_id,
                    self.settings.thumbnails_dir,
                    self.settings.device,
                    index_store(self.settings),
                ),
                load_alignment(self.settings.runs_dir / run_id / "heads"),
                lambda side: self._encoder(run_id, str(made[f"{side}_encoder"]), side),
            )
            self._spaces.put(run_id, space)
            return space

    def _check_index(self, detail: RunDetail) -> None:
        """Has a missing or stale index built again; until then there is nothing to look at.

        Raises:
            NotFound: it is not there.
            StorageError: Milvus is to have it and does not answer.
        """
        from backend.runs.indexing import is_current, reach_store

        if detail.summary.status != "finished" or is_current(self.settings, detail):
            return  # whoever opens it is told where the run has not come to its index
        if self.settings.mode != "full":
            raise NotFound("This run's index is missing, and this place is read-only.")
        if self._store.map_state(detail.summary.id) == "failed":
            raise NotFound(
                "This run's index is missing or of other heads, and could not be built again: its data "
                "set, its features or an encoder may be gone or changed. data/logs/worker.log says what "
                "went wrong. Launch the run again to explore it."
            )
        reach_store(self.settings)  # told at once, and not by a job that fails
        self._jobs.rebuild_index(detail.summary.id)
        raise NotFound(
            "This run's index was missing or of other heads; it is being built again from the stored "
            "features. Try again in a moment."
        )

    def _encoder(self, run_id: str, name: str, side: Side) -> Encoder:
        """A frozen encoder for queries, shared by all runs that use it.

        One that was fitted on a run's own captions belongs to that run and is kept with it.
        """
        from backend.catalog.encoders import find_encoder
        from backend.features.loading import load_encoder, load_fitted

        modality = self._store.get_summary(run_id).modality if side == "image" else "text"
        fitted = self.settings.runs_dir / run_id / "text_encoder"
        own = side == "text" and fitted.is_dir()
        key = (modality, str(fitted) if own else name)
        with self._opening:
            if key not in self._encoders:
                self._encoders[key] = (
                    load_fitted(fitted)
                    if own
                    else load_encoder(find_encoder(name, modality, self.settings), "cpu")
                )
            return self._encoders[key]

    def rest(self) -> None:
        """Lets go of all runs and encoders in memory; whoever asks next opens them anew."""
        with self._opening:
            self._spaces.clear()
            self._encoders.clear()

    def _forget(self, run_id: str) -> None:
        """Closes a run that is gone."""
        with self._opening:
            self._spaces.drop(run_id)
