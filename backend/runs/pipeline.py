"""One alignment run from data set to index, read top to bottom.

Each step finds on disk what it did before it was interrupted (drawn pictures, feature parts,
checkpoints), so doing it again is quick; what a later step needs of an earlier one it reads from
there too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import DatasetError
from backend.reporting import Report, silent
from backend.runs import views
from backend.runs.execution import Step, carry_out
from backend.runs.journal import Journal
from backend.runs.library import Library
from backend.runs.locks import RunLock
from backend.runs.logs import also_to, log_file
from backend.runs.maps import draw_map
from backend.runs.pairing import Captions, Rows, chosen
from backend.runs.plan import plan
from backend.runs.progress import Reporter
from backend.runs.store import Store
from backend.schemas import ITEM_WORDS, Modality, RunDetail, RunRequest, Side
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.alignment.base import Alignment
    from backend.catalog.datasets import Dataset
    from backend.catalog.records import Record
    from backend.features.encoders import Encoder
    from backend.features.extraction import Features

SPLITS = ("train", "val", "test")
_TEXT: Modality = "text"


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
        self.request = store.get_run(journal.run_id).request
        self.folder = settings.runs_dir / journal.run_id
        self.index = settings.indexes_dir / journal.run_id
        self.steps = (
            Step("Prepare the data set", self.prepare),
            Step("Encode items", self.encode_items),
            Step("Encode captions", self.encode_captions),
            Step("Align", self.align),
            Step("Evaluate", self.evaluate),
            Step("Build the index", self.build_index),
        )
        self.reporter = Reporter(journal, len(self.steps), listener)
        self._ready = ready
        self._dataset: Dataset | None = None
        self._encoders: dict[Side, Encoder] = {}
        self._features: dict[Side, Features] = {}
        self._rows: Rows | None = None

    # --- the steps ------------------------------------------------------------------------------

    def prepare(self, report: Report) -> None:
        """Reads the data set, draws it first where it is a built-in one."""
        dataset = self.dataset(report)
        Library(self.settings, self.store.database).remember_dataset(
            dataset.info(), dataset.fingerprint
        )
        self.journal.add_configuration(
            {"dataset_fingerprint": dataset.fingerprint, "modality": dataset.modality}
        )

    def encode_items(self, report: Report) -> None:
        """Runs the frozen encoder of the items over every item, once."""
        self.features("image", report)
        self._describe("image")

    def encode_captions(self, report: Report) -> None:
        """Runs the frozen text encoder over every different caption, once.

        Raises:
            DatasetError: nothing of a split can be used.
        """
        self.features("text", report)
        from backend.features.kinds.bag_of_words import BagOfWords

        encoder = self.encoder("text", report)
        if isinstance(encoder, BagOfWords):
            # made of this run's training captions: queries need the very same one
            encoder.save(self.folder / "text_encoder")
            self._remember("text_encoder", self.folder / "text_encoder")
        self._describe("text")
        self._take_stock(report)

    def _take_stock(self, report: Report) -> None:
        """Notes what is used and what was left out, now that both sides are known."""
        rows, dataset = self.rows(report), self.dataset(report)
        items = ITEM_WORDS[dataset.modality][1]
        counts = {split: len(rows.split(split)) for split in SPLITS}
        lost = {"image": self.features("image", report), "text": self.features("text", report)}
        if empty := [split for split in SPLITS if not counts[split]]:
            raise DatasetError(
                f"Nothing of {' and '.join(empty)} can be encoded. Replace the {items}, then "
                "Resume.",
                [*lost["image"].faults, *lost["text"].faults],
            )
        notes = list(dataset.notes)
        if dataset.set_aside:
            notes.append(
                f"{len(dataset.set_aside):,} rows or {items} were set aside; the data set's "
                "report names each with its reason."
            )
        for name, features in ((items, lost["image"]), ("captions", lost["text"])):
            if features.faults:
                named = "; ".join(str(fault) for fault in features.faults[:3])
                count = f"{len(features.faults):,} {name}"
                notes.append(f"{count} could not be encoded and were left out: {named}.")
        if counts["train"] < len(dataset.split("train")):
            there = len(dataset.split("train"))
            notes.append(f"Trained on {counts['train']:,} of {there:,} training {items}.")
        self.journal.set_notes(notes)
        self.journal.add_configuration({"images": counts})

    def align(self, report: Report) -> None:
        """Fits the method on training pairs; validation pairs choose."""
        from backend.alignment.methods import Context, fit
        from backend.features.encoders import resolve_device

        options = plan(self.request).configuration["options"]
        context = Context(
            options=options,
            seed=self.request.seed,
            device=resolve_device(self.settings.device),
            folder=self.folder / "training",
            report=report,
            on_metrics=self.reporter.metrics,
        )
        rows = self.rows(report)
        image, text = self.vectors(report)
        alignment = fit(
            self.request.method,
            rows.pairs("train", image, text),
            rows.pairs("val", image, text),
            context,
        )
        alignment.save(self.heads)
        self._remember("heads", self.heads)
        self.journal.add_configuration({"fit": alignment.details})

    def evaluate(self, report: Report) -> None:
        """Scores both held-out splits. Nothing before this step has seen the test split's pairs."""
        from backend.evaluation.retrieval import evaluate

        for done, split in enumerate(("val", "test")):
            report(done, 2, "splits")
            image, text, owner = self.embeddings(split, report)
            self.journal.set_report(evaluate(image, text, owner, split, self.request.seed))
        report(2, 2, "splits")

    def build_index(self, report: Report) -> None:
        """Makes the test split searchable and draws its quick map."""
        import numpy as np

        from backend.exploration.gallery import Entry, build_gallery
        from backend.exploration.layout import pca_layout, save_layout

        image, text, _ = self.embeddings("test", report)
        entries = [
            Entry(record.id, record.modality, record.content, record.captions, record.attributes)
            for record in self.rows(report).split("test")
        ]
        report(0, 2, "parts")
        build_gallery(self.index, entries, image, text)
        report(1, 2, "parts")
        xy = pca_layout(np.concatenate([image, text]))
        save_layout(self.index, "pca", xy, self.request.seed)
        self._remember("index", self.index)
        report(2, 2, "parts")

    def conclude(self) -> None:
        """Writes result.json."""
        path = self.folder / "result.json"
        self._remember("result", path)
        result = views.result(self.store.get_run(self.journal.run_id)) | {"status": "finished"}
        partial = path.with_suffix(".part")
        partial.write_text(json.dumps(result, indent=2), encoding="utf-8")
        partial.replace(path)

    # --- what steps share -----------------------------------------------------------------------

    @property
    def heads(self) -> Path:
        """Folder of the fitted heads."""
        return self.folder / "heads"

    def dataset(self, report: Report) -> Dataset:
        """The data set, read once a process."""
        if self._dataset is None:
            from backend.catalog.datasets import load_dataset

            self._dataset = load_dataset(self.request.dataset, self.settings, report)
        return self._dataset

    def records(self, report: Report) -> tuple[Record, ...]:
        """The items that are asked for."""
        records = self.dataset(report).records
        return chosen(records, self.request.train_images, self.request.seed)

    def readable(self, report: Report) -> list[Record]:
        """The items that are asked for and could be encoded."""
        encoded = set(self.features("image", report).ids)
        return [record for record in self.records(report) if record.id in encoded]

    def rows(self, report: Report) -> Rows:
        """The items and captions that have features."""
        if self._rows is None:
            image, text = self.features("image", report), self.features("text", report)
            self._rows = Rows.of(self.records(report), image.ids, text.ids)
        return self._rows

    def encoder(self, side: Side, report: Report) -> Encoder:
        """One side's frozen encoder, loaded once a process."""
        if side not in self._encoders:
            self._ready()
            from backend.catalog.encoders import find_encoder
            from backend.features.loading import load_encoder

            if side == "image":
                name, modality = self.request.image_encoder, self.dataset(report).modality
            else:
                name, modality = self.request.text_encoder, _TEXT
            spec = find_encoder(name, modality, self.settings)
            corpus = None
            if spec.kind == "bag-of-words":
                training = [r for r in self.readable(report) if r.split == "train"]
                corpus = Captions.of(training).texts
            self._encoders[side] = load_encoder(
                spec, self.settings.device, corpus, report, self.settings.max_image_pixels
            )
        return self._encoders[side]

    def features(self, side: Side, report: Report) -> Features:
        """One side's features, from the store or encoded now."""
        if side not in self._features:
            from backend.features.extraction import extract_captions, extract_items
            from backend.features.store import FeatureStore

            kept, encoder = FeatureStore(self.settings.features_dir), self.encoder(side, report)
            if side == "image":
                found = extract_items(encoder, self.records(report), kept, report)
            else:
                captions = Captions.of(self.readable(report))
                found = extract_captions(encoder, captions.texts, kept, report, captions.ids)
            self._features[side] = found
        return self._features[side]

    def vectors(self, report: Report) -> tuple[Any, Any]:
        """Features of the items and of the captions, as :attr:`Rows.item_rows` counts them."""
        return self.features("image", report).vectors, self.features("text", report).vectors

    def embeddings(self, split: str, report: Report) -> tuple[Any, Any, Any]:
        """A split in the shared space: images (n, d), captions (m, d), each caption's image row."""
        pairs = self.rows(report).pairs(split, *self.vectors(report))
        alignment = self.alignment()
        image = alignment.transform("image", pairs.image)
        return image, alignment.transform("text", pairs.text), pairs.image_of_text

    def alignment(self) -> Alignment:
        """The fitted heads."""
        from backend.alignment.base import load_alignment

        return load_alignment(self.heads)

    def _describe(self, side: Side) -> None:
        from backend.catalog.encoders import encoder_info
        from backend.features.kinds.precomputed import Precomputed
        from backend.features.store.shelves import folder_name

        encoder = self.encoder(side, silent)
        stored = () if isinstance(encoder, Precomputed) else encoder.outputs
        info = encoder_info(encoder.spec.id, encoder.spec.modality, self.settings)
        found = {
            # the commit that a newest one was, so that the run can be repeated
            f"{side}_revision": info.revision,
            f"{side}_fingerprint": encoder.fingerprint,
            f"{side}_dimension": int(self.features(side, silent).vectors.shape[1]),
            f"{side}_features": [folder_name(output) for output in stored],
        }
        self.journal.add_configuration(found)

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
    import backend.exploration.layout
    import backend.features.extraction  # noqa: F401
    from backend.features.encoders import resolve_device

    return resolve_device(settings.device)
