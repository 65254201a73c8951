"""Runs that were tested on the very same items, so that their answers can be held against each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from backend.errors import NotFound
from backend.schemas import RunSummary
from backend.services.remembering import Remembering
from backend.settings import Settings


class _Tested(NamedTuple):
    """What a run was tested on: digests of the ids in order and of the items, and what was read."""

    ids: str
    items: str
    read: str | None


class SameItems(Remembering):
    """Which runs may be asked together."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._tested: dict[str, _Tested] = {}

    def runs_alike(self, run_id: str) -> list[RunSummary]:
        """The finished runs that were tested on the same items: the run itself, then the best first.

        Raises:
            NotFound: no such run, or it has no index yet.
        """
        this = self._store.get_summary(run_id)
        self._space(run_id)  # where its index is missing, this says what is done about it
        others = [
            run
            for run in self._store.list_runs()
            if run.id != run_id and _counts(run) == _counts(this) and self._is_alike(run_id, run.id)
        ]
        return [this, *sorted(others, key=_recall, reverse=True)]

    def _is_alike(self, first: str, second: str) -> bool:
        """The same as :meth:`_alike`; no where there is no index any more."""
        try:
            return self._alike(first, second)
        except NotFound:
            return False

    def _alike(self, first: str, second: str) -> bool:
        """Whether two runs answered the same queries about the same items, in the same order.

        Raises:
            NotFound: no such run, or it has no index.
        """
        one, other = self._looked_at(first), self._looked_at(second)
        if one.ids != other.ids:
            return False
        if one.read is not None and one.read == other.read:
            return True
        # of data sets that differ elsewhere the very same files may be tested
        return one.items == other.items

    def _looked_at(self, run_id: str) -> _Tested:
        """What a run was tested on; read once."""
        if run_id not in self._tested:
            from backend.exploration.gallery import load_gallery

            read = self._store.get_run(run_id).configuration.get("dataset_fingerprint")
            # not opened for questions: with many runs, those that are would be closed
            gallery = load_gallery(self.settings.indexes_dir / run_id, self.settings.thumbnails_dir)
            self._tested[run_id] = _Tested(
                ids=_digest(name for index in gallery.indexes.values() for name in index.ids),
                items=_digest(
                    f"{each.id}|{each.modality}|{each.content!r}|{each.captions!r}|"
                    f"{sorted(each.attributes.items())!r}"
                    for each in gallery.entries.values()
                ),
                read=read,
            )
        return self._tested[run_id]


def _digest(lines: Iterable[str]) -> str:
    told = hashlib.sha256()
    for line in lines:
        told.update(f"{len(line)}:{line}".encode())
    return told.hexdigest()


def _counts(run: RunSummary) -> tuple[str, int, int] | None:
    """What is known without opening it; None where it has not finished."""
    if run.status != "finished" or run.test is None:
        return None
    return run.modality, run.test.images, run.test.captions


def _recall(run: RunSummary) -> float:
    return run.test.text_to_image.recall_at_1 if run.test else 0.0
