"""The one door: what the UI and the command line may ask for, as plain calls with frozen results.

Opening it is cheap. Whatever needs torch, transformers or faiss is imported by the first call that needs it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import Fault, InvalidInput, IsthmusError, NotAllowed
from backend.schemas import (
    Colouring,
    Cycle,
    CycleStep,
    DatasetInfo,
    EncoderInfo,
    Hit,
    Item,
    MapView,
    MethodInfo,
    Neighbours,
    RunDetail,
    RunRequest,
    RunSummary,
    SearchResult,
    Side,
    WorkerState,
)
from backend.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.exploration.space import SharedSpace
    from backend.features.encoders import Encoder

#: runs whose gallery is kept in memory at once
_OPEN_RUNS = 4
_MOST_HITS = 200
_LONGEST_QUERY = 500


class Services:
    """Everything the app can do.

    Args:
        settings: where things are kept and what is allowed.
    """

    def __init__(self, settings: Settings) -> None:
        from backend.runs.jobs import Jobs
        from backend.runs.store import Store
        from backend.runs.supervisor import Supervisor

        self.settings = settings
        self._store = Store(settings)
        self._jobs = Jobs(settings, self._store)
        self._supervisor = Supervisor(settings)
        self._spaces: OrderedDict[str, SharedSpace] = OrderedDict()
        self._encoders: dict[tuple[str, str], Encoder] = {}
        self._opening = threading.RLock()

    def start(self) -> None:
        """Starts the worker and, in a new home, the demonstration run."""
        from backend.runs.demonstration import ensure_demonstration

        self._supervisor.start()
        ensure_demonstration(self.settings, self._store, self._jobs)

    def stop(self) -> None:
        """Stops the worker; its jobs go on when it is started again."""
        self._supervisor.stop()

    # --- what can be picked ---------------------------------------------------------------------

    def datasets(self) -> list[DatasetInfo]:
        """Built-in data sets, then the folders used before."""
        from backend.catalog.datasets import list_datasets

        known = {info.id: info for info in self._store.list_datasets()}
        built_in = [known.pop(info.id, info) for info in list_datasets()]
        return [*built_in, *known.values()]

    def check_dataset(self, dataset: str) -> DatasetInfo:
        """Reads a data set fully, and remembers it.

        Raises:
            DatasetError: it cannot be used; every fault is listed.
        """
        from backend.catalog.datasets import load_dataset

        loaded = load_dataset(dataset, self.settings)
        info = loaded.info()
        self._store.remember_dataset(info, loaded.fingerprint)
        return info

    def encoders(self, side: Side) -> list[EncoderInfo]:
        """The catalogue of a side, then the folders and Hub ids used before."""
        listed = self._catalogue(side)
        known = {info.id for info in listed}
        return [*listed, *(e for e in self._store.list_encoders(side) if e.id not in known)]

    def _catalogue(self, side: Side) -> list[EncoderInfo]:
        from backend.catalog.encoders import list_encoders

        return list_encoders(side, self.settings)

    def check_encoder(self, encoder: str, side: Side) -> EncoderInfo:
        """Looks at an encoder's files without loading its weights, and remembers it.

        Raises:
            EncoderError: it cannot be used.
        """
        from backend.catalog.encoders import encoder_info

        info = encoder_info(encoder, side, self.settings)
        if info.id not in {listed.id for listed in self._catalogue(side)}:
            self._store.remember_encoder(info)
        return info

    def methods(self) -> list[MethodInfo]:
        """All alignment methods with their options."""
        from backend.alignment.methods import METHODS

        return [method.info for method in METHODS.values()]

    # --- runs -----------------------------------------------------------------------------------

    def launch(self, request: RunRequest) -> RunSummary:
        """Checks a request and puts the run into the queue.

        Raises:
            InvalidInput: every fault at once; ``Fault.where`` is the request's field.
            NotAllowed: the place is read-only.
        """
        self._may_change()
        self.check(request)
        return self._jobs.launch(request)

    def check(self, request: RunRequest) -> None:
        """Looks at a request without starting anything.

        Raises:
            InvalidInput: every fault at once; ``Fault.where`` is the request's field.
        """
        from backend.alignment.methods import resolve_options

        faults: list[Fault] = []

        def note(field: str, error: IsthmusError) -> None:
            own = error.faults if isinstance(error, InvalidInput) else ()
            text = error.summary if isinstance(error, InvalidInput) else str(error)
            faults.append(Fault(field, "; ".join([text, *(str(fault) for fault in own[:5])])))

        try:
            if request.dataset not in {info.id for info in self.datasets() if info.built_in}:
                self.check_dataset(request.dataset)
        except IsthmusError as error:
            note("dataset", error)
        sides: tuple[Side, Side] = ("image", "text")
        for side in sides:
            name = request.image_encoder if side == "image" else request.text_encoder
            try:
                self.check_encoder(name, side)
            except IsthmusError as error:
                note(f"{side}_encoder", error)
        try:
            resolve_options(request.method, request.options)
        except InvalidInput as error:
            faults.extend(error.faults)
        if faults:
            raise InvalidInput("The run cannot start yet; correct what is marked.", faults)

    def runs(self) -> list[RunSummary]:
        """All runs, newest first."""
        return self._store.list_runs()

    def run(self, run_id: str) -> RunDetail:
        """Everything about one run.

        Raises:
            NotFound: there is no such run.
        """
        return self._store.get_run(run_id)

    def cancel(self, run_id: str) -> None:
        """Stops a run within two seconds; what was done is kept."""
        self._may_change()
        self._jobs.cancel(run_id)

    def resume(self, run_id: str) -> None:
        """Goes on with a stopped run after its last finished step."""
        self._may_change()
        self._jobs.resume(run_id)

    def rename(self, run_id: str, name: str) -> None:
        """Gives a run another name."""
        self._may_change()
        self._store.rename_run(run_id, name)

    def delete(self, run_id: str) -> None:
        """Removes a run with everything that only it uses; refuses one that is live."""
        self._may_change()
        self._jobs.delete(run_id)
        with self._opening:
            self._spaces.pop(run_id, None)

    def worker(self) -> WorkerState:
        """Whether jobs are being carried out."""
        return self._jobs.worker()

    def _may_change(self) -> None:
        if self.settings.mode == "readonly":
            raise NotAllowed(
                "This place is read-only. Copy it (or run Isthmus on your own machine) to make runs."
            )

    # --- exploring ------------------------------------------------------------------------------

    def warm_up(self, run_id: str | None = None) -> None:
        """Loads what the first search needs. Meant for a background thread; never raises."""
        try:
            if run_id is None:
                finished = [run.id for run in self.runs() if run.test is not None]
                if not finished:
                    import backend.exploration.space  # noqa: F401 - the imports take longest

                    return
                run_id = finished[0]
            space = self._space(run_id)
            space.embed_text("a red circle")
        except IsthmusError:
            return  # whoever asks for it will be told

    def search_text(
        self, run_id: str, query: str, k: int = 24, target: Side = "image"
    ) -> SearchResult:
        """The items of a modality nearest to a text.

        Raises:
            InvalidInput: an empty or overlong text.
            NotFound: no such run, or it has no index.
        """
        text = " ".join(query.split())
        if not text:
            raise InvalidInput("Type what to look for, for example: a red circle.")
        if len(text) > _LONGEST_QUERY:
            raise InvalidInput(f"The text has {len(text)} letters; use at most {_LONGEST_QUERY}.")
        began = time.perf_counter()
        space = self._space(run_id)
        return _answer(space, space.embed_text(text), target, k, None, began)

    def search_image(
        self, run_id: str, picture: Path, k: int = 24, target: Side = "image"
    ) -> SearchResult:
        """The items of a modality nearest to a picture on disk.

        Raises:
            InvalidInput: the file is no picture, or too large.
        """
        from backend.features.pictures import read_picture

        began = time.perf_counter()
        opened = read_picture(picture, self.settings.max_image_pixels)
        space = self._space(run_id)
        return _answer(space, space.embed_image(opened), target, k, None, began)

    def search_item(
        self, run_id: str, item_id: str, k: int = 24, target: Side = "image"
    ) -> SearchResult:
        """The items of a modality nearest to an item of the gallery; its own pair is marked."""
        began = time.perf_counter()
        space = self._space(run_id)
        return _answer(space, space.vector(item_id), target, k, space.gallery.owner(item_id), began)

    def item(self, run_id: str, item_id: str) -> Item:
        """One item of a run's gallery."""
        return self._space(run_id).gallery.item(item_id)

    def random_items(self, run_id: str, side: Side, count: int, seed: int) -> list[Item]:
        """Items drawn from a run's gallery without repetition."""
        import numpy as np

        gallery = self._space(run_id).gallery
        ids = gallery.indexes[side].ids
        rows = np.random.default_rng(seed).permutation(len(ids))[: max(0, count)]
        return [gallery.item(ids[row]) for row in rows]

    def map_view(self, run_id: str) -> MapView:
        """The map's coordinates: PCA until UMAP is ready.

        Raises:
            NotFound: no such run, or it has no index.
        """
        import numpy as np

        from backend.errors import NotFound
        from backend.exploration.layout import GRAPH, load_layout

        gallery = self._space(run_id).gallery
        found = load_layout(self.settings.indexes_dir / run_id)
        if found is None:
            raise NotFound("This run has no map yet; wait until it has finished, or press Resume.")
        layout, xy = found
        ids = (*gallery.indexes["image"].ids, *gallery.indexes["text"].ids)
        side = np.repeat([0, 1], [len(gallery.indexes["image"]), len(gallery.indexes["text"])])
        return MapView(
            run=run_id,
            layout=layout,
            graph=GRAPH[layout],
            ids=ids,
            side=side.astype(np.uint8),
            xy=xy,
            total=len(ids),
        )

    def map_colourings(self, run_id: str) -> list[str]:
        """What the map can be coloured by: modality and attributes."""
        from backend.exploration.colours import names

        return names(self._space(run_id).gallery)

    def map_colouring(self, run_id: str, name: str) -> Colouring:
        """Codes of all points for one of :meth:`map_colourings`."""
        from backend.exploration.colours import colouring

        return colouring(self._space(run_id).gallery, name)

    def map_similarity(self, run_id: str, query: str) -> Colouring:
        """Similarity of every point to a prompt, as a z-score within its modality."""
        from backend.exploration.colours import similarity

        text = " ".join(query.split())[:_LONGEST_QUERY]
        if not text:
            raise InvalidInput("Type a prompt to colour the map by, for example: a red circle.")
        space = self._space(run_id)
        return similarity(space.gallery, space.embed_text(text), text)

    def neighbours(self, run_id: str, item_id: str, k: int = 8) -> Neighbours:
        """Nearest items in both modalities, the item itself left out."""
        space = self._space(run_id)
        query, owner = space.vector(item_id), space.gallery.owner(item_id)
        k = max(1, min(k, _MOST_HITS))

        def near(side: Side) -> tuple[Hit, ...]:
            hits = space.gallery.search(query, side, k + 1, owner)
            return tuple(hit for hit in hits if hit.item.id != item_id)[:k]

        return Neighbours(
            item=space.gallery.item(item_id), images=near("image"), texts=near("text")
        )

    # --- drift ----------------------------------------------------------------------------------

    def drift(
        self, run_id: str, item_id: str, generations: int = 10, revisit: bool = True
    ) -> Cycle:
        """Runs a retrieval cycle from an item of the gallery and keeps it with the run.

        Args:
            revisit: whether a step may come back to an item of the chain.
        """
        from backend.drift.cycles import retrieval_cycle
        from backend.exploration.gallery import side_of

        name = self._store.get_summary(run_id).name
        space = self._space(run_id)
        target: Side = "text" if side_of(item_id) == "image" else "image"
        chain = retrieval_cycle(space, item_id, target, generations, revisit)
        cycle = Cycle(
            id=f"c-{secrets.token_hex(4)}",
            run=run_id,
            run_name=name,
            seed=space.gallery.item(item_id),
            steps=tuple(
                CycleStep(
                    generation=number,
                    item=space.gallery.item(step.item_id),
                    similarity_to_start=step.similarity_to_start,
                    similarity_to_previous=step.similarity_to_previous,
                )
                for number, step in enumerate(chain.generations)
            ),
            closes_at=chain.closes_at,
            period=chain.period,
        )
        if self.settings.mode == "full":
            self._store.add_cycle(cycle)
        return cycle

    def cycles(self, run_id: str) -> list[Cycle]:
        """A run's stored cycles, newest first."""
        return self._store.list_cycles(run_id)

    # --- opened runs ----------------------------------------------------------------------------

    def _space(self, run_id: str) -> SharedSpace:
        """A run opened for questions; the last few stay in memory."""
        with self._opening:
            if run_id in self._spaces:
                self._spaces.move_to_end(run_id)
                return self._spaces[run_id]
            request = self._store.get_run(run_id).request  # NotFound before anything is imported

            from backend.alignment.base import load_alignment
            from backend.exploration.gallery import load_gallery
            from backend.exploration.space import SharedSpace

            space = SharedSpace(
                load_gallery(self.settings.indexes_dir / run_id, self.settings.thumbnails_dir),
                load_alignment(self.settings.runs_dir / run_id / "heads"),
                lambda side: self._encoder(run_id, request, side),
            )
            self._spaces[run_id] = space
            while len(self._spaces) > _OPEN_RUNS:
                self._spaces.popitem(last=False)
            return space

    def _encoder(self, run_id: str, request: RunRequest, side: Side) -> Encoder:
        """A frozen encoder for queries, shared by all runs that use it.

        One that was fitted on a run's own captions belongs to that run and is kept with it.
        """
        from backend.catalog.encoders import find_encoder
        from backend.features.encoders import load_encoder, load_fitted

        name = request.image_encoder if side == "image" else request.text_encoder
        fitted = self.settings.runs_dir / run_id / "text_encoder"
        own = side == "text" and fitted.is_dir()
        key = (side, str(fitted) if own else name)
        with self._opening:
            if key not in self._encoders:
                spec = find_encoder(name, side, self.settings)
                self._encoders[key] = load_fitted(fitted) if own else load_encoder(spec, "cpu")
            return self._encoders[key]


def _answer(
    space: SharedSpace,
    query: NDArray[np.float32],
    target: Side,
    k: int,
    truth: str | None,
    began: float,
) -> SearchResult:
    gallery = space.gallery
    hits = gallery.search(query, target, max(1, min(k, _MOST_HITS)), truth)
    return SearchResult(
        hits=hits,
        gallery=len(gallery.indexes[target]),
        seconds=time.perf_counter() - began,
        truth_rank=gallery.truth_rank(query, target, truth) if truth else None,
    )
