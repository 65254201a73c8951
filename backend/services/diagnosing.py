"""What a person can act on: what a finished run gets wrong."""

from __future__ import annotations

from backend.schemas import Mistake, Side
from backend.services.exploring import Exploring

_MOST = 100


class Diagnosing(Exploring):
    """Questions about a run's failures."""

    def mistakes(self, run_id: str, asked_by: Side, count: int = 12) -> list[Mistake]:
        """The test queries whose own pair stands furthest down, the worst first; each image once.

        Args:
            asked_by: captions looking for their image, or images looking for one of their captions.
            count: how many at most.

        Raises:
            NotFound: no such run, or it has no index yet.
        """
        from backend.evaluation.mistakes import worst

        gallery = self._space(run_id).gallery
        asking = gallery.indexes[asked_by].ids
        answers = gallery.indexes["image" if asked_by == "text" else "text"].ids
        return [
            Mistake(
                query=gallery.item(asking[wrong.query]),
                found=gallery.item(answers[wrong.found]),
                found_score=wrong.found_score,
                truth=gallery.item(answers[wrong.truth]),
                truth_score=wrong.truth_score,
                rank=wrong.rank,
            )
            for wrong in worst(*gallery.embedded(), asked_by, max(1, min(count, _MOST)))
        ]
