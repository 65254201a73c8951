"""Adversarial stress: started for one run or several at once, told, held against each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backend.errors import InvalidInput
from backend.schemas import (
    EvaluationSummary,
    StressComparison,
    StressReport,
    StressRequest,
)
from backend.services.evaluating import Evaluating

_MOST_RUNS: Final = 6


class Stressing(Evaluating):
    """Stress tests of runs."""

    def start_stress(self, runs: Sequence[str], request: StressRequest) -> list[EvaluationSummary]:
        """Puts a stress test of each run into the queue, all with the same seeds.

        Args:
            runs: finished ones.
            request: with seeds, or the number of pairs that are drawn from the items that all runs have.

        Raises:
            InvalidInput: a run is there twice or has not finished, words cannot be used, a seed is not in
                all galleries, or these have no pair in common.
            NotFound: no such run, or it has no index.
            NotAllowed: the place is read-only.
        """
        self.may_change()
        asked = self.check_stress(runs, request)
        return [self.evaluation(self._jobs.launch_evaluation("stress", asked, run)) for run in runs]

    def check_stress(self, runs: Sequence[str], request: StressRequest) -> StressRequest:
        """Looks at a request without starting anything; see :meth:`start_stress`.

        Returns:
            The same with its seeds.
        """
        from backend.drift.stress.words import word_pairs
        from backend.runs.evaluations.stress import chosen

        self._check_runs(runs)
        word_pairs(request)
        galleries = {
            f"{self._store.get_summary(run).name} ({run})": self._space(run).gallery for run in runs
        }
        return request.model_copy(update={"seeds": chosen(galleries, request)})

    def stress_tests(self, run_id: str | None = None) -> list[EvaluationSummary]:
        """All stress tests, or those of a run; newest first."""
        return self.evaluations(run_id, "stress")

    def stress_report(self, evaluation_id: str) -> StressReport | None:
        """What a stress test came to; None where it has not finished.

        Raises:
            NotFound: there is no such evaluation.
            InvalidInput: it is none of stress.
        """
        found = self.evaluation(evaluation_id)
        if found.kind != "stress":
            raise InvalidInput(f"{evaluation_id} is an evaluation of another kind: {found.kind}.")
        return None if found.result is None else StressReport.model_validate(found.result)

    def compare_stress(self, first: str, second: str) -> StressComparison:
        """How much more often the second run's chains are sent elsewhere than the first's.

        Args:
            first, second: ids of finished stress tests.

        Raises:
            NotFound: there is no such evaluation.
            InvalidInput: one has not finished, or they have no seed in common.
        """
        from backend.drift.stress.curves import compare

        reports = []
        for name in (first, second):
            report = self.stress_report(name)
            if report is None:
                raise InvalidInput("A stress test has not finished. Wait for it, or resume it.")
            reports.append(report)
        found = compare(reports[0], reports[1])
        tried = [self._tried(name) for name in (first, second)]
        if tried[0] != tried[1]:
            told = (
                "The two were not tried equally hard (directions, steps, restarts or words differ)."
            )
            found = found.model_copy(update={"notes": (*found.notes, told)})
        return found

    def _tried(self, evaluation_id: str) -> StressRequest:
        """How hard a stress test tries, whatever its seeds are."""
        request = StressRequest.model_validate(self.evaluation(evaluation_id).request)
        return request.model_copy(update={"seeds": (), "pairs": 1, "pixel_seeds": 0})

    def _check_runs(self, runs: Sequence[str]) -> None:
        if not 1 <= len(runs) <= _MOST_RUNS:
            raise InvalidInput(f"Choose 1 to {_MOST_RUNS} runs.")
        if len(set(runs)) < len(runs):
            raise InvalidInput("A run is there twice. Choose each once.")
        for run in runs:
            self.check_evaluated(run)
