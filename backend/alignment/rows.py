"""Rows of features that may lie on disk: nothing is read before it is taken.

A run over millions of pairs selects rows of a memory-mapped file; batches and blocks are copied out
of it one at a time, always as float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

_BLOCK_BYTES: Final = 32 * 1024 * 1024


class Tokens(NamedTuple):
    """Every token's features of some items, padded to the longest.

    Attributes:
        values: (n, t, d) float32, 0 where there is no token.
        mask: (n, t) bool, whether there is one.
    """

    values: NDArray[np.float32]
    mask: NDArray[np.bool_]


class FeatureRows:
    """One vector an item.

    Args:
        values: (m, d), an array or a memory map.
        rows: (n,) the rows meant, in order; None for all.
    """

    def __init__(self, values: NDArray[Any], rows: NDArray[np.int64] | None = None) -> None:
        if values.ndim != 2:
            raise ValueError(f"features of shape {values.shape}; expected (n, d)")
        self._values, self._rows = values, rows

    def __len__(self) -> int:
        return len(self._values if self._rows is None else self._rows)

    @property
    def width(self) -> int:
        """Length of a vector, d."""
        return int(self._values.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """(n, d)."""
        return len(self), self.width

    def take(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """(len(rows), d), a copy."""
        where = rows if self._rows is None else self._rows[rows]
        return np.asarray(self._values[where], np.float32)

    def only(self, rows: NDArray[np.integer]) -> FeatureRows:
        """The same, of some rows; nothing is read."""
        return FeatureRows(
            self._values, np.asarray(rows if self._rows is None else self._rows[rows])
        )

    def blocks(self, outputs: int = 0) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """All rows in order, a few megabytes at a time, each with the place of its first.

        Args:
            outputs: numbers that are made of each row, where those are more.
        """
        step = max(1, _BLOCK_BYTES // (4 * max(1, self.width, outputs)))
        for start in range(0, len(self), step):
            yield start, self.take(np.arange(start, min(start + step, len(self))))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        everything = self.take(np.arange(len(self)))
        return everything if dtype is None else everything.astype(dtype, copy=False)


class TokenRows:
    """Every token of an item by itself; the first one stands for the whole item where there is such.

    Args:
        values: (sum of lengths, d), item after item, an array or a memory map.
        lengths: (m,) tokens of each item.
        rows: (n,) the items meant, in order; None for all.
    """

    def __init__(
        self,
        values: NDArray[Any],
        lengths: NDArray[np.int64],
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        if int(lengths.sum()) != len(values):
            raise ValueError(f"{len(values)} tokens, but the lengths add up to {lengths.sum()}")
        self._values, self._lengths = values, lengths
        self._starts = np.cumsum(lengths) - lengths
        self._rows = np.arange(len(lengths)) if rows is None else rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def width(self) -> int:
        """Length of a token's vector, d."""
        return int(self._values.shape[1])

    def take(self, rows: NDArray[np.integer]) -> Tokens:
        """Some items, padded to the longest of them."""
        items = self._rows[rows]
        lengths = self._lengths[items]
        mask = np.arange(int(lengths.max(initial=1))) < lengths[:, None]
        values = np.zeros((*mask.shape, self.width), np.float32)
        places = self._starts[items][:, None] + np.arange(mask.shape[1])
        values[mask] = self._values[places[mask]]
        return Tokens(values, mask)

    def only(self, rows: NDArray[np.integer]) -> TokenRows:
        """The same, of some items; nothing is read."""
        return TokenRows(self._values, self._lengths, self._rows[rows])

    def blocks(self, outputs: int = 0) -> Iterator[tuple[int, Tokens]]:
        """All items in order, a few megabytes at a time, each with the place of its first.

        Args:
            outputs: numbers that are made of each item, where those are more.
        """
        longest = int(self._lengths[self._rows].max(initial=1))
        step = max(1, _BLOCK_BYTES // (4 * max(1, longest * self.width, outputs)))
        for start in range(0, len(self), step):
            yield start, self.take(np.arange(start, min(start + step, len(self))))


Rows: TypeAlias = FeatureRows | TokenRows


def as_rows(features: Rows | NDArray[Any]) -> Rows:
    """Rows as they are; an array as rows."""
    return features if isinstance(features, FeatureRows | TokenRows) else FeatureRows(features)
