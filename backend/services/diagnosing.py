"""What a person can act on: what a finished run gets wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from backend.schemas import Mistake, ShownSlice, Side, Slice, SliceReport, Slices
from backend.services.conflicting import Conflicting
from backend.services.suspecting import Suspecting

if TYPE_CHECKING:
    from backend.exploration.gallery import Gallery

_MOST: Final = 100
#: failing queries that are shown of a slice: captions take more room than pictures
_EXAMPLES: Final[dict[Side, int]] = {"text": 3, "image": 6}


class Diagnosing(Suspecting, Conflicting):
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

    def warm_up_slices(self) -> None:
        """Loads what the first slices take longest for. Meant for a background thread."""
        import scipy.stats  # noqa: F401
        import sklearn.cluster  # noqa: F401

    def slices(self, run_id: str, asked_by: Side, k: int = 5, count: int = 10) -> Slices:
        """Words, attributes and regions whose queries fail more often than the others.

        Args:
            asked_by: captions looking for their image, or images looking for one of their captions.
            k: a query fails whose pair is not among the first k.
            count: how many of each kind are shown with examples.

        Raises:
            NotFound: no such run, or it has no index.
        """
        k, gallery = max(1, k), self._space(run_id).gallery
        report = self._remembered(
            ("slices", run_id, asked_by, k), lambda: _sliced(gallery, asked_by, k)
        )
        asking = gallery.indexes[asked_by].ids

        def shown(found: Sequence[Slice]) -> tuple[ShownSlice, ...]:
            return tuple(
                ShownSlice(
                    slice=each,
                    examples=tuple(
                        gallery.item(asking[row]) for row in each.examples[: _EXAMPLES[asked_by]]
                    ),
                )
                for each in found[: max(0, count)]
            )

        return Slices(report=report, words=shown(report.words), regions=shown(report.regions))


def _sliced(gallery: Gallery, asked_by: Side, k: int) -> SliceReport:
    from backend.evaluation.slices import slices

    captions = [
        gallery.entries[gallery.owner(name)].captions[int(name.rpartition("#")[2])]
        for name in gallery.indexes["text"].ids
    ]
    attributes = [
        gallery.entries[gallery.owner(name)].attributes for name in gallery.indexes["image"].ids
    ]
    return slices(*gallery.embedded(), captions, attributes, asked_by, k)
