"""The layouts of a run's map: what is shown, what is being made, what can be asked for."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from backend.errors import NotFound
from backend.schemas import (
    MOST_POINTS,
    USUAL_LAYOUT,
    USUAL_POINTS,
    EvaluationSummary,
    LayoutMethod,
    LayoutRequest,
    MapView,
    Space,
)
from backend.services.remembering import Remembering
from backend.services.searching import Searching
from backend.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.exploration.layouts.stored import Layout
    from backend.runs.layouts import RunLayouts

_LEAST_POINTS: Final = 100


class Shown(NamedTuple):
    """A layout that is there.

    Attributes:
        layout: of all the points that a layout has.
        points: (n,) those points of the gallery.
        ready: whether it is what was asked for.
        note: why it is not, where it is not being made either.
    """

    layout: Layout
    points: NDArray[np.int32]
    ready: bool
    note: str = ""


class LayingOut(Searching, Remembering):
    """Shows layouts, and has those made that are not there."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._asking = threading.Lock()

    def map_view(
        self, run_id: str, layout: LayoutRequest = USUAL_LAYOUT, most: int = USUAL_POINTS
    ) -> MapView:
        """The map's coordinates: those asked for; until they are ready, PCA of the same dimensions.

        A layout that is not there is asked for as a job. One that failed or was stopped is not asked for
        again by this: Resume does that (:meth:`resume_evaluation` of :meth:`map_progress`). The frozen
        features are read by the job; until then the shared space is shown in their place.

        Args:
            layout: how the gallery is laid out.
            most: points at most: a sample of larger galleries, which lies within every larger sample.

        Raises:
            InvalidInput: the method is not installed here.
            NotFound: no such run, or it has no index.
        """
        import numpy as np

        shown, sizes = self._shown(run_id, layout), self.gallery_sizes(run_id)
        images, points = sizes["image"], self._sampled(run_id, shown, most)
        card = shown.layout.card
        report = card.report
        return MapView(
            run=run_id,
            layout=card.request,
            ready=shown.ready,
            graph=report.graph,
            points=points,
            images=int(np.searchsorted(points, images)),
            xy=shown.layout.coordinates[np.searchsorted(shown.points, points)],
            total=sum(sizes.values()),
            total_images=images,
            trustworthiness=report.trustworthiness,
            neighbours_kept=report.neighbours_kept,
            judged=report.judged,
            note=shown.note,
        )

    def map_progress(
        self, run_id: str, layout: LayoutRequest = USUAL_LAYOUT
    ) -> EvaluationSummary | None:
        """The job that makes a layout, or made it last; None where nobody asked for it.

        The job of a run's own map has no row of its own: it is told as one that tells no counts and
        cannot be stopped.

        Raises:
            NotFound: no such run.
        """
        layouts = self._layouts(run_id)
        asked = self._asked(layouts, layout)
        if asked is not None or not _is_usual(layouts, layout):
            return asked
        state, run = self._store.map_state(run_id), layouts.summary
        if state not in ("queued", "running"):
            return None
        return EvaluationSummary(
            id=f"{run_id}-map",
            kind="layout",
            run=run_id,
            run_name=run.name,
            status="queued" if state == "queued" else "running",
            created_at=run.finished_at or run.created_at,
            request=layout.model_dump(mode="json"),
            with_run=True,
        )

    def map_methods(self) -> dict[LayoutMethod, str]:
        """The methods of layout that can be carried out here, with their names."""
        from backend.exploration.layouts.projecting import methods

        return methods()

    # --- what is there --------------------------------------------------------------------------

    def _shown(self, run_id: str, request: LayoutRequest) -> Shown:
        """The layout that is shown for a request, which is asked for where it is not there."""
        from backend.exploration.layouts.projecting import check

        check(request)
        layouts = self._layouts(run_id)
        found = layouts.find(request)
        if found is not None:
            return Shown(found, self._points(layouts, found.card.request.space), True)
        quick = request.model_copy(update={"method": "pca", "like": None})
        if quick == request and request.space == "shared":
            return self._quick(layouts, request.dimensions, True)
        if self.settings.mode != "full":
            usual = USUAL_LAYOUT.model_copy(update={"dimensions": request.dimensions})
            found = layouts.find(usual)
            note = "This place is read-only, so a layout that is not there cannot be made."
            if found is None:
                return self._quick(layouts, request.dimensions, False)._replace(note=note)
            return Shown(found, self._points(layouts, found.card.request.space), False, note)
        self._ask(layouts, request)
        found = layouts.find(quick)
        if found is not None:
            return Shown(found, self._points(layouts, found.card.request.space), False)
        return self._quick(layouts, request.dimensions, False)

    def _layouts(self, run_id: str) -> RunLayouts:
        """A run's layouts, with the gallery that is open."""
        from backend.runs.layouts import RunLayouts

        gallery = self._space(run_id).gallery
        # reading all heads takes longer than anything else here
        known = self._remembered(("made of", run_id), lambda: self._made_of(run_id))
        return RunLayouts(self.settings, self._store, run_id, gallery, known)

    def _made_of(self, run_id: str) -> str:
        from backend.runs.indexing import made_of

        return made_of(self.settings, self._store.get_run(run_id))

    def _points(self, layouts: RunLayouts, space: Space) -> NDArray[np.int32]:
        return self._remembered(("points", layouts.run_id, space), lambda: layouts.points(space))

    def _sampled(self, run_id: str, shown: Shown, most: int) -> NDArray[np.int32]:
        """At most so many of a layout's points."""
        from backend.exploration.layouts.requests import SIDES
        from backend.exploration.layouts.sampling import sample

        most = min(max(_LEAST_POINTS, most), MOST_POINTS)
        if most >= len(shown.points):
            return shown.points
        gallery, space = self._space(run_id).gallery, shown.layout.card.request.space
        return sample(len(gallery.indexes["image"]), gallery.owners, most, SIDES[space])

    def _quick(self, layouts: RunLayouts, dimensions: int, ready: bool) -> Shown:
        made = self._remembered(
            ("pca", layouts.run_id, dimensions), lambda: layouts.quick(dimensions)
        )
        return Shown(made, self._points(layouts, "shared"), ready)

    # --- what is made ---------------------------------------------------------------------------

    def _ask(self, layouts: RunLayouts, request: LayoutRequest) -> None:
        """Puts a layout into the queue, unless it is there or has failed."""
        run_id = layouts.run_id
        with self._asking:  # two pages that open at once ask once
            if _is_usual(layouts, request):
                state = self._store.map_state(run_id)
                if state is None:
                    self._jobs.draw_map(run_id)
                # the map comes after all runs that wait, and a person who looks at it need not
                behind = state == "queued" and self._store.live_attempts(timedelta(0))
                if state in (None, "queued", "running") and not behind:
                    return
            before = self._asked(layouts, request)
            if before is not None:
                if before.status != "finished":
                    return
                self._jobs.delete_evaluation(before.id)  # its files are gone
            self._jobs.launch_evaluation("layout", request, run_id)

    def _asked(self, layouts: RunLayouts, request: LayoutRequest) -> EvaluationSummary | None:
        """The newest job for a request, however it was written."""
        wanted = layouts.key(request)
        for summary in self._jobs.evaluations.summaries(layouts.run_id, "layout"):
            try:
                if layouts.key(LayoutRequest.model_validate(summary.request)) == wanted:
                    return summary
            except NotFound:  # the run that it was laid out like is gone
                continue
        return None


def _is_usual(layouts: RunLayouts, request: LayoutRequest) -> bool:
    return layouts.resolved(request) == layouts.resolved(USUAL_LAYOUT)
