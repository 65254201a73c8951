"""What ``python -m backend doctor`` looks at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from backend.errors import IsthmusError
from backend.runs.plan import library_versions
from backend.settings import Settings

_LEAST_FREE = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    what: str
    fine: bool
    detail: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def examine(settings: Settings) -> list[Finding]:
    """Looks at everything; a look that fails is a finding, never an exception."""
    looks: dict[str, Callable[[Settings], Finding]] = {
        "folders": _folders,
        "disk": _disk,
        "database": _database,
        "worker": _worker,
        "device": _device,
        "faiss": _faiss,
        "vector store": _vector_store,
        "text encoder": _text_encoder,
    }
    findings = [Finding("versions", True, _versions())]
    for what, look in looks.items():
        try:
            findings.append(look(settings))
        except (IsthmusError, OSError, ImportError) as error:
            findings.append(Finding(what, False, str(error)))
    return findings


def _versions() -> str:
    return ", ".join(f"{name} {version}" for name, version in library_versions().items())


def _folders(settings: Settings) -> Finding:
    settings.make_dirs()
    fine = os.access(settings.data_dir, os.W_OK) and os.access(settings.indexes_dir, os.W_OK)
    return Finding("folders", fine, f"{settings.data_dir} and {settings.indexes_dir}")


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.data_dir).free
    return Finding("disk", free > _LEAST_FREE, f"{free / 1024**3:.1f} GiB free")


def _database(settings: Settings) -> Finding:
    from backend.runs.store import Store

    return Finding("database", True, f"{len(Store(settings).list_runs())} runs")


def _worker(settings: Settings) -> Finding:
    from backend.runs.jobs import Jobs
    from backend.runs.store import Store

    # none is needed as long as no app is open, so this is never a problem
    return Finding("worker", True, Jobs(settings, Store(settings)).worker().message)


def _device(settings: Settings) -> Finding:
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "no GPU; the CPU is used"
    return Finding("device", True, f"{gpu}; {torch.get_num_threads()} threads")


def _faiss(settings: Settings) -> Finding:
    import faiss

    gpus = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
    return Finding("faiss", True, f"{faiss.__version__}, {gpus} GPUs")


def _vector_store(settings: Settings) -> Finding:
    from backend.exploration.indexes.stores import names
    from backend.runs.indexing import index_store

    budget = f"open indexes may take {settings.index_memory_bytes / 1024**3:.1f} GiB"
    store = index_store(settings)
    if store is None:
        return Finding("vector store", True, f"FAISS on this machine; {budget}")
    own = [name for name in names(store) if name.startswith("isthmus_")]
    return Finding("vector store", True, f"Milvus at {store}, {len(own)} collections; {budget}")


def _text_encoder(settings: Settings) -> Finding:
    from backend.catalog.encoders import find_encoder
    from backend.features.loading import load_encoder

    encoder = load_encoder(find_encoder("minilm", "text", settings), "cpu", None)
    shape = encoder.encode(["a red circle"]).shape
    return Finding("text encoder", True, f"minilm gives {shape[1]} numbers a text, checksum right")
