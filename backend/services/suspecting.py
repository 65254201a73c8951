"""Captions that likely do not belong to their image, as several runs see it together."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from backend.errors import InvalidInput
from backend.schemas import MismatchReport, RunSummary, SuspectedCaption, Suspicions
from backend.services.same_items import SameItems

if TYPE_CHECKING:
    from backend.exploration.gallery import Gallery

#: runs that judge where none are named: this one and the best of the others
JUDGES: Final = 8
#: suspected captions that are told of at most
_MOST: Final = 1000


class Suspecting(SameItems):
    """Questions about the data, asked of the runs that were tested on it."""

    def suspicions(
        self,
        run_id: str,
        judges: Sequence[str] = (),
        threshold: float = 0.1,
        count: int = 24,
    ) -> Suspicions:
        """The captions that no run finds their image by, the worst first.

        Args:
            run_id: whose test split is looked at.
            judges: the runs that are asked; without, this one and the best that were tested on the same
                items, at most :data:`JUDGES`.
            threshold: suspected where more than this share of the other images fits better in every
                one of them; from 0 to below 1.
            count: how many are shown.

        Raises:
            InvalidInput: a judge was tested on other items, or the threshold is no share.
            NotFound: no such run, or it has no index.
        """
        runs, alike = self._judges(run_id, judges)
        report = self._suspected(runs, threshold)
        gallery = self._space(run_id).gallery
        images, texts = (gallery.indexes[side].ids for side in ("image", "text"))
        return Suspicions(
            judges=tuple(run.name for run in runs),
            alike=alike,
            report=report,
            shown=tuple(
                SuspectedCaption(
                    found=each,
                    caption=gallery.item(texts[each.caption]),
                    image=gallery.item(images[each.image]),
                )
                for each in report.rows[: max(0, count)]
            ),
        )

    def suspicions_table(
        self, run_id: str, judges: Sequence[str] = (), threshold: float = 0.1
    ) -> bytes:
        """The same as a CSV file's content, at most the 1,000 worst. Arguments as above."""
        runs, _ = self._judges(run_id, judges)
        report = self._suspected(runs, threshold)
        return _table(report, self._space(run_id).gallery).encode()

    def _judges(self, run_id: str, named: Sequence[str]) -> tuple[list[RunSummary], int]:
        """The runs that are asked, and how many could be."""
        alike = self.runs_alike(run_id)
        known = {run.id: run for run in alike}
        apart = [name for name in named if name not in known]
        if apart:
            raise InvalidInput(
                f"{', '.join(apart)}: not tested on the same items as {alike[0].name}, or not "
                "finished, so it cannot judge its captions. Choose other runs."
            )
        return [known[name] for name in dict.fromkeys(named)] or alike[:JUDGES], len(alike)

    def _suspected(self, runs: Sequence[RunSummary], threshold: float) -> MismatchReport:
        from backend.evaluation.mismatched import mismatched

        if not 0 <= threshold < 1:
            raise InvalidInput(
                f"A threshold of {threshold:g} is no share of the images; choose one from 0 to below 1."
            )
        ids = tuple(run.id for run in runs)

        def make() -> MismatchReport:
            spaces = [self._space(run).gallery.embedded() for run in ids]
            return mismatched(spaces, threshold, _MOST)

        return self._remembered(("suspected", frozenset(ids), threshold), make)


def _table(report: MismatchReport, gallery: Gallery) -> str:
    written = io.StringIO()
    write = partial(csv.writer(written, lineterminator="\n").writerow)
    write(
        ["image", "caption_number", "caption", "suspected", "rank", "images", "better_share", "z"]
        + ["other_captions", "other_captions_better_share", "runs"]
    )
    for each in report.rows:
        name = gallery.indexes["text"].ids[each.caption]
        image, number = gallery.owner(name), int(name.rpartition("#")[2])
        theirs = each.siblings_quantile
        write(
            [image, number, gallery.entries[image].captions[number], each.suspicion, each.rank]
            + [report.images, round(each.quantile, 6), round(each.z, 4), each.siblings]
            + ["" if theirs is None else round(theirs, 6), report.runs]
        )
    return written.getvalue()
