"""A run's layouts: found beside its index, or made."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from backend.errors import InvalidInput
from backend.reporting import Report, silent
from backend.runs.indexing import made_of
from backend.runs.store import Store
from backend.schemas import MOST_POINTS, USUAL_LAYOUT, LayoutReport, LayoutRequest, Space
from backend.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.exploration.gallery import Gallery
    from backend.exploration.layouts.graphs import Graph
    from backend.exploration.layouts.stored import Layout

#: gives the report of a stage by its name for a person
Stage = Callable[[str], Report]

#: galleries up to so large are judged where they are drawn at once, too
_JUDGED_AT_ONCE: Final = 20_000


class RunLayouts:
    """What a run's gallery can be laid out as.

    Args:
        settings: where everything lies.
        store: of the runs.
        run_id: whose.
        gallery: where it is open already.
        known: what it is made of, where that was found out already.

    Raises:
        NotFound: there is no such run.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        run_id: str,
        gallery: Gallery | None = None,
        known: str | None = None,
    ) -> None:
        self.settings, self.store, self.run_id = settings, store, run_id
        self.summary = store.get_summary(run_id)
        self.folder = settings.indexes_dir / run_id
        self.made_of = known or made_of(settings, store.get_run(run_id))
        self._vectors: dict[Space, tuple[NDArray[np.float32], str]] = {}
        if gallery is not None:
            self.__dict__["gallery"] = gallery

    @cached_property
    def gallery(self) -> Gallery:
        """The run's gallery."""
        from backend.exploration.gallery import load_gallery

        return load_gallery(self.folder, self.settings.thumbnails_dir)

    def resolved(self, request: LayoutRequest) -> LayoutRequest:
        """What a request comes to for this run."""
        from backend.exploration.layouts.requests import resolved

        return resolved(request, self.run_id, self.summary.seed)

    def key(self, request: LayoutRequest) -> str:
        """What its files are named by.

        Raises:
            NotFound: the run that it is to be laid out like is gone.
        """
        from backend.exploration.layouts.requests import key_of

        asked = self.resolved(request)
        like = self._other(asked.like).key(self._plain(request)) if asked.like else ""
        return key_of(asked, self.made_of, like)

    def find(self, request: LayoutRequest) -> Layout | None:
        """A layout that was made."""
        from backend.exploration.layouts.stored import load

        return load(self.folder, self.key(request))

    def points(self, space: Space) -> NDArray[np.int32]:
        """The points that a layout has: all, or a sample of larger galleries."""
        from backend.exploration.layouts.requests import SIDES
        from backend.exploration.layouts.sampling import sample

        images = len(self.gallery.indexes["image"])
        return sample(images, self.gallery.owners, MOST_POINTS, SIDES[space])

    def quick(self, dimensions: int) -> Layout:
        """PCA of the shared space, made at once and kept nowhere."""
        asked = USUAL_LAYOUT.model_copy(update={"method": "pca", "dimensions": dimensions})
        return self._laid_out(asked, lambda stage: silent, at_once=True)

    def ranks(self, report: Report = silent) -> NDArray[np.float32]:
        """(n,) rank of the true partner of each point of the shared space; found once and kept."""
        from backend.exploration.layouts.stored import save_ranks
        from backend.exploration.partners import partner_ranks

        points, known = self.points("shared"), self.known_ranks()
        if known is not None:
            return known
        report(0, len(points), "points")
        found = partner_ranks(self.gallery, points)
        save_ranks(self.folder, self.made_of, found)
        return found

    def known_ranks(self) -> NDArray[np.float32] | None:
        """The same where they were found already."""
        from backend.exploration.layouts.stored import load_ranks

        known = load_ranks(self.folder, self.made_of)
        return known if known is not None and len(known) == len(self.points("shared")) else None

    def make(self, request: LayoutRequest, stage: Stage = lambda name: silent) -> Layout:
        """A layout, made where it is not there.

        Args:
            request: as it was asked.
            stage: gives the report of each stage; reports may raise ``Cancelled``.

        Raises:
            InvalidInput: the method is not installed, the frozen features cannot be read any more, or
                the other run has no item in common with this one.
            NotFound: the run, or the other one, is gone or has no index.
        """
        from backend.exploration.layouts.projecting import check
        from backend.exploration.layouts.stored import save

        check(request)
        found = self.find(request)
        if found is None:
            found = self._laid_out(request, stage)
            save(self.folder, found)
        return found

    def _laid_out(self, request: LayoutRequest, stage: Stage, at_once: bool = False) -> Layout:
        from backend.exploration.layouts.projecting import LEAST, project
        from backend.exploration.layouts.quality import judge
        from backend.exploration.layouts.stored import Card, Layout
        from backend.features.encoders import resolve_device

        begun, asked = time.monotonic(), self.resolved(request)
        vectors, told = self._read(asked.space, stage)
        if asked.space != "shared" and asked.method != "pca":
            # shown until the layout that was asked for is ready
            self.make(request.model_copy(update={"method": "pca", "like": None}), stage)
        by_graph = asked.method != "pca" and len(vectors) >= LEAST
        graph = self._graph(asked, vectors, stage) if by_graph else None
        start, known = self._start(request, asked, vectors, graph, stage)
        made = project(
            asked,
            vectors,
            graph,
            start,
            again=known is not None,
            device="cpu" if asked.method != "umap" else resolve_device(self.settings.device),
            report=stage("Lay out"),
        )
        coordinates = _placed(made.coordinates, start, known if asked.like else None)
        sized = not at_once or len(vectors) <= _JUDGED_AT_ONCE
        quality = judge(vectors, coordinates, report=stage("Judge the map")) if sized else None
        report = LayoutReport(
            key=self.key(request),
            points=len(coordinates),
            graph="; ".join(
                filter(None, [self._words(asked), _scarce(asked, graph), told, made.note])
            ),
            seconds=time.monotonic() - begun,
            **(quality._asdict() if quality else {}),
        )
        card = Card(made_of=self.made_of, request=asked, report=report, made_by=made.made_by)
        return Layout(card=card, coordinates=coordinates)

    def _other(self, run_id: str) -> RunLayouts:
        return RunLayouts(self.settings, self.store, run_id)

    def _plain(self, request: LayoutRequest) -> LayoutRequest:
        """What is asked of the other run, whose own seed is as good as this one's."""
        seed = self.resolved(request).seed
        own = seed == self.summary.seed
        return request.model_copy(update={"like": None, "seed": None if own else seed})

    def _words(self, asked: LayoutRequest) -> str:
        from backend.exploration.layouts.requests import words

        like = self.store.get_summary(asked.like).name if asked.like else ""
        return words(asked, self.summary.modality, like)

    def _read(self, space: Space, stage: Stage) -> tuple[NDArray[np.float32], str]:
        """Unit rows of a layout's points, and what has to be said of them."""
        if space not in self._vectors:
            stage("Read the gallery")
            if space == "shared":
                from backend.exploration.layouts.sampling import vectors_of

                self._vectors[space] = vectors_of(self.gallery, self.points(space)), ""
            else:
                self._vectors[space] = self._frozen(space, stage("Read the frozen features"))
        return self._vectors[space]

    def _frozen(self, space: Space, report: Report) -> tuple[NDArray[np.float32], str]:
        """What a frozen encoder gave for the points, as unit rows."""
        import numpy as np

        from backend.alignment.rows import TokenRows, Tokens
        from backend.exploration.points import Drawn
        from backend.runs.evaluations.opened import open_run

        pairs = open_run(self.settings, self.store, self.run_id).pairs("test", report)
        drawn = Drawn.of(self.points(space), len(self.gallery.indexes["image"]))
        rows = (
            pairs.image.only(drawn.image)
            if space == "image encoder"
            else pairs.text.only(drawn.text)
        )
        parts = []
        for start, block in rows.blocks():
            report(start, len(rows), "points")
            if isinstance(block, Tokens):
                block = block.values.sum(axis=1) / np.maximum(block.mask.sum(axis=1)[:, None], 1)
            parts.append(block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12))
        note = "each the mean of its tokens" if isinstance(rows, TokenRows) else ""
        return np.concatenate(parts), note

    def _graph(self, asked: LayoutRequest, vectors: NDArray[np.float32], stage: Stage) -> Graph:
        """The neighbours of a request; those of the usual number are kept for other requests."""
        import numpy as np

        from backend.exploration.layouts.graphs import USUAL, graph, nearest
        from backend.exploration.layouts.projecting import neighbours_of
        from backend.exploration.layouts.stored import load_blocks, save_blocks

        wanted = neighbours_of(asked)
        name = f"{asked.space}-{asked.graph}".replace(" ", "-")
        blocks = load_blocks(self.folder, name, self.made_of) if wanted <= USUAL else None
        if blocks is None:
            images = int(np.searchsorted(self.points(asked.space), self._images))
            report = stage("Find neighbours")
            blocks = nearest(vectors, images, asked.graph, max(wanted, USUAL), report)
            if wanted <= USUAL:
                save_blocks(self.folder, name, self.made_of, blocks)
        return graph(blocks, wanted)

    @property
    def _images(self) -> int:
        return len(self.gallery.indexes["image"])

    def _start(
        self,
        request: LayoutRequest,
        asked: LayoutRequest,
        vectors: NDArray[np.float32],
        graph: Graph | None,
        stage: Stage,
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
        """Where the points begin, and which of them at a place of a layout that was there before."""
        import numpy as np

        from backend.exploration.layouts.pca import pca
        from backend.exploration.layouts.placing import filled
        from backend.exploration.layouts.requests import base_of

        if asked.like:
            start, known = self._places_in(self._other(asked.like), self._plain(request), stage)
            return (start if graph is None else filled(start, known, graph)), known
        if asked.method == "pca":  # it begins nowhere
            return np.zeros((len(vectors), asked.dimensions), np.float32), None
        base = base_of(asked)
        if base is None:
            return pca(vectors, asked.dimensions), None
        return self.make(base, stage).coordinates, np.ones(len(vectors), np.bool_)

    def _places_in(
        self, other: RunLayouts, request: LayoutRequest, stage: Stage
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Another run's coordinates of this run's points, and which of them it has."""
        import numpy as np

        laid = other.make(request, stage).coordinates
        row_of = {name: row for row, name in enumerate(other.ids(request.space))}
        rows = np.array([row_of.get(name, -1) for name in self.ids(request.space)])
        known = rows >= 0
        if not known.any():
            raise InvalidInput(
                f"{other.summary.name} was tested on other items, so its map says nothing about "
                "where these belong. Choose a run with the same data set."
            )
        return laid[rows], known

    def ids(self, space: Space) -> list[str]:
        """The gallery's ids of a layout's points."""
        from backend.exploration.points import Drawn

        drawn = Drawn.of(self.points(space), self._images)
        images, texts = (self.gallery.indexes[side].ids for side in ("image", "text"))
        return [*(images[row] for row in drawn.image), *(texts[row] for row in drawn.text)]


def _scarce(asked: LayoutRequest, graph: Graph | None) -> str:
    """What has to be said where a gallery has fewer points than neighbours were asked for."""
    from backend.exploration.layouts.projecting import neighbours_of

    scarce = graph is not None and graph.rows.shape[1] - 1 < neighbours_of(asked)
    return "as far as there are so many" if scarce else ""


def _placed(
    coordinates: NDArray[np.float32],
    start: NDArray[np.float32],
    known: NDArray[np.bool_] | None,
) -> NDArray[np.float32]:
    """Scaled; or fitted to the other run's places, where it is laid out like one."""
    from backend.exploration.layouts.fitting import procrustes
    from backend.exploration.layouts.pca import scaled

    if known is None:
        return scaled(coordinates)
    return procrustes(coordinates[known], start[known])(coordinates)
