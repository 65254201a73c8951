"""Finished runs held against each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backend.errors import InvalidInput
from backend.schemas import PairedComparison
from backend.services.exploring import Exploring

if TYPE_CHECKING:
    from backend.exploration.gallery import Gallery


class Comparing(Exploring):
    """Questions to several runs at once."""

    def compare(self, run_ids: Sequence[str]) -> list[PairedComparison]:
        """Every further run against the first, query by query on the test split.

        Raises:
            InvalidInput: fewer than two different runs.
            NotFound: no such run, or it has no index yet.
        """
        from backend.evaluation.paired import compare

        first, *others = list(dict.fromkeys(run_ids)) or [""]
        if not others:
            raise InvalidInput("Name at least two different runs to compare.")
        baseline = self._space(first).gallery
        compared = []
        for run in others:
            gallery = self._space(run).gallery
            alike = _items(gallery) == _items(baseline)
            compared.append(
                PairedComparison(
                    baseline=first,
                    run=run,
                    images=len(gallery.indexes["image"]),
                    captions=len(gallery.indexes["text"]),
                    differences=compare(baseline.embedded(), gallery.embedded()) if alike else {},
                )
            )
        return compared

    def runs_table(self, kind: str, run_ids: Sequence[str] | None = None) -> bytes:
        """Runs with their scores as a file's content.

        Args:
            kind: csv, parquet or tex.
            run_ids: in this order; None for all, newest first.

        Raises:
            InvalidInput: another kind.
            NotFound: no such run.
        """
        from backend.runs.exports import table

        if run_ids is None:
            return table(self._store.list_runs(), kind)
        return table([self._store.get_run(run).summary for run in run_ids], kind)


def _items(gallery: Gallery) -> tuple[list[str], list[str], list[tuple[str, ...]]]:
    """Ids and captions: what has to be the same for two runs to have answered the same queries."""
    indexes = gallery.indexes
    captions = [entry.captions for entry in gallery.entries.values()]
    return indexes["image"].ids, indexes["text"].ids, captions
