"""A run's index: built from stored features and heads, and built again where it is missing or of others."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import NotFound, StorageError
from backend.reporting import Report, silent
from backend.schemas import RunDetail
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.exploration.indexes import Budget, Store
    from backend.runs.evaluations.opened import OpenedRun

log = logging.getLogger(__name__)

#: what a run's gallery is made of, beside its heads
_READ = ("dataset_fingerprint", "image_fingerprint", "text_fingerprint")


def build_run_index(opened: OpenedRun, report: Report = silent) -> None:
    """Makes the test split searchable.

    Args:
        opened: the run, whose heads are fitted.
        report: told vectors indexed.

    Raises:
        DatasetError: the data set is gone, and so cannot be read again.
        StorageError: Milvus is to search and does not answer.
    """
    from backend.exploration.gallery import Entry, build_gallery

    settings, detail = opened.settings, opened.detail
    folder = settings.indexes_dir / detail.summary.id
    image, text, _ = opened.embedded("test", report)
    entries = [
        Entry(record.id, record.modality, record.content, record.captions, record.attributes)
        for record in opened.inputs.rows(report).split("test")
    ]
    report(0, len(image) + len(text), "vectors")
    build_gallery(
        folder,
        entries,
        image,
        text,
        made_of(settings, detail),
        index_budget(settings),
        index_store(settings),
        report,
    )
    report(len(image) + len(text), len(image) + len(text), "vectors")


def made_of(settings: Settings, detail: RunDetail) -> str:
    """Hash of the heads, and of what the features are of; an index with another one is stale."""
    digest = hashlib.sha256()
    for path in sorted(heads_of(settings, detail.summary.id).glob("*.safetensors")):
        digest.update(path.read_bytes())
    read = [detail.configuration.get(name) for name in _READ]
    digest.update(json.dumps(read).encode())
    return digest.hexdigest()


def is_current(settings: Settings, detail: RunDetail) -> bool:
    """Whether a run's index is there, where the settings want it, and of its own heads and features.

    Raises:
        StorageError: Milvus is to have it and does not answer.
    """
    from backend.exploration.gallery import gallery_of

    try:
        found = gallery_of(settings.indexes_dir / detail.summary.id, index_store(settings))
    except NotFound:
        return False
    # an older version's does not say; it was made with its run, and runs' heads do not change
    return not found or found == made_of(settings, detail)


def heads_of(settings: Settings, run_id: str) -> Path:
    """Where the heads of a run's first seed lie."""
    return settings.runs_dir / run_id / "heads"


def index_budget(settings: Settings) -> Budget:
    """What the indexes of a run may take, and where FAISS works."""
    from backend.exploration.indexes import Budget

    return Budget(memory_bytes=settings.index_memory_bytes, device=settings.device)


def index_store(settings: Settings) -> Store | None:
    """Milvus, where the settings name it."""
    if settings.vector_store == "faiss":
        return None
    from backend.exploration.indexes import Store

    store = Store(settings.vector_store, settings.vector_store_token)
    # beside the data, wherever a process was started
    return Store(str(settings.home.resolve() / store.uri)) if store.lite else store


def reach_store(settings: Settings) -> None:
    """Asks Milvus for something, where the settings name it.

    Raises:
        StorageError: it does not answer.
    """
    store = index_store(settings)
    if store is None:
        return
    from backend.exploration.indexes.stores import names

    names(store)


def drop_index(settings: Settings, run_id: str) -> None:
    """Removes what a run has in Milvus; where that does not answer, a word in the log says what stays."""
    store = index_store(settings)
    if store is None:
        return
    from backend.exploration.indexes import drop_of

    try:
        drop_of(store, run_id)
    except StorageError as error:
        log.warning(
            "collections of run %s stay in Milvus, where nothing asks for them: %s", run_id, error
        )
