"""Drift: retrieval cycles in a run's own space."""

from __future__ import annotations

import secrets

from backend.schemas import Cycle, CycleStep
from backend.services.mapping import Mapping
from backend.settings import Settings


class Drifting(Mapping):
    """Cycles from items of the gallery."""

    def __init__(self, settings: Settings) -> None:
        from backend.runs.cycles import Cycles

        super().__init__(settings)
        self._cycles = Cycles(self._store.database, settings)

    def drift(
        self, run_id: str, item_id: str, generations: int = 10, revisit: bool = True
    ) -> Cycle:
        """Runs a retrieval cycle from an item of the gallery and keeps it with the run.

        Args:
            revisit: whether a step may come back to an item of the chain.
        """
        from backend.drift.cycles import retrieval_cycle

        name = self._store.get_summary(run_id).name
        space = self._space(run_id)
        chain = retrieval_cycle(space.gallery.indexes, item_id, generations, revisit)
        cycle = Cycle(
            id=f"c-{secrets.token_hex(4)}",
            run=run_id,
            run_name=name,
            seed=space.gallery.item(item_id),
            steps=tuple(
                CycleStep(
                    generation=number,
                    item=space.gallery.item(step.item_id),
                    similarity_to_start=step.similarity_to_start,
                    similarity_to_previous=step.similarity_to_previous,
                )
                for number, step in enumerate(chain.generations)
            ),
            closes_at=chain.closes_at,
            period=chain.period,
        )
        if self.settings.mode == "full":
            self._cycles.add(cycle)
        return cycle

    def cycles(self, run_id: str) -> list[Cycle]:
        """A run's stored cycles, newest first."""
        return self._cycles.of_run(run_id)
