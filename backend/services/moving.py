"""Maps that move: along a training, and as the modality gap closes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from backend.errors import InvalidInput
from backend.schemas import (
    ITEM_WORDS,
    USUAL_POINTS,
    Frames,
    GapReport,
    LayoutRequest,
    RunDetail,
)
from backend.services.mapping import Mapping

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.runs.moving import Motion

_PLANE: Final = (
    "The plane is that of the largest variance in the trained space and stays the same, so what moves "
    "is the embeddings."
)
#: a loss told so few steps from a stop, or so small a share of them, is that stop's
_NEAR, _NEAR_SHARE = 5, 0.02


class Moving(Mapping):
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
            "that of the validation split. Left to right is the direction of the offset, up and down that "
            "of the largest variance across it, each scaled by itself and the same at all shares.",
        )  # fmt: skip

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
