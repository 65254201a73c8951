"""Features that somebody else has computed: neural recordings, an API's embeddings, another group's.

They take part as an encoder that knows its own items alone. Files are read where they lie and never
copied to the store (:mod:`backend.features.kinds.feature_files` says what they look like).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.catalog.address import parse
from backend.catalog.encoders import EncoderSpec
from backend.errors import EncoderError, Fault
from backend.features.encoders import Encoder
from backend.features.kinds.feature_files import Table, chunks, ids_file, read_ids, read_table
from backend.features.models.readings import FEATURES_VERSION, digest
from backend.features.work import Output, Work
from backend.reporting import Report, silent

#: ids that are named in a fault
_SHOWN: Final = 5
#: kinds of NumPy types that hold numbers: floating, whole, of either sign, and truth
_NUMBERS: Final = "fiub"


class Precomputed(Encoder):
    """A file of features, one row an item, each with an id.

    The ids are those of a data set's items, or of its captions
    (:func:`backend.catalog.records.caption_id`).

    Args:
        spec: of kind "features"; ``name`` and ``ids`` are options of its address.

    Raises:
        EncoderError: the file is gone.
    """

    unit = "items"

    def __init__(self, spec: EncoderSpec) -> None:
        self.spec = spec
        self._path = Path(spec.location)
        options = parse(spec.id)
        self._name, self._ids_option = options.get("name"), options.get("ids")
        self.outputs = (Output(self._hash(), "precomputed"),)

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the rows, in order."""
        return self._opened[0]

    @property
    def vectors(self) -> NDArray[Any]:
        """(n, d) numbers as the file holds them, checked; a memory map."""
        return self._opened[1]

    @property
    def dimension(self) -> int:
        return int(self.vectors.shape[1])

    def rows(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """The row of each id; -1 where there is none."""
        places = self._places
        return np.fromiter((places.get(one, -1) for one in ids), np.int64, len(ids))

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(len(rows), d) float32 of some rows."""
        return np.asarray(self.vectors[rows], dtype=np.float32)

    def prepare(self) -> None:
        """Opens and checks the file.

        Raises:
            EncoderError: it cannot be used; every fault is listed.
        """
        _ = self._opened

    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        raise self._refusal()

    def encode(self, items: Sequence[Any], report: Report = silent) -> NDArray[np.float32]:
        """Always raises: there is nothing here that could encode.

        Raises:
            EncoderError: with what to do instead.
        """
        raise self._refusal()

    def _refusal(self) -> EncoderError:
        return EncoderError(
            f"{self._path.name} only has features of its own items; search from an item instead."
        )

    def _hash(self) -> str:
        beside = ids_file(self._path, self._ids_option)
        try:
            told = [digest(path) for path in (self._path, beside) if path is not None]
        except OSError as error:
            raise EncoderError(
                f"{self._path} cannot be read ({error.strerror or error}). Put it back or choose "
                "another encoder."
            ) from error
        parts = [FEATURES_VERSION, self._name, self._ids_option, *told]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @cached_property
    def _places(self) -> dict[str, int]:
        return {one: row for row, one in enumerate(self.ids)}

    @cached_property
    def _opened(self) -> tuple[tuple[str, ...], NDArray[Any]]:
        try:
            table = read_table(self._path, self._name, self._ids_option)
        except Exception as error:  # pyarrow's own errors, and whatever damaged files lead to
            raise self._unusable([Fault(self._path.name, _told(error))]) from error
        ids, faults = self._read_ids(table)
        faults += _vector_faults(table.vectors, self._path.name)
        if ids is not None:
            faults += _id_faults(ids)
            if table.vectors.ndim and len(ids) != len(table.vectors):
                what = (
                    f"{len(ids):,} ids for {len(table.vectors):,} rows; there must be one for each"
                )
                faults.append(Fault("ids", what))
        if table.vectors.ndim == 2 and table.vectors.dtype.kind in _NUMBERS:
            faults += _number_faults(table.vectors, ids)
        if faults or ids is None:
            raise self._unusable(faults)
        return ids, table.vectors

    def _read_ids(self, table: Table) -> tuple[tuple[str, ...] | None, list[Fault]]:
        """The ids of the file itself, unless a file of ids is named or is all there is."""
        path = ids_file(self._path, self._ids_option)
        if table.ids is not None and (path is None or not self._ids_option):
            return table.ids, []
        if path is None:
            stem = self._path.with_suffix("").name
            what = (
                f"missing; put {stem}.ids.txt (one id a line) or {stem}.ids.json (a list) beside it, "
                "or name the file or column (ids=)"
            )
            return None, [Fault(self._ids_option or "ids", what)]
        try:
            return read_ids(path), []
        except (OSError, ValueError, RecursionError) as error:
            return None, [Fault(path.name, _told(error))]

    def _unusable(self, faults: Sequence[Fault]) -> EncoderError:
        return EncoderError(f"{self._path} cannot be used as features.", faults)


def _told(error: Exception) -> str:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    if "allow_pickle" in reason or "Python objects" in reason:
        return "it holds Python objects, which are never loaded because they can run code; save numbers"
    return f"{reason.rstrip('.')}; save it again"


def _vector_faults(vectors: NDArray[Any], name: str) -> list[Fault]:
    faults = []
    if vectors.dtype.kind not in _NUMBERS:
        faults.append(Fault(name, f"holds {vectors.dtype}, not real numbers; save it as float32"))
    if vectors.ndim != 2:
        shape = " x ".join(map(str, vectors.shape)) or "a single number"
        faults.append(Fault(name, f"is {shape}; it must be items x numbers (2-d)"))
    elif 0 in vectors.shape:
        faults.append(Fault(name, "is empty"))
    return faults


def _id_faults(ids: Sequence[str]) -> list[Fault]:
    faults = []
    counts = Counter(ids)
    empty = counts.pop("", 0)
    if empty:
        faults.append(Fault("ids", f"{empty:,} of them empty; every row needs one"))
    twice = [one for one, count in counts.items() if count > 1]
    if twice:
        faults.append(Fault("ids", f"{len(twice):,} come more than once: {_few(twice)}"))
    return faults


def _number_faults(vectors: NDArray[Any], ids: Sequence[str] | None) -> list[Fault]:
    """Rows with a number that is not finite, found part by part."""
    if vectors.dtype.kind != "f":
        return []
    rows: list[int] = []
    for start, part in chunks(vectors):
        rows += (start + np.flatnonzero(~np.isfinite(part).all(axis=1))).tolist()
    if not rows:
        return []
    named = ids is not None and len(ids) == len(vectors)
    names = [ids[row] if ids is not None and named else f"row {row + 1}" for row in rows]
    return [Fault("numbers", f"{len(rows):,} rows are not finite throughout: {_few(names)}")]


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else shown
