"""Nearest neighbours by cosine among unit vectors with string ids, behind one protocol.

vectors    the protocol; the vectors and ids on disk, which every kind is built over
choosing   which kind a set of vectors gets, by its size and a budget of memory
flat       exact search over the vectors themselves
graphs     approximate search by FAISS (HNSW, IVF-PQ), its answers scored exactly
devices    what FAISS does on a GPU, where there is one
stores     where Milvus is, connecting to it, its errors in words
milvus     search by Milvus, for sets that outgrow one machine
building   building, measuring recall against exact search, saving, opening
"""

from __future__ import annotations

from backend.exploration.indexes.building import (
    build_index,
    facts_of,
    is_in,
    is_whole,
    open_index,
)
from backend.exploration.indexes.choosing import Budget, Choice, choose
from backend.exploration.indexes.milvus import drop_of
from backend.exploration.indexes.stores import Store
from backend.exploration.indexes.vectors import IndexFacts, VectorIndex

__all__ = [
    "Budget",
    "Choice",
    "IndexFacts",
    "Store",
    "VectorIndex",
    "build_index",
    "choose",
    "drop_of",
    "facts_of",
    "is_in",
    "is_whole",
    "open_index",
]
