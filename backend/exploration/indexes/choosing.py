"""Which kind of index a set of vectors gets: exact while that is quick, then by what fits in memory.

HNSW holds the vectors and its links; IVF-PQ holds a code of some bytes a vector and reads the vectors of
its candidates alone from disk (Malkov and Yashunin 2020; Jegou et al. 2011).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from backend.schemas.exploring import IndexKind

#: exact search reads every vector for every query: 200,000 x 512 numbers take about 50 ms on two cores
EXACT_UNTIL: Final = 200_000
#: links a node of the graph; twice as many on its lowest layer
LINKS: Final = 32
_LINK_BYTES: Final = 4
_FLOAT_BYTES: Final = 4
#: the number of a vector beside its code
_ROW_BYTES: Final = 8
#: bytes of a code: one for so many dimensions
_DIMENSIONS_A_BYTE: Final = 8
_MOST_CODE_BYTES: Final = 64


class Budget(NamedTuple):
    """What an index may take.

    Attributes:
        memory_bytes: at search.
        exact_until: so many vectors are searched exactly.
        device: auto, cpu, cuda or cuda:N; where FAISS searches and builds, if it can.
    """

    memory_bytes: int = 2 * 1024**3
    exact_until: int = EXACT_UNTIL
    device: str = "cpu"


class Choice(NamedTuple):
    """A kind with its settings, and the memory that it takes at search."""

    kind: IndexKind
    settings: dict[str, int]
    memory_bytes: int


def choose(count: int, dimension: int, budget: Budget | None = None) -> Choice:
    """The kind for so many vectors.

    Args:
        count: n.
        dimension: d.
        budget: None for the usual one.
    """
    allowed = budget or Budget()
    if count <= allowed.exact_until:
        return _choice("flat", {}, count, dimension)
    graph = _choice("hnsw", {"links": LINKS, "build": 200, "search": 128}, count, dimension)
    if graph.memory_bytes <= allowed.memory_bytes:
        return graph
    lists = 2 ** round(math.log2(4 * math.sqrt(count)))
    settings = {
        "lists": lists,
        "code": _code_bytes(dimension),
        "probes": max(8, lists // 32),
        "rescored": 20,
    }
    return _choice("ivf-pq", settings, count, dimension)


def memory_of(kind: IndexKind, settings: Mapping[str, int], count: int, dimension: int) -> int:
    """Bytes that an index of a kind takes at search."""
    row = dimension * _FLOAT_BYTES
    if kind == "flat":
        return count * row
    if kind == "hnsw":
        return count * (row + 2 * settings["links"] * _LINK_BYTES)
    return count * (settings["code"] + _ROW_BYTES) + settings["lists"] * row


def _choice(kind: IndexKind, settings: dict[str, int], count: int, dimension: int) -> Choice:
    return Choice(kind, settings, memory_of(kind, settings, count, dimension))


def _code_bytes(dimension: int) -> int:
    """The largest number of parts, up to one for 8 dimensions and 64, that divides the dimension."""
    most = min(_MOST_CODE_BYTES, max(1, dimension // _DIMENSIONS_A_BYTE))
    return next(parts for parts in range(most, 0, -1) if dimension % parts == 0)
