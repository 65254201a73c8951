"""Evaluations beyond a run's own retrieval scores: launch, watch, stop, resume, delete."""

from __future__ import annotations

from collections.abc import Callable

from backend.errors import InvalidInput
from backend.schemas import Evaluation, EvaluationKind, EvaluationSummary, Frozen
from backend.services.opening import Opening


class Evaluating(Opening):
    """The queue's evaluations and what came out of them."""

    def evaluations(
        self, run_id: str | None = None, kind: EvaluationKind | None = None
    ) -> list[EvaluationSummary]:
        """All, or those of a run or a kind; newest first, without results."""
        return self._jobs.evaluations.summaries(run_id, kind)

    def evaluation(self, evaluation_id: str) -> Evaluation:
        """One with its result.

        Raises:
            NotFound: there is no such evaluation.
        """
        return self._jobs.evaluations.get(evaluation_id)

    def newest_evaluation(self, run_id: str, kind: EvaluationKind) -> Evaluation | None:
        """The last finished one of a kind; None where there is none."""
        return self._jobs.evaluations.newest(run_id, kind)

    def evaluation_state(self) -> str:
        """A text that differs whenever anything about any evaluation does."""
        return self._jobs.evaluations.state()

    def evaluations_live(self) -> int:
        """To how many something is still going to happen."""
        return self._jobs.evaluations.live()

    def launch_evaluation(
        self, kind: EvaluationKind, request: Frozen, run_id: str | None = None
    ) -> str:
        """Puts an evaluation into the queue, before the runs that wait.

        Args:
            kind: what is measured.
            request: of that kind's schema.
            run_id: a finished run; None for kinds that look at encoders by themselves.

        Returns:
            Its id.

        Raises:
            InvalidInput: the run has not finished.
            NotFound: no such run.
            NotAllowed: the place is read-only.
        """
        self.may_change()
        self.check_evaluated(run_id)
        return self._jobs.launch_evaluation(kind, request, run_id)

    def evaluate_here(
        self,
        kind: EvaluationKind,
        request: Frozen,
        run_id: str | None,
        listener: Callable[[str, int, int, str], None] | None = None,
    ) -> Evaluation:
        """The same here and now, for a terminal; it is then in the app, too.

        Args:
            listener: told each count: ``(stage, done, total, unit)``.
        """
        from backend.runs.evaluations.carrying_out import evaluate_here

        self.may_change()
        self.check_evaluated(run_id)
        attempt = self._jobs.evaluations.create(kind, request, run_id)
        return evaluate_here(self.settings, self._store, attempt, listener)

    def check_evaluated(self, run_id: str | None) -> None:
        """Raises where a run cannot be evaluated; see :meth:`launch_evaluation`."""
        if run_id is None:
            return
        run = self._store.get_summary(run_id)
        if run.status != "finished":
            raise InvalidInput(f"{run.name} has not finished, so it cannot be evaluated yet.")

    def cancel_evaluation(self, evaluation_id: str) -> None:
        """Stops one; what was encoded is kept."""
        self.may_change()
        self._jobs.cancel_evaluation(evaluation_id)

    def resume_evaluation(self, evaluation_id: str) -> None:
        """Goes on with one that had stopped."""
        self.may_change()
        self._jobs.resume_evaluation(evaluation_id)

    def delete_evaluation(self, evaluation_id: str) -> None:
        """Removes one; refuses one that is going on."""
        self.may_change()
        self._jobs.delete_evaluation(evaluation_id)
