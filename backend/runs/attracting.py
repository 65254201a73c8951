"""The nearest item of every item of a run, found once and kept beside its index."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import numpy as np

from backend.drift.attractors import NEIGHBOURS, NearestMap, nearest_map
from backend.reporting import Report, silent
from backend.runs.indexing import made_of
from backend.schemas import RunDetail
from backend.settings import Settings
from backend.whole_files import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from backend.drift.neighbours import Galleries

_FILE: Final = "nearest.npz"


def nearest_of(
    settings: Settings, detail: RunDetail, galleries: Galleries, report: Report = silent
) -> NearestMap:
    """The map of a run's chains of nearest items.

    Args:
        settings: where its index lies.
        detail: the run.
        galleries: its indexes.
        report: told items done, where it has to be made; may raise ``Cancelled``.

    Raises:
        InvalidInput: a side has no item.
    """
    path = settings.indexes_dir / detail.summary.id / _FILE
    made = made_of(settings, detail)
    image, text = galleries["image"], galleries["text"]
    found = _read(path, made, (*image.ids, *text.ids), len(image))
    if found is None:
        found = nearest_map(galleries, NEIGHBOURS, report)
        _write(path, made, found)
    return found


def _read(path: Path, made: str, ids: tuple[str, ...], images: int) -> NearestMap | None:
    """What was kept, where it is whole and of these heads."""
    try:
        with np.load(path, allow_pickle=False) as kept:
            successor, occurrence = kept["successor"], kept["occurrence"]
            if str(kept["made_of"]) != made or len(successor) != len(ids):
                return None
            return NearestMap(ids, images, successor, occurrence, int(kept["neighbours"]))
    except (OSError, ValueError, KeyError):
        return None


def _write(path: Path, made: str, found: NearestMap) -> None:
    """Keeps it; where that cannot be, it is found again the next time."""
    file = io.BytesIO()
    np.savez(
        file,
        made_of=np.array(made),
        neighbours=np.array(found.neighbours),
        successor=found.successor,
        occurrence=found.occurrence,
    )
    with suppress(OSError), whole_file(path) as draft:
        draft.write_bytes(file.getvalue())
