"""Which rows of a gallery metadata or a selection leaves to be searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import Fault
from backend.schemas import Side

#: the value of an attribute that an item does not have
UNKNOWN: Final = "unknown"
#: values of an attribute that are offered
MOST_VALUES: Final = 200
_TOLD: Final = 12  # names that a fault lists

Rows = NDArray[np.int64]


class Filters:
    """Attributes of a gallery's items as numbers, made once, so that a filter takes no time.

    Args:
        attributes: of each item, in the order of the gallery's rows.
        owners: (m,) each caption's item; captions have their item's attributes.
    """

    def __init__(self, attributes: Sequence[Mapping[str, str]], owners: Rows) -> None:
        self._owners = owners
        self._codes: dict[str, NDArray[np.int32]] = {}
        self._code_of: dict[str, dict[str, int]] = {}
        for name in dict.fromkeys(name for row in attributes for name in row):
            values = [row.get(name, UNKNOWN) for row in attributes]
            code_of = {value: number for number, value in enumerate(dict.fromkeys(values))}
            self._code_of[name] = code_of
            self._codes[name] = np.array([code_of[value] for value in values], np.int32)

    def values(self) -> dict[str, tuple[str, ...]]:
        """Attributes that tell items apart, each with its values, the most frequent first.

        Left out are those that are the same for all items, and those that are another for each, as
        names of files are.
        """
        told = {}
        for name, code_of in self._code_of.items():
            if 1 < len(code_of) < len(self._codes[name]):
                told[name] = self._frequent(name)[:MOST_VALUES]
        return told

    def faults(self, where: Mapping[str, Sequence[str]]) -> list[Fault]:
        """What of a filter is not in this gallery."""
        found = []
        for name, allowed in where.items():
            if name not in self._code_of:
                there = _listed(list(self._code_of)) or "no attributes"
                found.append(Fault(f"filter {name!r}", f"this gallery's items have {there}"))
                continue
            strange = [value for value in allowed if value not in self._code_of[name]]
            if strange or not allowed:
                given = f"no {_listed(strange)}" if strange else "no value was given"
                there = _listed(list(self._frequent(name)))
                found.append(Fault(f"filter {name!r}", f"{given}; there are {there}"))
        return found

    def rows(self, side: Side, where: Mapping[str, Sequence[str]]) -> Rows:
        """Rows of a side that have one of the allowed values of every attribute, rising.

        Args:
            where: at least one attribute, without :meth:`faults`.
        """
        kept = np.ones(len(next(iter(self._codes.values()))), bool)
        for name, allowed in where.items():
            wanted = np.zeros(len(self._code_of[name]), bool)
            wanted[[self._code_of[name][value] for value in allowed]] = True
            kept &= wanted[self._codes[name]]
        return np.flatnonzero(kept if side == "image" else kept[self._owners])

    def _frequent(self, name: str) -> tuple[str, ...]:
        counts = np.bincount(self._codes[name], minlength=len(self._code_of[name]))
        values = list(self._code_of[name])
        return tuple(values[code] for code in np.argsort(-counts, kind="stable"))


def _listed(words: Sequence[str]) -> str:
    shown = ", ".join(repr(word[:60]) for word in words[:_TOLD])
    return f"{shown} and {len(words) - _TOLD:,} more" if len(words) > _TOLD else shown
