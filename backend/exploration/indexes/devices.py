"""FAISS on a GPU, where its GPU build is installed and a GPU is there; otherwise the processor, in silence.

What does not fit into a share of the GPU's free memory, or what FAISS cannot do there, goes to the processor
with a word in the log. One set of FAISS's resources serves all indexes of a process, one call at a time, as
FAISS asks for.
"""

from __future__ import annotations

import functools
import logging
import threading
from typing import Any, Final

import faiss
import numpy as np

from backend.exploration.indexes.vectors import Found, Vectors

log = logging.getLogger(__name__)

#: of the memory that is free on a GPU, what one index may take: runs are trained there as well
SHARE: Final = 0.5
#: FAISS finds no more neighbours than this on a GPU
MOST: Final = 2048
_LOCK: Final = threading.RLock()


class GpuVectors:
    """Vectors that were copied to a GPU once, searched exactly there.

    Args:
        vectors: (n, d) unit rows.
        number: of the GPU.
    """

    def __init__(self, vectors: Vectors, number: int) -> None:
        with _LOCK:
            empty = faiss.IndexFlatIP(vectors.shape[1])
            self._index = faiss.index_cpu_to_gpu(_resources(number), number, empty)
            self._index.add(np.ascontiguousarray(vectors, np.float32))

    def search(self, queries: Vectors, k: int) -> Found:
        """Rows and cosines of the k best, best first; k at most :data:`MOST` and the number of vectors."""
        with _LOCK:
            scores, rows = self._index.search(np.ascontiguousarray(queries, np.float32), k)
        return rows, scores


def gpu_of(device: str) -> int | None:
    """Number of the GPU that FAISS may use; None for the processor.

    Args:
        device: auto, cpu, cuda or cuda:N, as the settings have it.
    """
    if device == "cpu" or not hasattr(faiss, "StandardGpuResources"):
        return None
    number = int(device.partition(":")[2] or 0)
    return number if number < faiss.get_num_gpus() else None


def on_gpu(vectors: Vectors, device: str) -> GpuVectors | None:
    """Vectors copied to the GPU; None where there is none, or where they do not fit."""
    number = gpu_of(device)
    if number is None or not _fits(vectors.nbytes, number, "Exact search"):
        return None
    try:
        return GpuVectors(vectors, number)
    except RuntimeError as error:
        log.warning("Exact search stays on the processor: %s", error)
        return None


def twin_on_gpu(index: Any, memory_bytes: int, device: str) -> Any | None:
    """An empty inverted file on the GPU, to be trained and filled there; None where that cannot be.

    Args:
        index: an empty IVF index on the processor.
        memory_bytes: what it takes when full.
    """
    number = gpu_of(device)
    if number is None or not _fits(memory_bytes, number, "Building the index"):
        return None
    options = faiss.GpuClonerOptions()
    options.useFloat16 = True  # the tables of codes beyond 48 bytes fit no other way
    try:
        with _LOCK:
            return faiss.index_cpu_to_gpu(_resources(number), number, index, options)
    except RuntimeError as error:
        log.warning("The index is built on the processor: %s", error)
        return None


def to_processor(twin: Any) -> Any:
    """A full index of a GPU as one of the processor, which can be saved."""
    with _LOCK:
        return faiss.index_gpu_to_cpu(twin)


@functools.cache
def _resources(number: int) -> Any:
    return faiss.StandardGpuResources()


def _fits(wanted: int, number: int, what: str) -> bool:
    """Whether so many bytes are within the share; True where it cannot be told, and FAISS will say."""
    free = _free(number)
    if free is None or wanted <= SHARE * free:
        return True
    log.warning(
        "%s stays on the processor: it takes %.0f MB, and %.0f MB of the GPU are free, of which %.0f%% "
        "may be used", what, wanted / 1e6, free / 1e6, 100 * SHARE,
    )  # fmt: skip
    return False


def _free(number: int) -> int | None:
    import torch

    if not torch.cuda.is_available():
        return None
    return int(torch.cuda.mem_get_info(number)[0])
