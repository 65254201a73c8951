"""Finished runs held against each other."""

from __future__ import annotations

from collections.abc import Sequence

from backend.errors import InvalidInput
from backend.schemas import PairedComparison
from backend.services.same_items import SameItems


class Comparing(SameItems):
    """Questions to several runs at once."""

    def compare(self, run_ids: Sequence[str]) -> list[PairedComparison]:
        """Every further run against the first, query by query on the test split.

        Raises:
            InvalidInput: fewer than two different runs.
            NotFound: no such run, or it has no index yet.
        """
        from backend.evaluation.paired import answered, compare

        first, *others = list(dict.fromkeys(run_ids)) or [""]
        if not others:
            raise InvalidInput("Name at least two different runs to compare.")
        baseline = self._space(first).gallery
        before = answered(baseline.embedded())
        compared = []
        for run in others:
            gallery = self._space(run).gallery
            alike = self._alike(first, run)
            compared.append(
                PairedComparison(
                    baseline=first,
                    run=run,
                    images=len(gallery.indexes["image"]),
                    captions=len(gallery.indexes["text"]),
                    differences=compare(before, answered(gallery.embedded())) if alike else {},
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
