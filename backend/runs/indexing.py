"""A run's index: built from stored features and heads, and built again where it is missing or of others."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from backend.errors import NotFound
from backend.reporting import Report, silent
from backend.runs.evaluations.opened import OpenedRun
from backend.schemas import RunDetail
from backend.settings import Settings

#: what a run's gallery is made of, beside its heads
_READ = ("dataset_fingerprint", "image_fingerprint", "text_fingerprint")


def build_run_index(opened: OpenedRun, report: Report = silent) -> None:
    """Makes the test split searchable and draws its quick map.

    Args:
        opened: the run, whose heads are fitted.
        report: told parts done.

    Raises:
        DatasetError: the data set is gone, and so cannot be read again.
    """
    import numpy as np

    from backend.exploration.gallery import Entry, build_gallery
    from backend.exploration.layout import pca_layout, save_layout

    settings, detail = opened.settings, opened.detail
    folder = settings.indexes_dir / detail.summary.id
    image, text, _ = opened.embedded("test", report)
    entries = [
        Entry(record.id, record.modality, record.content, record.captions, record.attributes)
        for record in opened.inputs.rows(report).split("test")
    ]
    report(0, 2, "parts")
    build_gallery(folder, entries, image, text, made_of(settings, detail))
    report(1, 2, "parts")
    save_layout(folder, "pca", pca_layout(np.concatenate([image, text])), detail.request.seed)
    report(2, 2, "parts")


def made_of(settings: Settings, detail: RunDetail) -> str:
    """Hash of the heads, and of what the features are of; an index with another one is stale."""
    digest = hashlib.sha256()
    for path in sorted(heads_of(settings, detail.summary.id).glob("*.safetensors")):
        digest.update(path.read_bytes())
    read = [detail.configuration.get(name) for name in _READ]
    digest.update(json.dumps(read).encode())
    return digest.hexdigest()


def is_current(settings: Settings, detail: RunDetail) -> bool:
    """Whether a run's index is there and of its own heads and features."""
    from backend.exploration.gallery import gallery_of

    try:
        found = gallery_of(settings.indexes_dir / detail.summary.id)
    except NotFound:
        return False
    # an older version's does not say; it was made with its run, and runs' heads do not change
    return not found or found == made_of(settings, detail)


def heads_of(settings: Settings, run_id: str) -> Path:
    """Where the heads of a run's first seed lie."""
    return settings.runs_dir / run_id / "heads"
