"""What a game's operators need of a run: its space, and what its decoder to words is trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from backend.reporting import Report
from backend.runs.evaluations.opened import OpenedRun
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.drift.operators.opening import Surroundings
    from backend.exploration.gallery import Gallery

_FOLDER: Final = "decoder"


def surroundings(settings: Settings, run: OpenedRun, gallery: Gallery) -> Surroundings:
    """What operators need of a run; its captions are read when a decoder is to be trained.

    Args:
        gallery: the run's, opened.
    """
    from backend.drift.operators.opening import Surroundings
    from backend.exploration.space import SharedSpace

    return Surroundings(
        space=SharedSpace(gallery, run.alignment, run.encoder),
        captions=lambda report: training_captions(run, report),
        decoder=decoder_folder(settings, run.detail.summary.id),
        made_of=made_of(settings, run.detail.summary.id),
        device=settings.device,
        max_pixels=settings.max_image_pixels,
    )


def decoder_folder(settings: Settings, run_id: str) -> Path:
    """Where a run's decoder is kept; it is deleted with the run."""
    return settings.runs_dir / run_id / _FOLDER


def made_of(settings: Settings, run_id: str) -> str:
    """Tells a decoder of these heads from those of others: their bytes' SHA-256."""
    digest = hashlib.sha256()
    for path in sorted((settings.runs_dir / run_id / "heads").rglob("*")):
        if path.is_file():
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def training_captions(run: OpenedRun, report: Report) -> tuple[Sequence[str], NDArray[np.float32]]:
    """The captions that the run's first seed was trained on, and their (m, d) unit vectors.

    From stored features through the text head: nothing held out is among them.

    Raises:
        InvalidInput: the data set or an encoder is no longer that of the run.
    """
    pairs = run.pairs("train", report)
    inputs = run.inputs
    drawn = inputs.drawn(inputs.seeds[0], report)
    records = inputs.rows(report).split("train")
    texts = [caption for record in records for caption in record.captions]
    own = np.repeat([record.id in drawn for record in records], [len(r.captions) for r in records])
    rows = np.flatnonzero(own)
    return [texts[row] for row in rows], run.into_space("text", pairs.text.only(rows))
