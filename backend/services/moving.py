"""Maps that move: along a training, as the modality gap closes, and from one run to another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from backend.errors import InvalidInput, IsthmusError, NotFound
from backend.schemas import (
    ITEM_WORDS,
    MOST_POINTS,
    USUAL_LAYOUT,
    USUAL_POINTS,
    Frames,
    GapReport,
    LayoutRequest,
    MapView,
    Query,
    RunDetail,
)
from backend.services.mapping import Mapping
from backend.services.same_items import SameItems

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.runs.moving import Motion

_PLANE: Final = (
    "The plane is that of the largest variance in the trained space and stays the same, so what moves "
    "is the embeddings."
)
_LIKE: Final = (
    "The items that both runs have. The second run is laid out from the first one's places and fitted to "
    "them by Procrustes' method."
)
_PLAIN: Final = (
    "The items that both runs have, each run by PCA and the second fitted to the first by Procrustes' "
    "method."
)
#: of each modality, between which a query lands
_NEAREST: Final = 12
#: a loss told so few steps from a stop, or so small a share of them, is that stop's
_NEAR, _NEAR_SHARE = 5, 0.02


class Moving(Mapping, SameItems):
    """A run's map at several stops."""

    def training_frames(self, run_id: str, most: int = USUAL_POINTS) -> Frames:
        """The gallery through the heads at some steps of the training; figures are of validation.

        Args:
            most: points at most.

        Raises:
            NotFound: no such run, it has no index, or no heads were kept along its training.
            InvalidInput: what the run was made of has changed.
        """
        from backend.runs.evaluations.opened import open_run
        from backend.runs.moving import training_motion

        opened = open_run(self.settings, self._store, run_id)
        gallery, detail = self._space(run_id).gallery, opened.detail
        motion = self._remembered(("training", run_id), lambda: training_motion(opened, gallery))
        best = int(detail.configuration.get("fit", {}).get("best_step", 0))
        steps = [int(step) for step in motion.stops]
        figures = [
            dict(zip(map(str, motion.names), map(float, row), strict=True))
            for row in motion.figures
        ]
        for step, told in zip(steps, figures, strict=True):
            if (loss := _loss_at(detail, step)) is not None:
                told["train/loss"] = loss
        thing, things = ITEM_WORDS[detail.summary.modality]
        images, captions, whole = (int(count) for count in motion.counts)
        drawn = f"{images:,} of {whole:,} {things}" if images < whole else f"{whole:,} {things}"
        return self._frames(
            run_id, "training", motion, most, [_step_name(step, best) for step in steps], figures,
            split=f"Validation split, {drawn} with {captions:,} captions",
            words=f"The test split through the heads at {len(steps)} steps of the training. {_PLANE}",
        )  # fmt: skip

    def gap_frames(self, run_id: str, most: int = USUAL_POINTS) -> Frames:
        """The gallery as the modality gap is closed; figures where the gap was evaluated.

        Args:
            most: points at most.

        Raises:
            NotFound: no such run, or it has no index.
            InvalidInput: what the run was made of has changed.
        """
        from backend.runs.evaluations.opened import open_run
        from backend.runs.moving import gap_motion

        opened = open_run(self.settings, self._store, run_id)
        gallery = self._space(run_id).gallery
        motion = self._remembered(("gap", run_id), lambda: gap_motion(opened, gallery))
        figures, split = self._gap_figures(run_id, motion.stops)
        names = [f"{share:.0%}" for share in motion.stops]
        return self._frames(
            run_id, "gap", motion, most, names, figures, split,
            words="The test split with a share of the offset between its sides taken away; the offset is "
            f"that of the validation split. {_PLANE}",
        )  # fmt: skip

    def run_frames(
        self,
        first: str,
        second: str,
        layout: LayoutRequest = USUAL_LAYOUT,
        most: int = USUAL_POINTS,
    ) -> Frames:
        """The items of two runs, at the first run's places and at the second's.

        The second run is laid out from the first one's coordinates and fitted to them; until that is
        ready, both are drawn by PCA.

        Args:
            layout: of the first run; in two dimensions.
            most: points at most.

        Raises:
            NotFound: no such run, or it has no index.
            InvalidInput: the same run twice, or runs of other data sets.
        """
        self.check_beside(first, second)
        layout = layout.model_copy(update={"dimensions": 2, "like": None})
        plain = layout.model_copy(update={"method": "pca"})
        like = layout.model_copy(update={"like": first}) if layout != plain else plain
        one, other = self.map_view(first, layout, most), self.map_view(second, like, MOST_POINTS)
        ready = one.ready and other.ready
        if not ready:
            one, other = (
                self.map_view(first, plain, most),
                self.map_view(second, plain, MOST_POINTS),
            )
        return self._remembered(
            ("runs", first, second, layout.model_dump_json(), most, ready),
            lambda: self._run_frames(one, other, ready),
        )

    def _run_frames(self, one: MapView, other: MapView, ready: bool) -> Frames:
        import numpy as np

        from backend.exploration.layouts.fitting import procrustes

        rows, others = self._common_rows(one, other)
        from_, onto = one.xy[rows], other.xy[others]
        flat = one.layout.method == "pca"
        if flat:
            onto = procrustes(onto, from_)(onto)
        points = one.points[rows]
        names = [self._store.get_summary(view.run).name for view in (one, other)]
        return Frames(
            run=one.run,
            kind="runs",
            points=points,
            images=int(np.searchsorted(points, one.total_images)),
            total=one.total,
            stops=(0.0, 1.0),
            names=(names[0], names[1]),
            xy=np.stack([from_, onto]),
            words=_PLAIN if flat else f"{_LIKE} {one.graph}",
            ready=ready,
        )

    def whole_items(
        self, run_id: str, points: Sequence[int] | NDArray[np.integer]
    ) -> NDArray[np.int32]:
        """Points of a gallery with all others of their items: an image with its captions.

        Raises:
            InvalidInput: there is no such point.
            NotFound: no such run, or it has no index.
        """
        import numpy as np

        owners = self._space(run_id).gallery.owners
        images = len(self._space(run_id).gallery.indexes["image"])
        some = np.asarray(points, np.int64)
        if len(some) and not 0 <= some.min() <= some.max() < images + len(owners):
            raise InvalidInput("There is no such point on this map.")
        items = np.unique(np.where(some < images, some, owners[np.maximum(some - images, 0)]))
        captions = images + np.flatnonzero(np.isin(owners, items))
        return np.concatenate([items, captions]).astype(np.int32)

    def frames_place(
        self, frames: Frames, run_id: str, query: Query, stop: int
    ) -> tuple[float, float]:
        """Where a query lands at a stop of a moving map: between the drawn points nearest to it in a run.

        Raises:
            InvalidInput: something of the query cannot be used.
            NotFound: no such run, or it has no index.
        """
        import numpy as np

        from backend.exploration.layouts.placing import barycentre

        wide = query.model_copy(update={"target": "both", "k": _NEAREST, "where": {}, "within": ""})
        hits = [hit for answers in self.search(run_id, wide).answers for hit in answers.hits]
        points, cosines = [], []
        for hit in sorted(hits, key=lambda hit: -hit.score):
            with suppress(NotFound):
                points.append(self.point_of(frames.run, hit.item.id))
                cosines.append(hit.score)
        rows = np.searchsorted(frames.points, points)
        there = np.isin(points, frames.points)
        if not there.any():
            return (0.0, 0.0)
        x, y = barycentre(np.array(cosines)[there], frames.xy[stop][rows[there]])
        return float(x), float(y)

    def same_items(self, first: str, second: str) -> bool:
        """Whether two runs' items can be held against each other; no where one is gone."""
        try:
            self.check_beside(first, second)
        except IsthmusError:
            return False
        return True

    def check_beside(self, first: str, second: str) -> None:
        """Whether the maps of two runs can be laid over each other.

        Raises:
            InvalidInput: the same run twice, or runs of other data sets; the sentence says so.
            NotFound: no such run, or it has no index.
        """
        if first == second:
            raise InvalidInput("This is the same run twice. Choose another second run.")
        if not (self._alike(first, second) or self._same_set(first, second)):
            names = [self._store.get_summary(run).name for run in (first, second)]
            raise InvalidInput(
                f"{names[0]} and {names[1]} were tested on different items, so no point of one is a "
                "point of the other. Choose two runs of the same data set."
            )

    def _same_set(self, first: str, second: str) -> bool:
        """Whether two runs read the same data set, of which an encoder may have left out items."""
        read = [self._looked_at(run).read for run in (first, second)]
        return read[0] is not None and read[0] == read[1]

    def _common_rows(
        self, one: MapView, other: MapView
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of two runs' views that are the same item."""
        import numpy as np

        if self._alike(one.run, other.run):
            _, rows, others = np.intersect1d(one.points, other.points, return_indices=True)
            return rows, others
        place = {name: row for row, name in enumerate(self._names(other))}
        found = [(row, place[name]) for row, name in enumerate(self._names(one)) if name in place]
        pairs = np.array(found, np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def _names(self, view: MapView) -> list[str]:
        """Item ids of a view's points."""
        indexes = self._space(view.run).gallery.indexes
        images, texts = indexes["image"].ids, indexes["text"].ids
        return [
            images[point] if point < len(images) else texts[point - len(images)]
            for point in view.points
        ]

    def _frames(
        self,
        run_id: str,
        kind: str,
        motion: Motion,
        most: int,
        names: Sequence[str],
        figures: Sequence[dict[str, float]],
        split: str,
        words: str,
    ) -> Frames:
        """A motion with as many of its points as are asked for; those of a map of that size."""
        import numpy as np

        view = self.map_view(run_id, LayoutRequest(method="pca"), most)
        rows = np.searchsorted(motion.points, view.points)
        return Frames(
            run=run_id,
            kind=kind,
            points=view.points,
            images=view.images,
            total=view.total,
            stops=tuple(float(stop) for stop in motion.stops),
            names=tuple(names),
            xy=motion.xy[:, rows],
            figures=tuple(figures),
            split=split,
            words=words,
        )

    def _gap_figures(
        self, run_id: str, shares: NDArray[np.float64]
    ) -> tuple[list[dict[str, float]], str]:
        """What the run's last gap evaluation says at each share; nothing where there is none."""
        kept = self._jobs.evaluations.newest(run_id, "gap")
        if kept is None:
            return [], ""
        report = GapReport.model_validate(kept.result)
        told = {round(point.share, 6): point for point in report.points}
        if any(round(float(share), 6) not in told for share in shares):
            return [], ""
        figures = []
        for share in shares:
            point = told[round(float(share), 6)]
            scores = {name: score.value for name, score in point.scores.items()}
            figures.append({**scores, "gap": point.gap, "pair_cosine": point.pair_cosine})
        modality = self._store.get_summary(run_id).modality
        things = ITEM_WORDS[modality][1]
        return figures, f"Test split, {report.images:,} {things} with {report.captions:,} captions"


def _loss_at(detail: RunDetail, step: int) -> float | None:
    """The training loss of the heads after a step, where one was told near enough to it."""
    series = next((each for each in detail.series if each.name == "train/loss"), None)
    if series is None or not series.steps:
        return None
    # what is told with step n + 1 is the loss of the heads after n
    near = min(range(len(series.steps)), key=lambda i: abs(series.steps[i] - 1 - step))
    apart = abs(series.steps[near] - 1 - step)
    return series.values[near] if apart <= max(_NEAR, _NEAR_SHARE * step) else None


def _step_name(step: int, best: int) -> str:
    name = f"step {step:,}" if step else "before training"
    return f"{name}, the best" if step == best else name
