"""A finished run's gallery in motion, kept beside its index, since it never changes.

indexes/<run>/moving-training.npz     where points stand along the training, and retrieval at each stop
indexes/<run>/moving-gap.npz          the same as the offset between its sides is taken away
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from backend.errors import NotFound
from backend.reporting import Report, silent
from backend.runs.evaluations.opened import OpenedRun
from backend.runs.seeds import places as places_of
from backend.schemas import MOST_POINTS
from backend.whole_files import whole_file

if TYPE_CHECKING:
    from backend.alignment.base import Alignment
    from backend.exploration.gallery import Gallery

#: to be raised where the files are made otherwise
_VERSION: Final = 2


class Motion(NamedTuple):
    """Where points of a gallery stand at some stops.

    Attributes:
        points: (n,) of the gallery, rising.
        stops: where on the slider: steps, or shares.
        xy: (stops, n, 2).
        figures: (stops, f) by :attr:`names`; none where nothing was measured.
        names: of the figures.
        counts: images and captions that the figures are of, and images of that split.
    """

    points: NDArray[np.int32]
    stops: NDArray[np.float64]
    xy: NDArray[np.float32]
    figures: NDArray[np.float64]
    names: NDArray[np.str_]
    counts: NDArray[np.int64]


def training_motion(opened: OpenedRun, gallery: Gallery, report: Report = silent) -> Motion:
    """Along the training of the first seed: the kept heads, and the best ones.

    Raises:
        NotFound: no heads were kept along it.
        InvalidInput: what the run was made of has changed.
    """
    steps = training_steps(opened)

    def make() -> Motion:
        from backend.exploration.moving import measured, places, retrieval
        from backend.exploration.plane import Plane
        from backend.exploration.points import Drawn

        points, vectors = _drawn(gallery)
        drawn = Drawn.of(points, len(gallery.indexes["image"]))
        plane = Plane.of(vectors)
        test, whole = opened.pairs("test", report), opened.pairs("val", report)
        val = measured(whole)
        stops, xy, figures = [], [], []
        for number, step in enumerate(steps):
            with suppress(NotFound):  # its file was lost: one stop fewer
                heads = _heads(opened, step)
                xy.append(places(heads, test, drawn, plane))
                figures.append(retrieval(heads, val))
                stops.append(step)
            report(number + 1, len(steps), "stops")
        return Motion(
            points,
            np.asarray(stops, np.float64),
            np.stack(xy),
            np.array([[*each.values()] for each in figures]),
            np.array([*figures[0]]),
            np.array([len(val.image), len(val.text), len(whole.image)]),
        )

    return _kept(_path(opened, "training"), _key(gallery, steps), make)


def training_steps(opened: OpenedRun) -> list[int]:
    """The steps whose heads there are: those kept along the way, and the best.

    Raises:
        NotFound: none were kept; the sentence says why.
    """
    from backend.alignment.training.stops import kept_stops

    kept = kept_stops(_training(opened))
    if not kept:
        raise NotFound(_why_not(opened))
    return sorted({*kept, _best(opened)})


def gap_motion(opened: OpenedRun, gallery: Gallery, report: Report = silent) -> Motion:
    """As the validation split's offset is taken away from the gallery.

    Raises:
        InvalidInput: what the run was made of has changed.
    """
    from backend.evaluation.gap import SHARES, offset

    def make() -> Motion:
        from backend.exploration.moving import gap_plane, through_gap
        from backend.exploration.points import Drawn

        points, vectors = _drawn(gallery)
        images = len(Drawn.of(points, len(gallery.indexes["image"])).image)
        between = offset(*opened.embedded("val", report)[:2])
        plane = gap_plane(vectors, between)
        xy = through_gap(vectors[:images], vectors[images:], between, SHARES, plane)
        nothing = np.zeros((len(SHARES), 0))
        return Motion(
            points, np.array(SHARES), xy, nothing, np.array([], "<U1"), np.zeros(3, np.int64)
        )

    return _kept(_path(opened, "gap"), _key(gallery, SHARES), make)


def _why_not(opened: OpenedRun) -> str:
    """Why no heads were kept along a training."""
    from backend.alignment.methods import METHODS

    request = opened.detail.request
    method = METHODS[request.method].info
    if not method.trained:
        return (
            f"{method.name} is solved and not trained step by step, so there is no way to look back at. "
            "Choose a run of a trained method."
        )
    if opened.detail.summary.sweep is not None:
        return (
            "Runs of a sweep keep no heads along their training, which would fill the disk. Launch this "
            "one by itself to watch it."
        )
    return (
        "This run kept no heads along its training: it was made before runs did, its heads are too "
        "large, or the disk was full. Launch it again to watch it."
    )


def _training(opened: OpenedRun) -> Path:
    folder = opened.settings.runs_dir / opened.detail.summary.id
    return places_of(folder, opened.detail.request)[0].training


def _best(opened: OpenedRun) -> int:
    return int(opened.detail.configuration.get("fit", {}).get("best_step", 0))


def _heads(opened: OpenedRun, step: int) -> Alignment:
    from backend.alignment.training.stops import heads_at

    if step == _best(opened):
        return opened.alignment
    return heads_at(_training(opened), step, opened.alignment)


def _drawn(gallery: Gallery) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The points of the largest map there is, and their vectors; every smaller map's are among them."""
    from backend.exploration.layouts.sampling import sample

    image, text, owners = gallery.embedded()
    points = sample(len(image), owners, MOST_POINTS)
    split = int(np.searchsorted(points, len(image)))
    vectors = np.concatenate([image[points[:split]], text[points[split:] - len(image)]])
    return points, vectors


def _path(opened: OpenedRun, kind: str) -> Path:
    return opened.settings.indexes_dir / opened.detail.summary.id / f"moving-{kind}.npz"


def _key(gallery: Gallery, stops: Sequence[float]) -> str:
    sizes = [len(index) for index in gallery.indexes.values()]
    return f"{_VERSION} {MOST_POINTS} {sizes} {[float(stop) for stop in stops]}"


def _kept(path: Path, key: str, make: Callable[[], Motion]) -> Motion:
    """The motion in a file; made, and kept where the disk takes it."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["key"]) == key:
                return Motion(*(file[name] for name in Motion._fields))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        pass  # not there, or damaged
    made = make()
    arrays: dict[str, Any] = made._asdict()
    with suppress(OSError), whole_file(path) as draft, draft.open("wb") as file:
        np.savez(file, key=np.array(key), **arrays)
    return made
