"""What a run is made of: its data set, its two frozen encoders, and their features in rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from backend.alignment.pairs import PairedFeatures, Unpaired
from backend.alignment.rows import Rows as FeaturesInRows
from backend.reporting import Report
from backend.runs.pairing import Captions, Loose, Rows, drawn, in_rows, loose
from backend.schemas import Modality, RunRequest, Side
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.catalog.datasets import Dataset
    from backend.catalog.records import Record
    from backend.features.encoders import Encoder
    from backend.features.extraction import Features

SIDES: tuple[Side, Side] = ("image", "text")
_TEXT: Modality = "text"


class Inputs:
    """Everything is read or loaded when it is first asked for, once a process.

    Args:
        settings: where everything lies.
        request: what is asked for.
        configuration: the run's; ``image_encoder`` and ``text_encoder`` are the encoders that are
            used, which a step may have chosen after the request was made.
        ready: called before the first encoder is loaded.
    """

    def __init__(
        self,
        settings: Settings,
        request: RunRequest,
        configuration: Mapping[str, Any],
        ready: Callable[[], object] = lambda: None,
    ) -> None:
        self.settings = settings
        self.request = request
        self.seeds = tuple(range(request.seed, request.seed + request.seeds))
        self._configuration = configuration
        self._ready = ready
        self._dataset: Dataset | None = None
        self._encoders: dict[Side, Encoder] = {}
        self._features: dict[Side, Features] = {}
        self._rows: Rows | None = None
        self._drawn: dict[int, frozenset[str]] = {}
        self._loose: dict[int, Loose] = {}

    # --- the data set ---------------------------------------------------------------------------

    def dataset(self, report: Report) -> Dataset:
        """The data set."""
        if self._dataset is None:
            from backend.catalog.datasets import load_dataset

            self._dataset = load_dataset(self.request.dataset, self.settings, report)
        return self._dataset

    def drawn(self, seed: int, report: Report) -> frozenset[str]:
        """Ids of the training items that a seed uses as pairs."""
        if seed not in self._drawn:
            records = self.dataset(report).records
            self._drawn[seed] = drawn(records, self.request.train_images, seed)
        return self._drawn[seed]

    def loose(self, seed: int, report: Report) -> Loose:
        """Training items and captions beside a seed's pairs, where the method learns from such."""
        if seed not in self._loose:
            self._loose[seed] = self._found_loose(seed, report)
        return self._loose[seed]

    def _found_loose(self, seed: int, report: Report) -> Loose:
        from backend.alignment.methods import METHODS

        if not METHODS[self.request.method].info.uses_unpaired:
            return Loose()
        most = self._configuration["options"].get("unpaired")
        records = self.dataset(report).records
        return loose(records, self.drawn(seed, report), seed, None if most is None else int(most))

    def training(self, seed: int, report: Report) -> list[Record]:
        """The training items that a seed uses as pairs, in the data set's order."""
        own = self.drawn(seed, report)
        return [record for record in self.dataset(report).records if record.id in own]

    def records(self, report: Report) -> list[Record]:
        """The items that are used as pairs by some seed, and the held-out ones."""
        pairs = frozenset().union(*(self.drawn(seed, report) for seed in self.seeds))
        records = self.dataset(report).records
        return [record for record in records if record.split != "train" or record.id in pairs]

    # --- encoders and features ------------------------------------------------------------------

    def name(self, side: Side) -> str:
        """The address of the encoder that is used."""
        return str(self._configuration[f"{side}_encoder"])

    def load(self, side: Side, name: str, report: Report) -> Encoder:
        """An encoder by its address, fetched where it is not on this disk.

        The bag of words is fitted on the captions of the first seed's training items, whatever the
        other seeds draw: a run has one text encoder, and no held-out caption may shape it.
        """
        self._ready()
        from backend.catalog.encoders import find_encoder
        from backend.features.loading import load_encoder

        modality = self.dataset(report).modality if side == "image" else _TEXT
        spec = find_encoder(name, modality, self.settings)
        corpus = None
        if spec.kind == "bag-of-words":
            corpus = Captions.of(self._encoded(self.training(self.seeds[0], report))).texts
        return load_encoder(
            spec, self.settings.device, corpus, report, self.settings.max_image_pixels
        )

    def encoder(self, side: Side, report: Report) -> Encoder:
        """One side's frozen encoder."""
        if side not in self._encoders:
            self._encoders[side] = self.load(side, self.name(side), report)
        return self._encoders[side]

    def use(self, side: Side, encoder: Encoder) -> None:
        """Has a side read by an encoder that is there already, as one that was fitted for the run."""
        self._encoders[side] = encoder

    def features(self, side: Side, report: Report) -> Features:
        """One side's features, from the store or encoded now."""
        if side not in self._features:
            from backend.features.extraction import extract_captions, extract_items
            from backend.features.store import FeatureStore

            kept = FeatureStore(self.settings.features_dir)
            if side == "image":
                records = self._items(report)
                found = extract_items(self.encoder("image", report), records, kept, report)
            else:
                self.features("image", report)
                captions = self._captions(report)
                encoder = self.encoder("text", report)
                found = extract_captions(encoder, captions.texts, kept, report, captions.ids)
            self._features[side] = found
        return self._features[side]

    def _items(self, report: Report) -> list[Record]:
        """Every item that needs features, in the data set's order."""
        wanted = {record.id for record in self.records(report)}
        for seed in self.seeds:
            wanted.update(self.loose(seed, report).items)
        return [record for record in self.dataset(report).records if record.id in wanted]

    def _captions(self, report: Report) -> Captions:
        """Every caption that needs features; of an item that cannot be encoded none is a pair."""
        captions = Captions.of(self._encoded(self.records(report)))
        wanted = {name for seed in self.seeds for name in self.loose(seed, report).captions}
        if wanted:
            captions += Captions.of(self.dataset(report).records).only(wanted)
        return captions

    def _encoded(self, records: list[Record]) -> list[Record]:
        """Those whose items could be encoded; all of them before that is known."""
        if "image" not in self._features:
            return records
        encoded = set(self._features["image"].ids)
        return [record for record in records if record.id in encoded]

    # --- rows -----------------------------------------------------------------------------------

    def rows(self, report: Report) -> Rows:
        """The items and captions that have features."""
        if self._rows is None:
            image, text = self.features("image", report), self.features("text", report)
            self._rows = Rows.of(self.records(report), image.ids, text.ids)
        return self._rows

    def side(self, side: Side, report: Report) -> FeaturesInRows:
        """One side's features in rows, of which none is read yet."""
        return in_rows(self.features(side, report))

    def pairs(self, split: str, report: Report, seed: int | None = None) -> PairedFeatures:
        """A split's pairs; of the training split those that a seed draws."""
        only = None if seed is None else self.drawn(seed, report)
        return self.rows(report).pairs(
            split, self.side("image", report), self.side("text", report), only
        )

    def unpaired(self, seed: int, report: Report) -> Unpaired | None:
        """What a seed may learn from beside its pairs; None where there is nothing on a side."""
        import numpy as np

        beside = self.loose(seed, report)
        image, text = self.features("image", report).rows(), self.features("text", report).rows()
        items = [image[name] for name in beside.items if name in image]
        captions = [text[name] for name in beside.captions if name in text]
        if not items or not captions:
            return None
        return Unpaired(
            self.side("image", report).only(np.asarray(items, np.int64)),
            self.side("text", report).only(np.asarray(captions, np.int64)),
        )
