"""One alignment run from data set to index, read top to bottom.

Each step finds on disk what it did before it was interrupted (drawn pictures, feature parts,
checkpoints), so doing it again is quick; what a later step needs of an earlier one it reads from
there, or from the run's configuration.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backend.reporting import Report, silent
from backend.runs import views
from backend.runs.execution import Step, carry_out
from backend.runs.inputs import SIDES, Inputs
from backend.runs.journal import Journal
from backend.runs.library import Library
from backend.runs.locks import RunLock
from backend.runs.logs import also_to, log_file
from backend.runs.maps import draw_map
from backend.runs.plan import plan
from backend.runs.progress import Reporter
from backend.runs.seeds import Place, fit_all, places
from backend.runs.stock import take_stock
from backend.runs.store import Store
from backend.schemas import RunDetail, RunRequest, Side
from backend.settings import Settings
from backend.whole_files import whole_file

if TYPE_CHECKING:
    from backend.alignment.base import Alignment
    from backend.runs.selection import Chosen


#: what heads kept along a training may take of the disk (:mod:`backend.alignment.training.stops`)
ROOM_FOR_STOPS: Final = 256 * 2**20


class Pipeline:
    """The steps of one attempt at a run.

    Args:
        settings: where everything lies.
        store: to read the run.
        journal: to write about it.
        ready: called before the first step that needs the heavy libraries.
        listener: told each count: ``(step, done, total, unit)``.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        journal: Journal,
        ready: Callable[[], object] = lambda: None,
        listener: Callable[[str, int, int, str], None] | None = None,
    ) -> None:
        self.settings = settings
        self.store = store
        self.journal = journal
        run = store.get_run(journal.run_id)
        self.request = run.request
        self.configuration = dict(run.configuration)
        self.alone = run.summary.sweep is None
        self.folder = settings.runs_dir / journal.run_id
        self.index = settings.indexes_dir / journal.run_id
        self.places = places(self.folder, self.request)
        self.inputs = Inputs(settings, self.request, self.configuration, ready)
        self.steps = tuple(self._steps())
        self.reporter = Reporter(journal, len(self.steps), listener)
        self._notes = list(run.notes)

    def _steps(self) -> list[Step]:
        choosing = []
        if self.request.image_candidates or self.request.text_candidates:
            choosing.append(Step("Choose the pair", self.choose_pair))
        if self.request.select_layers:
            choosing.append(Step("Choose layers", self.choose_layers))
        return [
            Step("Prepare the data set", self.prepare),
            *choosing,
            Step("Encode items", self.encode_items),
            Step("Encode captions", self.encode_captions),
            Step("Align", self.align),
            Step("Evaluate", self.evaluate),
            Step("Build the index", self.build_index),
        ]

    # --- the steps ------------------------------------------------------------------------------

    def prepare(self, report: Report) -> None:
        """Reads the data set, draws it first where it is a built-in one."""
        dataset = self.inputs.dataset(report)
        Library(self.settings, self.store.database).remember_dataset(
            dataset.info(), dataset.fingerprint
        )
        self._tell(
            {
                "dataset_fingerprint": dataset.fingerprint,
                "modality": dataset.modality,
                # again: a run that was made before a method had some option now uses its default
                "options": plan(self.request).configuration["options"],
            }
        )
        self._notes = []
        # what was chosen by an earlier attempt still holds, and so does why
        self._note(*dataset.notes, *self._selected().get("notes", ()))

    def choose_pair(self, report: Report) -> None:
        """Chooses the two encoders out of those that were named, by CKA on training pairs."""
        from backend.runs.selection import choose_pair

        asked = self.request
        images = tuple(dict.fromkeys([asked.image_encoder, *asked.image_candidates]))
        texts = tuple(dict.fromkeys([asked.text_encoder, *asked.text_candidates]))
        if "encoders" not in self._selected():
            self._choose("encoders", choose_pair(self.inputs, images, texts, report))

    def choose_layers(self, report: Report) -> None:
        """Chooses the layer of each encoder by mutual kNN on training pairs."""
        from backend.runs.selection import choose_layers

        if "layers" not in self._selected():
            self._choose("layers", choose_layers(self.inputs, report))

    def _selected(self) -> dict[str, Any]:
        selected: dict[str, Any] = self.configuration.get("selection", {})
        return selected

    def _choose(self, name: str, chosen: Chosen) -> None:
        """Keeps a choice, at once and before it is used: a killed run goes on with the same."""
        before = self._selected()
        heat = chosen.heat.model_dump(mode="json") if chosen.heat else None
        notes = [*before.get("notes", ()), *chosen.notes]
        self._tell(
            {
                **{f"{side}_encoder": name for side, name in chosen.encoders.items()},
                "selection": {**before, name: heat, "notes": notes},
            }
        )
        self._note(*chosen.notes)

    def encode_items(self, report: Report) -> None:
        """Runs the frozen encoder of the items over every item that is used, once."""
        self.inputs.features("image", report)
        self._describe("image")

    def encode_captions(self, report: Report) -> None:
        """Runs the frozen text encoder over every different caption that is used, once.

        Raises:
            DatasetError: nothing of a split can be used.
        """
        self.inputs.features("text", report)
        from backend.features.kinds.bag_of_words import BagOfWords

        encoder = self.inputs.encoder("text", report)
        if isinstance(encoder, BagOfWords):
            # made of this run's training captions: queries need the very same one
            encoder.save(self.folder / "text_encoder")
            self._remember("text_encoder", self.folder / "text_encoder")
            if self.request.seeds > 1 and self.request.train_images is not None:
                self._note(
                    "The bag of words was fitted on the training captions of seed "
                    f"{self.request.seed}; the other seeds use the same one."
                )
        self._describe("text")
        stock = take_stock(self.inputs, report)
        self._note(*stock.notes)
        self._tell({"images": stock.items, "captions": stock.captions})

    def align(self, report: Report) -> None:
        """Fits the method on training pairs, for every seed; validation pairs choose."""
        self.inputs.rows(report)  # read first, so that the bar after it is of the fits alone
        fitted = fit_all(
            self.places,
            self._fit,
            lambda place: self._basis(place, report),
            report,
        )
        self._remember("heads", self.places[0].heads)
        told: dict[str, Any] = {"fit": fitted.details[self.request.seed]}
        if self.request.seeds > 1:
            told["fit_by_seed"] = {str(seed): details for seed, details in fitted.details.items()}
            told["fitted_seeds"], told["seeds_alike"] = list(fitted.seeds), fitted.alike
        self._tell(told)
        self._note(*fitted.notes(self.places))

    def _fit(self, place: Place, report: Report) -> Alignment:
        """The heads of one seed."""
        from backend.alignment.methods import Context, fit
        from backend.features.encoders import resolve_device

        prefix = "" if place.seed == self.request.seed else f"seed {place.seed}/"

        def metrics(step: int, values: Mapping[str, float]) -> None:
            self.reporter.metrics(step, {prefix + name: value for name, value in values.items()})

        context = Context(
            options=self.configuration["options"],
            seed=place.seed,
            device=resolve_device(self.settings.device),
            folder=place.training,
            report=report,
            on_metrics=metrics,
            unpaired=self.inputs.unpaired(place.seed, report),
            basis=json.dumps(self._basis(place, report), sort_keys=True),
            # of the first seed, whose space is explored; of a sweep's many cells few are looked at
            room=ROOM_FOR_STOPS if self.alone and place.seed == self.request.seed else 0,
        )
        pairs = self.inputs.pairs("train", report, place.seed)
        return fit(self.request.method, pairs, self.inputs.pairs("val", report), context)

    def _basis(self, place: Place, report: Report) -> dict[str, Any]:
        """What a seed's heads depend on."""
        pairs = self.inputs.pairs("train", report, place.seed)
        unpaired = self.inputs.unpaired(place.seed, report)
        return {
            "dataset": self.inputs.dataset(report).fingerprint,
            "encoders": [self.inputs.encoder(side, report).fingerprint for side in SIDES],
            "method": self.request.method,
            "options": self.configuration["options"],
            "seed": place.seed,
            "pairs": [len(pairs.image), len(pairs.text)],
            "unpaired": [len(unpaired.image), len(unpaired.text)] if unpaired else [0, 0],
        }

    def evaluate(self, report: Report) -> None:
        """Scores both held-out splits. Nothing before this step has seen the test split's pairs."""
        from backend.runs.evaluating import reports
        from backend.runs.evaluations.opened import OpenedRun
        from backend.runs.evaluations.rows import Evaluations
        from backend.runs.evaluations.with_run import evaluate_with_run

        found = reports(
            self.embeddings,
            lambda split: self.inputs.pairs(split, report),
            self._fitted(),
            self._seeds(),
            report,
        )
        for each in found:
            self.journal.set_report(each)
        detail = self.store.get_run(self.journal.run_id)
        if detail.summary.sweep is not None:
            return  # of its many cells few are looked at that closely; the page measures those
        opened = OpenedRun(self.settings, detail, self.inputs)
        self._note(*evaluate_with_run(opened, Evaluations(self.store.database), report))

    def _fitted(self) -> list[Place]:
        """The seeds that have heads of their own, the first one first."""
        if self.configuration.get("seeds_alike"):
            return [self.places[0]]
        fitted = self.configuration.get("fitted_seeds", [self.request.seed])
        return [place for place in self.places if place.seed in fitted]

    def _seeds(self) -> list[int]:
        """The seeds that the run has numbers of."""
        of = self.places if self.configuration.get("seeds_alike") else self._fitted()
        return [place.seed for place in of]

    def build_index(self, report: Report) -> None:
        """Makes the test split searchable."""
        from backend.runs.evaluations.opened import OpenedRun
        from backend.runs.indexing import build_run_index

        detail = self.store.get_run(self.journal.run_id)
        build_run_index(OpenedRun(self.settings, detail, self.inputs), report)
        self._remember("index", self.index)

    def conclude(self) -> None:
        """Writes result.json."""
        path = self.folder / "result.json"
        self._remember("result", path)
        result = views.result(self.store.get_run(self.journal.run_id)) | {"status": "finished"}
        with whole_file(path) as draft:
            draft.write_text(json.dumps(result, indent=2), encoding="utf-8")

    # --- what steps share -----------------------------------------------------------------------

    def embeddings(
        self, split: str, report: Report, place: Place | None = None
    ) -> tuple[Any, Any, Any]:
        """A split in the shared space: images (n, d), captions (m, d), each caption's image row.

        Args:
            place: of the seed whose heads are used; None for the first.
        """
        from backend.alignment.base import load_alignment

        pairs = self.inputs.pairs(split, report)
        alignment = load_alignment((place or self.places[0]).heads)
        image = alignment.transform("image", pairs.image)
        return image, alignment.transform("text", pairs.text), pairs.image_of_text

    def _describe(self, side: Side) -> None:
        from backend.catalog.encoders import encoder_info
        from backend.features.kinds.precomputed import Precomputed
        from backend.features.store.shelves import folder_name

        encoder = self.inputs.encoder(side, silent)
        stored = () if isinstance(encoder, Precomputed) else encoder.outputs
        info = encoder_info(encoder.spec.id, encoder.spec.modality, self.settings)
        self._tell(
            {
                # the commit that a newest one was, so that the run can be repeated
                f"{side}_revision": info.revision,
                f"{side}_fingerprint": encoder.fingerprint,
                f"{side}_dimension": self.inputs.side(side, silent).width,
                f"{side}_features": [folder_name(output) for output in stored],
            }
        )

    def _tell(self, values: Mapping[str, Any]) -> None:
        """Adds to the configuration what is known by now."""
        self.journal.add_configuration(values)
        self.configuration.update(values)

    def _note(self, *notes: str) -> None:
        """Adds what a reader of the numbers should know; what was said is not said again."""
        self._notes += [note for note in dict.fromkeys(notes) if note not in self._notes]
        self.journal.set_notes(self._notes)

    def _remember(self, name: str, path: Path) -> None:
        self.journal.set_artefact(name, path.relative_to(self.settings.home.resolve()).as_posix())


def run_pipeline(
    settings: Settings,
    store: Store,
    request: RunRequest,
    listener: Callable[[str, int, int, str], None] | None = None,
    with_map: bool = True,
) -> RunDetail:
    """Carries a run out here and now; it is then in the app like any other.

    Args:
        settings: where everything lies.
        store: of the same settings.
        request: what is asked for.
        listener: told each count: ``(step, done, total, unit)``.
        with_map: also draw the final map, which takes longest to see and changes no number.

    Returns:
        The run; ``summary.status`` and ``summary.error`` tell how it ended.

    Raises:
        InvalidInput: unknown method or options.
    """
    share_cores()
    configuration, versions = plan(request)
    log_path = log_file(settings, "terminal")
    with also_to(log_path):
        run_id = store.new_run_id()
        with RunLock(settings, run_id):
            attempt = store.create_run(request, configuration, versions, run_id=run_id)
            journal = Journal(store.database, *attempt)
            work = Pipeline(settings, store, journal, listener=listener)
            if (
                carry_out(work, journal, log_path.relative_to(settings.data_dir.parent)) == "done"
                and with_map
            ):
                draw_map(settings, store, run_id)
    return store.get_run(run_id)


def share_cores() -> None:
    """Lets OpenMP's threads sleep while they wait for each other. It has to be said before torch is
    imported.

    By default they spin. Where another process wants a core, each step of a small head then waits
    for a thread that is not running: measured on two busy cores, epochs took 7 to 15 times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def import_heavy(settings: Settings) -> str:
    """Imports what the steps need, so that none of them waits for it.

    Returns:
        The device that will be used.
    """
    share_cores()
    import backend.alignment.training
    import backend.exploration.gallery
    import backend.features.extraction  # noqa: F401
    from backend.features.encoders import resolve_device

    return resolve_device(settings.device)
