"""Nearest-neighbour lists, and how many entries the lists of two representations share.

Lists are computed once a layer. A permutation of the items only renames what they hold, so the scores
of hundreds of permutations need no further similarity (after Aristotelian's calibration).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.similarity.preparation import check_finite, working
from backend.reporting import Report, silent

#: (n, k) for each item the positions of its k nearest others, the most similar first
Lists: TypeAlias = NDArray[np.int32]

_CELLS: Final = 2**21  # similarities held at once
_OPERATIONS: Final = 4e9  # multiplications between two reports, a tenth of a second
_TABLE_BYTES: Final = 2**22  # the membership table of a block of rows; stays in a core's cache
_PERMUTATIONS: Final = 16  # counted between two reports
_ALIKE: Final = 1e-5  # items that differ by less of the largest value differ by rounding
_WORD: Final = 64  # layers in one word of the table
_BITS: Final = (np.arange(256)[:, None] >> np.arange(8)) & 1  # (256, 8) which bits a byte has


def nearest_neighbours(
    features: NDArray[np.generic],
    k: int,
    *,
    itself: bool = False,
    seed: int | Sequence[int] = 0,
    report: Report = silent,
) -> Lists:
    """The k nearest neighbours of every item by dot product, the nearest first.

    Neighbours of equal similarity are taken in an order of their own for each ``seed``. Taken by
    position, two layers in which all items are alike (the class token before the first block)
    would agree perfectly. Of such a layer each item has neighbours drawn at random: were they the
    same for all items, they would widen the nulls of everything it is compared with.

    Args:
        features: (n, d), compared as they are; normalise first for the cosine.
        k: 1 to n - 1.
        itself: an item may be its own neighbour.
        seed: of the order of equals; give the two sides of a comparison different ones.
        report: called with rows done.

    Raises:
        InvalidInput: k neighbours are not to be had, or values are not finite.
    """
    import torch

    rows = working(features)
    check_finite(rows, "features")
    n, d = rows.shape
    if not 1 <= k <= n - (not itself):
        raise InvalidInput(f"{k} neighbours among {n} items are too many or too few; take fewer.")
    draw = np.random.default_rng(seed)
    order = draw.permutation(n)
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    others = rows[order].T
    alike = bool(np.abs(rows - rows[0]).max() <= _ALIKE * np.abs(rows[0]).max())
    lists = np.empty((n, k), np.int32)
    step = int(max(1, min(_CELLS // n, _OPERATIONS // (n * d))))
    for start in range(0, n, step):
        report(start, n, "rows")
        stop = min(n, start + step)
        similar = draw.random((stop - start, n)) if alike else rows[start:stop] @ others
        if not itself:
            similar[np.arange(stop - start), place[start:stop]] = -np.inf
        # six times as fast as NumPy's argpartition
        lists[start:stop] = order[torch.from_numpy(similar).topk(k, dim=1).indices.numpy()]
    report(n, n, "rows")
    return lists


def relabelled(lists: Lists, permutation: NDArray[np.integer]) -> Lists:
    """The lists of ``features[permutation]``, from those of ``features``."""
    names = np.empty(len(permutation), np.int32)
    names[permutation] = np.arange(len(permutation), dtype=np.int32)
    renamed: Lists = names[lists[permutation]]
    return renamed


def shared_neighbours(
    first: Sequence[Lists],
    second: Sequence[Lists],
    permutations: NDArray[np.integer] | None = None,
    report: Report = silent,
) -> NDArray[np.int64]:
    """How many neighbours two representations share, for all layer pairs and permutations.

    A table holds for each pair of items in which of the second side's layers the one is a neighbour
    of the other, a bit a layer. Each entry of a first side's list is then looked up once for all of
    them, where it is after the permutation.

    Args:
        first: lists (n, k) of each layer of one side.
        second: lists (n, k) of each layer of the other.
        permutations: (p, n); the second side's item i becomes its item ``permutation[i]``, in all
            layers at once. None: only as given.
        report: called with rows done.

    Returns:
        (p, layers of first, layers of second); each at most n k.
    """
    n, k = first[0].shape
    orders = np.arange(n)[None] if permutations is None else permutations
    stacked = np.concatenate(first, axis=1)
    total = np.zeros((len(orders), len(first), len(second)), np.int64)
    done, work = 0, n * -(-len(second) // _WORD)
    for low in range(0, len(second), _WORD):
        group = second[low : low + _WORD]
        size = next(size for size in (1, 2, 4, 8) if len(group) <= 8 * size)
        for start, stop in table_rows(n, size):
            table = _membership(group, start, stop, size)
            for some in range(0, len(orders), _PERMUTATIONS):
                part = orders[some : some + _PERMUTATIONS]
                report(done + (stop - start) * some // len(orders), work, "rows")
                for number, order in enumerate(part, start=some):
                    total[number, :, low : low + len(group)] += _looked_up(
                        table, stacked, order, start, stop, k
                    )[:, : len(group)]
            done += stop - start
    report(work, work, "rows")
    return total


def _membership(
    group: Sequence[Lists], start: int, stop: int, size: int
) -> NDArray[np.unsignedinteger]:
    """(stop - start, n) words of ``size`` bytes: bit m of [i, j] is set where j is in list m of i."""
    # little-endian, so that byte b of a word always holds layers 8 b to 8 b + 7
    kind = np.dtype(f"<u{size}")
    table = np.zeros((stop - start, len(group[0])), kind)
    rows = np.arange(stop - start)[:, None]
    for bit, lists in enumerate(group):
        table[rows, lists[start:stop]] |= kind.type(1 << bit)
    return table


def _looked_up(
    table: NDArray[np.unsignedinteger],
    stacked: NDArray[np.int32],
    order: NDArray[np.integer],
    start: int,
    stop: int,
    k: int,
) -> NDArray[np.int64]:
    """(layers of the first side, bits): entries found in the table's rows under one permutation."""
    layers = stacked.shape[1] // k
    words = looked_up(table, stacked, order, start, stop)[1].reshape(-1)
    found = np.flatnonzero(words)
    layer = found % (layers * k) // k * 256
    bits = []
    for byte in words[found].view(np.uint8).reshape(-1, table.itemsize).T:
        seen = np.bincount(layer + byte, minlength=256 * layers).reshape(layers, 256)
        bits.append(seen @ _BITS)
    return np.concatenate(bits, axis=1)


def looked_up(
    table: NDArray[np.unsignedinteger],
    lists: Lists,
    order: NDArray[np.integer],
    start: int,
    stop: int,
) -> tuple[NDArray[np.int64], NDArray[np.unsignedinteger]]:
    """What a table of the other side says of each entry of this side's lists under one permutation.

    Args:
        table: (stop - start, n) of the other side's items ``start`` to ``stop`` with all of its items.
        lists: (n, k) of this side.
        order: (n,) the other side's item that this side's item i stands beside.

    Returns:
        (stop - start,) this side's items beside the table's rows, and (stop - start, k) what the table
        holds where the entries of their lists are.
    """
    where = np.empty(len(order), np.int64)
    where[order] = np.arange(len(order))
    items = where[start:stop]
    entries = order.astype(np.int32, copy=False)[lists[items]]
    entries += (np.arange(stop - start, dtype=np.int32) * len(order))[:, None]
    words: NDArray[np.unsignedinteger] = table.reshape(-1).take(entries)
    return items, words


def table_rows(n: int, size: int = 1) -> Iterator[tuple[int, int]]:
    """Blocks of rows of an (n, n) table of ``size`` bytes an entry, small enough for a cache."""
    step = max(1, _TABLE_BYTES // (n * size))
    for start in range(0, n, step):
        yield start, min(n, start + step)
