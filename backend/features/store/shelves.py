"""Where the features of a set of items are among the parts of one output.

A place is two small numbers, whatever the number of items, and of the parts only names are kept; so
a hundred thousand items take a megabyte.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.features.store.parts import Keys, Part, read_parts
from backend.features.work import LOOK_EVERY_S, Output

_NAME_DIGITS: Final = 32


def folder_name(output: Output) -> str:
    """The name of an output's folder in the store."""
    return output.fingerprint[:_NAME_DIGITS]


class Verified:
    """Which files were found intact; each is hashed once, and again when it has changed."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[int, int]] = {}

    def __call__(self, part: Part) -> bool:
        """Whether a part's file still is what was committed."""
        try:
            stat = part.path.stat()
        except OSError:
            return False
        if self._seen.get(part.path) == (stat.st_size, stat.st_mtime_ns):
            return True
        intact = part.intact()
        if intact:
            self._seen[part.path] = (stat.st_size, stat.st_mtime_ns)
        return intact


class Shelf:
    """One output's stored features of a set of items.

    Args:
        root: of the store.
        output: of an encoder.
        keys: of the items, ascending, each once.
        verified: asked before a part is believed.

    Attributes:
        folder: of the output.
        part: (n,) number of the part that holds each item, -1 where none does.
        row: (n,) the item's place in it.
    """

    def __init__(self, root: Path, output: Output, keys: Keys, verified: Verified) -> None:
        self.output = output
        self.folder = root / folder_name(output)
        self.part = np.full(len(keys), -1, np.int32)
        self.row = np.zeros(len(keys), np.int32)
        self._keys = keys
        self._verified = verified
        self._parts: list[Part] = []
        self._known: set[str] = set()

    @property
    def parts_folder(self) -> Path:
        """Where its parts are."""
        return self.folder / "parts"

    @property
    def stored(self) -> NDArray[np.bool_]:
        """(n,) whether each item has a feature."""
        return self.part >= 0

    @property
    def width(self) -> int:
        """Length of a feature; 0 where nothing is stored."""
        used = self._used()
        return self._parts[used[0]].shape[1] if len(used) else 0

    def single(self) -> bool:
        """Whether some numbers do not fit half precision."""
        return any(self._parts[number].single for number in self._used())

    def look(self, tell: Callable[[], None], mend: bool = False) -> None:
        """Takes note of the parts that were committed since the last look.

        Args:
            tell: called now and then; may raise.
            mend: remove damaged ones, so that they are written again; for the one process that may
                write. Otherwise they are passed over.
        """
        told = time.monotonic()
        for part, keys in read_parts(self.parts_folder, self._known):
            if time.monotonic() - told > LOOK_EVERY_S:
                tell()
                told = time.monotonic()
            items, rows = self._find(keys)
            if len(items) and not self._verified(part):
                if mend:
                    part.remove()
                continue
            self._known.add(part.path.stem)
            if len(items):
                self._note(part, items, rows)

    def forget(self) -> None:
        """Starts over: what was seen may have been removed by others."""
        self.part[:] = -1
        self._parts.clear()
        self._known.clear()

    def add(self, part: Part, items: NDArray[np.int64]) -> None:
        """Takes note of a part that was written just now, with these items in order."""
        self._known.add(part.path.stem)
        self._note(part, items, np.arange(len(items)))

    def _find(self, keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Items that are in a part, and their rows there."""
        places = np.searchsorted(self._keys, keys)
        inside = places < len(self._keys)
        rows = np.flatnonzero(inside)[self._keys[places[inside]] == keys[inside]]
        return places[rows], rows

    def _note(self, part: Part, items: NDArray[np.int64], rows: NDArray[np.int64]) -> None:
        self.part[items] = len(self._parts)
        self.row[items] = rows
        self._parts.append(part)

    def _used(self) -> NDArray[np.int32]:
        return np.unique(self.part[self.part >= 0])

    def fill(self, target: NDArray[Any], items: NDArray[np.int64]) -> None:
        """Copies the features of items into the rows of ``target``, part by part.

        Raises:
            OSError: a part has been removed meanwhile.
        """
        for part, places in self._by_part(items):
            target[places] = part.read()[self.row[items[places]]]

    def lengths(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of each item, for a ragged output."""
        found = np.zeros(len(items), np.int64)
        for part, places in self._by_part(items):
            starts, ends = self._spans(part, items[places])
            found[places] = ends - starts
        return found

    def fill_ragged(self, target: NDArray[Any], items: NDArray[np.int64]) -> None:
        """Copies all rows of items into ``target``, item after item.

        Raises:
            OSError: a part has been removed meanwhile.
        """
        ends = np.cumsum(self.lengths(items))
        for part, places in self._by_part(items):
            vectors = part.read()
            starts, stops = self._spans(part, items[places])
            for place, start, stop in zip(places, starts, stops, strict=True):
                target[ends[place] - (stop - start) : ends[place]] = vectors[start:stop]

    def _by_part(self, items: NDArray[np.int64]) -> Iterator[tuple[Part, NDArray[np.int64]]]:
        """Each part that holds some of the items, with their places among them."""
        numbers = self.part[items]
        order = np.argsort(numbers, kind="stable")
        cuts = np.flatnonzero(np.diff(numbers[order])) + 1
        for places in np.split(order, cuts):
            if len(places):
                yield self._parts[numbers[places[0]]], places

    def _spans(
        self, part: Part, items: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First row and the row after the last of items in their part."""
        rows = self.row[items]
        if part.ends is None:
            return rows.astype(np.int64), rows + np.int64(1)
        return np.where(rows > 0, part.ends[rows - 1], 0), part.ends[rows]
