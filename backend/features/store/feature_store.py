"""The feature store: every item is encoded once by each encoder, and found again by what it is.

    <root>/<output>/output.json   which output of which encoder this is
    <root>/<output>/parts/        committed parts (:mod:`backend.features.store.parts`)
    <root>/<output>/views/        features of one large set in order, made of parts
    <root>/locks/                 whose turn it is to write (:mod:`backend.features.store.turns`)

An output's folder is named by its fingerprint, an item by a hash of its content; so data sets,
runs, processes and selections of layers share what they have in common. What several outputs lack
of an item is computed in one pass. Work that is broken off loses at most the open part.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import StorageError
from backend.features.encoders import Encoder, finite
from backend.features.store.batches import settle
from backend.features.store.parts import (
    Keys,
    as_keys,
    cannot_write,
    megabytes,
    sweep,
    write_part,
    write_whole,
)
from backend.features.store.shelves import Shelf, Verified
from backend.features.store.turns import turn
from backend.features.store.views import IN_MEMORY_BYTES, Limits, gather, gather_ragged
from backend.features.work import Outcome, Tally, in_order, patiently
from backend.reporting import Report, silent

#: a part is committed when it has so many items or bytes, or is so old
PART_ITEMS: Final = 1024
PART_BYTES: Final = 64 * 1024 * 1024
PART_SECONDS: Final = 10.0

#: seconds to wait for another process that writes nothing of use
PATIENCE_S: Final = 60.0

_HALF: Final = 2
_LOOKED_AGAIN: Final = 3


@dataclass(frozen=True)
class Stored:
    """Features of a set of items.

    Attributes:
        kept: (k,) positions of the items that have a feature, ascending.
        outputs: of each output of the encoder the features, row i of item kept[i], (k, d) float16 or
            float32; of a ragged one (sum of its lengths, d), item after item. Memory maps when large.
        lengths: of each ragged output the rows of each item, (k,); empty for the others.
        vectors: (k, sum of d) all outputs that are not ragged, of which ``outputs`` are columns; where
            all are ragged, the first.
        faults: why the others have none, by position.
    """

    kept: NDArray[np.int64]
    outputs: tuple[NDArray[Any], ...]
    lengths: tuple[NDArray[np.int64], ...]
    vectors: NDArray[Any]
    faults: dict[int, str]


class FeatureStore:
    """Features under a folder; several processes may use it at once.

    Args:
        root: ``Settings.features_dir``.
        in_memory: sets of more bytes are memory-mapped.
        patience: seconds to wait while another process writes with the same encoder and nothing of it
            is asked for here; then both write.
    """

    def __init__(
        self, root: Path, in_memory: int = IN_MEMORY_BYTES, patience: float = PATIENCE_S
    ) -> None:
        self.root = root
        self._in_memory = in_memory
        self._patience = patience
        self._verified = Verified()

    def features(
        self,
        encoder: Encoder,
        keys: Sequence[str],
        items: Sequence[Any],
        report: Report = silent,
    ) -> Stored:
        """Features of items, encoding those that are not stored yet.

        Args:
            encoder: asked for what is missing; not even loaded when nothing is.
            keys: 32 hex digits of a hash of each item's content; equal ones are encoded once.
            items: what the encoder takes, one for each key.
            report: told how many are done; when it raises, finished batches are kept.

        Raises:
            StorageError: the disk is full or may not be written.
            EncoderError: the model cannot be loaded or gives numbers that are not finite.
        """
        wanted = _Wanted(self.root, encoder, keys, items, self._verified)
        for attempt in range(_LOOKED_AGAIN):
            try:
                faults = self._complete(wanted, report)
                return self._gathered(wanted, faults, wanted.tally(report).tell)
            except FileNotFoundError:  # somebody removed this encoder's features meanwhile
                if attempt + 1 == _LOOKED_AGAIN:
                    raise
                wanted.forget()
        raise AssertionError

    def _complete(self, wanted: _Wanted, report: Report) -> dict[int, str]:
        """Encodes what is missing, in its turn; returns what is wrong with unique items."""
        wanted.look(report)
        wanted.tally(report).tell()
        if not len(wanted.missing()):
            return {}

        lacking, since = len(wanted.missing()), time.monotonic()

        def go_on_waiting() -> bool:
            """Looks at what the other process has written meanwhile."""
            nonlocal lacking, since
            wanted.look(report)
            wanted.tally(report).tell()
            if len(wanted.missing()) < lacking:
                lacking, since = len(wanted.missing()), time.monotonic()
            return lacking > 0 and time.monotonic() - since < self._patience

        names = [shelf.folder.name for shelf in wanted.shelves]
        with turn(self.root, names, go_on_waiting) as mine:
            # a part that seems damaged may be one that another is about to mend
            wanted.look(report, mend=mine)
            return self._encode(wanted, report) if len(wanted.missing()) else {}

    def _encode(self, wanted: _Wanted, report: Report) -> dict[int, str]:
        encoder, faults = wanted.encoder, dict[int, str]()
        for shelf in wanted.shelves:
            _prepare(shelf, encoder)
        tally = wanted.tally(report)
        patiently(encoder.prepare, tally.tell)
        settle(encoder, wanted.items, wanted.shelves[0].folder, tally.tell)
        writer = _Writer(wanted)
        try:
            with in_order(encoder.works(wanted.items, wanted.flags()), tally.tell) as outcomes:
                for outcome in outcomes:
                    for block in outcome.blocks:
                        finite(block, encoder.spec.id)
                    writer.add(outcome)
                    faults.update({wanted.order[i]: what for i, what in outcome.faults.items()})
                    tally.add(outcome)
        except StorageError:
            raise
        except BaseException:  # a person's wish to stop, too: whole batches are kept
            writer.commit()
            raise
        writer.commit()
        return faults

    def _gathered(
        self, wanted: _Wanted, faults: dict[int, str], tell: Callable[[], None]
    ) -> Stored:
        """Rows in the order that was asked for, repeated where a key was."""
        good = np.ones(len(wanted.keys), np.bool_)
        good[list(faults)] = False
        kept = np.flatnonzero(good[wanted.unique])
        items = wanted.unique[kept]
        plain = [shelf for shelf in wanted.shelves if not shelf.output.ragged]
        limits = Limits(self._in_memory, self._verified, tell)
        joined = gather(plain, wanted.keys, items, limits)
        outputs: list[NDArray[Any]] = []
        lengths: list[NDArray[np.int64]] = []
        start = 0
        for shelf in wanted.shelves:
            if shelf.output.ragged:
                vectors, each = gather_ragged(shelf, wanted.keys, items, limits)
            else:
                stop = start + shelf.width
                vectors = joined if len(plain) == 1 else joined[:, start:stop]
                each, start = np.empty(0, np.int64), stop
            outputs.append(vectors)
            lengths.append(each)
        told = {
            int(position): faults[int(wanted.unique[position])]
            for position in np.flatnonzero(~good[wanted.unique])
        }
        return Stored(kept, tuple(outputs), tuple(lengths), joined if plain else outputs[0], told)


class _Wanted:
    """What is asked for, each item once, and where it is stored.

    Attributes:
        keys: (u,) of the unique items, ascending; items are told by their places here.
        unique: (n,) the place of each item that was asked for.
        order: (u,) places in the order in which the items were asked for first; what encoders see.
        items: (u) in that order.
        shelves: one for each output.
    """

    def __init__(
        self,
        root: Path,
        encoder: Encoder,
        keys: Sequence[str],
        items: Sequence[Any],
        verified: Verified,
    ) -> None:
        self.encoder = encoder
        self.keys: Keys
        self.keys, first, self.unique = np.unique(
            as_keys(keys), return_index=True, return_inverse=True
        )
        self.order: NDArray[np.int64] = np.argsort(first, kind="stable")
        self.items: Sequence[Any] = items
        if len(self.keys) < len(items):
            self.items = [items[i] for i in first[self.order]]
        self.shelves = [Shelf(root, output, self.keys, verified) for output in encoder.outputs]

    def look(self, report: Report, mend: bool = False) -> None:
        """Takes note of what is stored by now."""
        for shelf in self.shelves:
            shelf.look(lambda: self.tally(report).tell(), mend)

    def forget(self) -> None:
        """Starts over."""
        for shelf in self.shelves:
            shelf.forget()

    def missing(self) -> NDArray[np.int64]:
        """Places of the items that lack an output."""
        return np.flatnonzero(~np.all([shelf.stored for shelf in self.shelves], axis=0))

    def flags(self) -> list[bool]:
        """For each item, in the order that encoders see, whether it is to be encoded."""
        stored = np.all([shelf.stored for shelf in self.shelves], axis=0)
        return [not flag for flag in stored[self.order].tolist()]

    def tally(self, report: Report) -> Tally:
        """Counts on from what is stored."""
        done = len(self.keys) - len(self.missing())
        return Tally(report, len(self.keys), self.encoder.unit, done)


class _Writer:
    """Collects rows and commits them as parts, one an output.

    Parts end where batches end, so going on after a crash cuts the same batches.
    """

    def __init__(self, wanted: _Wanted) -> None:
        self._wanted = wanted
        self._outcomes: list[Outcome] = []
        self._items = 0
        self._bytes = 0
        self._since = time.monotonic()
        self._room_checked = False

    def add(self, outcome: Outcome) -> None:
        """Takes a batch; commits when there is enough.

        Raises:
            StorageError: there is no room for what is still to come.
        """
        if not outcome.items:
            return
        self._outcomes.append(outcome)
        self._items += len(outcome.items)
        self._bytes += sum(block.nbytes for block in outcome.blocks)
        if not self._room_checked:
            self._check_room()
        old = time.monotonic() - self._since > PART_SECONDS
        if self._items >= PART_ITEMS or self._bytes >= PART_BYTES or old:
            self.commit()

    def commit(self) -> None:
        """Writes the open parts.

        Raises:
            StorageError: one cannot be written; the parts before it stay.
        """
        for number, shelf in enumerate(self._wanted.shelves if self._outcomes else ()):
            try:
                self._commit(number, shelf)
            except OSError as error:
                raise cannot_write(shelf.parts_folder, error, self._needed()) from error
        self._outcomes, self._items, self._bytes = [], 0, 0
        self._since = time.monotonic()

    def _commit(self, number: int, shelf: Shelf) -> None:
        """Writes what one output lacks of the collected batches."""
        items = np.concatenate([self._wanted.order[list(o.items)] for o in self._outcomes])
        vectors = np.concatenate([outcome.blocks[number] for outcome in self._outcomes])
        lengths = None
        if shelf.output.ragged:
            told = [outcome.lengths[number] for outcome in self._outcomes]
            lengths = np.concatenate([np.asarray(each, np.int64) for each in told])
        new = shelf.part[items] < 0
        if not new.any():
            return
        if not new.all():
            vectors = vectors[new if lengths is None else np.repeat(new, lengths)]
            items, lengths = items[new], None if lengths is None else lengths[new]
        try:
            part = write_part(shelf.parts_folder, self._wanted.keys[items], vectors, lengths)
        except FileNotFoundError:  # somebody has removed this encoder's features meanwhile
            _prepare(shelf, self._wanted.encoder)
            part = write_part(shelf.parts_folder, self._wanted.keys[items], vectors, lengths)
        shelf.add(part, items)

    def _needed(self) -> int:
        """Bytes that the features still to come take, by those that came."""
        each = self._bytes / 4 * _HALF / max(self._items, 1)
        return int(len(self._wanted.missing()) * each)

    def _check_room(self) -> None:
        """Tells a full disk before hours of encoding, not after."""
        folder = self._wanted.shelves[0].parts_folder
        free, needed = shutil.disk_usage(folder).free, self._needed()
        if free < needed:
            raise StorageError(
                f"The features still to come need {megabytes(needed)} in {folder}, where "
                f"{megabytes(free)} are free. Free some space there, or move ISTHMUS_HOME to a "
                "larger disk, and resume: what was encoded is kept."
            )
        self._room_checked = True


def _prepare(shelf: Shelf, encoder: Encoder) -> None:
    """Makes an output's folders and says there what it is."""
    folder = shelf.folder
    try:
        shelf.parts_folder.mkdir(parents=True, exist_ok=True)
        sweep(shelf.parts_folder)
        if not (folder / "output.json").is_file():
            told = {
                "fingerprint": shelf.output.fingerprint,
                "label": shelf.output.label,
                "ragged": shelf.output.ragged,
                "spec": asdict(encoder.spec),
            }
            write_whole(folder / "output.json", json.dumps(told, indent=1).encode())
    except OSError as error:
        raise cannot_write(folder, error, 0) from error
