"""Nearest neighbours by cosine: a FAISS inner-product index over unit vectors, with string ids."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import faiss
import numpy as np
from numpy.typing import NDArray

from backend.errors import NotFound

_VECTORS: Final = "index.faiss"
_IDS: Final = "ids.json"


class VectorIndex:
    """Exact search. Scores are cosines as long as what was added has unit length."""

    def __init__(self, index: faiss.Index, ids: list[str]) -> None:
        self._index = index
        self.ids = ids
        self.row_of = {item: row for row, item in enumerate(ids)}

    @staticmethod
    def build(ids: list[str], vectors: NDArray[np.float32]) -> VectorIndex:
        """An index over ``vectors`` (n, d), unit rows, named by ``ids``."""
        if len(ids) != len(vectors):
            raise ValueError(f"{len(ids)} ids for {len(vectors)} vectors")
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(np.ascontiguousarray(vectors, np.float32))
        return VectorIndex(index, list(ids))

    def __len__(self) -> int:
        return len(self.ids)

    def search(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows and scores of the k best for each query, best first; k is cut to the index's size.

        Args:
            queries: (n, d) unit rows.
        """
        scores, rows = self._index.search(
            np.ascontiguousarray(queries, np.float32), min(k, len(self.ids))
        )
        return rows, scores

    def vectors(self) -> NDArray[np.float32]:
        """All vectors (n, d), in the order of ``ids``."""
        result: NDArray[np.float32] = self._index.reconstruct_n(0, len(self.ids))
        return result

    def save(self, folder: Path) -> None:
        """Writes index and ids; ids are renamed into place last and make the pair whole."""
        folder.mkdir(parents=True, exist_ok=True)
        faiss.write_index(self._index, str(folder / _VECTORS))
        partial = folder / f"{_IDS}.part"
        partial.write_text(json.dumps(self.ids), encoding="utf-8")
        partial.replace(folder / _IDS)

    @staticmethod
    def load(folder: Path) -> VectorIndex:
        """The index saved in ``folder``, memory-mapped.

        Raises:
            NotFound: nothing whole is there.
        """
        if not (folder / _IDS).is_file():
            raise NotFound(f"There is no index in {folder}.")
        ids = json.loads((folder / _IDS).read_text(encoding="utf-8"))
        index = faiss.read_index(str(folder / _VECTORS), faiss.IO_FLAG_MMAP_IFC)
        return VectorIndex(index, ids)
