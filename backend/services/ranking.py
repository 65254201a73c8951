"""All finished runs ranked over everything they were measured by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.schemas import EvaluationSummary, Leaderboard
from backend.services.evaluating import Evaluating
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.runs.ranking import Measured


class Ranking(Evaluating):
    """Questions about all runs at once."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        #: what an evaluation adds, by its id and the moment it ended: results are large to read
        self._added: dict[tuple[str, str], list[Measured]] = {}

    def leaderboard(self, dataset: str | None = None, sweeps: bool = False) -> Leaderboard:
        """Finished runs by mean relative gain, the highest first.

        A run's numbers are R@1 both ways on its test split, top-1 of its zero-shot classifications and
        the tasks of its compositional benchmarks; of what was measured twice the last counts.

        Args:
            dataset: only runs of this data set.
            sweeps: with the runs of sweeps.
        """
        from backend.runs.ranking import KINDS, fingerprints, of_run, ranked

        runs = [
            run
            for run in self._store.list_runs()
            if run.status == "finished"
            and (sweeps or run.sweep is None)
            and dataset in (None, run.dataset)
        ]
        read = fingerprints(self._store.database)
        found = {run.id: of_run(run, read.get(run.id)) for run in runs}
        for kind in KINDS:
            for made in self._jobs.evaluations.summaries(kind=kind):
                if made.status == "finished" and made.run in found:
                    found[made.run] += self._what_it_adds(made)
        return ranked(runs, found)

    def leaderboard_table(
        self, kind: str, dataset: str | None = None, sweeps: bool = False
    ) -> bytes:
        """The same as a file's content.

        Args:
            kind: csv, parquet or tex.

        Raises:
            InvalidInput: another kind.
        """
        from backend.runs.ranking_tables import table

        return table(self.leaderboard(dataset, sweeps), kind)

    def _what_it_adds(self, made: EvaluationSummary) -> list[Measured]:
        from backend.errors import NotFound
        from backend.runs.ranking import of_evaluation

        key = (made.id, str(made.finished_at))
        if key not in self._added:
            try:
                self._added[key] = of_evaluation(self.evaluation(made.id))
            except NotFound:  # deleted a moment ago
                return []
        return self._added[key]
