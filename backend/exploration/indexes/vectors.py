"""What every index offers, and the vectors and ids that it is built over.

<folder>/vectors.npy   (n, d) float32 unit rows, memory-mapped
<folder>/ids.json      the id of each row
<folder>/index.json    what the index is; renamed into place last, which makes the folder whole
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from backend.schemas import Frozen
from backend.schemas.exploring import IndexKind
from backend.whole_files import whole_file

VECTORS: Final = "vectors.npy"
IDS: Final = "ids.json"
FACTS: Final = "index.json"
#: to be raised where files are written otherwise; older ones are built anew
VERSION: Final = 2

#: an id as a string, and its place among the rows
ID_BYTES: Final = 150

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
Found = tuple[Rows, Vectors]


class IndexFacts(Frozen):
    """What an index is, and how well it finds."""

    version: int = VERSION
    kind: IndexKind | Literal["milvus"]
    vectors: int
    dimension: int
    key: str = Field(description="SHA-256 of vectors and ids; another one means: built of others")
    recall_at_10: float | None = Field(
        None, description="share of the 10 exact neighbours that are found; None: search is exact"
    )
    queries: int = Field(
        0, description="vectors of the other side that the recall was measured with"
    )
    settings: dict[str, int] = Field(default_factory=dict)


class VectorIndex(Protocol):
    """Search among unit vectors.

    Attributes:
        ids: of the rows.
        row_of: the row of each id.
        facts: what it is.
    """

    ids: Sequence[str]
    row_of: dict[str, int]
    facts: IndexFacts

    def __len__(self) -> int: ...

    @property
    def memory_bytes(self) -> int:
        """What this machine keeps in memory to search, in the long run.

        Of a memory map it is what a search reads, since the system keeps that as long as it can: all
        vectors where every search looks at each, the graph or the codes elsewhere, but not the vectors
        that only a few candidates are looked up in.
        """
        ...

    def search(self, queries: Vectors, k: int, among: Rows | None = None) -> Found:
        """Rows and cosines of the k best for each query, best first; k is cut to what is searched.

        Args:
            queries: (q, d) unit rows.
            among: (m,) rows that alone are searched, rising, each once; None for all. Among them the
                search is exact, whatever the kind.
        """
        ...

    def vectors(self) -> Vectors:
        """All vectors (n, d), in the order of ``ids``; a memory map."""
        ...


def key_of(ids: Sequence[str], vectors: Vectors) -> str:
    """Hash of what an index is built of."""
    digest = hashlib.sha256("\n".join(ids).encode())
    digest.update(np.ascontiguousarray(vectors, np.float32).data)
    return digest.hexdigest()


def write_vectors(folder: Path, ids: Sequence[str], vectors: Vectors) -> None:
    """Writes both; nothing counts before the facts are written."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FACTS).unlink(missing_ok=True)
    _replace(folder / IDS, json.dumps(list(ids)).encode())
    with whole_file(folder / VECTORS) as draft, draft.open("wb") as file:
        np.save(file, np.ascontiguousarray(vectors, np.float32), allow_pickle=False)


def write_facts(folder: Path, facts: IndexFacts) -> None:
    """Makes the folder whole."""
    _replace(folder / FACTS, facts.model_dump_json(indent=1).encode())


def read_vectors(folder: Path) -> tuple[list[str], Vectors]:
    """Ids and vectors, the latter memory-mapped."""
    ids = json.loads((folder / IDS).read_text("utf-8"))
    return ids, np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)


def _replace(path: Path, content: bytes) -> None:
    with whole_file(path) as draft:
        draft.write_bytes(content)
