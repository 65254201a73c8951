"""A finished run, opened so that other items and texts can be put into its space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import Fault, InvalidInput, NotFound
from backend.reporting import Report, silent
from backend.runs.inputs import SIDES, Inputs
from backend.runs.pairing import in_rows
from backend.runs.store import Store
from backend.schemas import RunDetail, Side
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.alignment.base import Alignment
    from backend.alignment.pairs import PairedFeatures
    from backend.alignment.rows import Rows
    from backend.catalog.records import Record
    from backend.features.encoders import Encoder
    from backend.features.extraction import Features

Vectors = NDArray[np.float32]


class OpenedRun:
    """The frozen encoders and the heads of a run's first seed.

    Args:
        settings: where everything lies.
        detail: the run.
        inputs: where its data set and encoders are read already.
    """

    def __init__(self, settings: Settings, detail: RunDetail, inputs: Inputs | None = None) -> None:
        self.settings = settings
        self.detail = detail
        self.inputs = inputs or Inputs(settings, detail.request, detail.configuration)
        # the run's own step reads what it is to keep, so there is nothing to check it against
        self._checked = inputs is not None
        fitted = settings.runs_dir / detail.summary.id / "text_encoder"
        if inputs is None and fitted.is_dir():
            from backend.features.loading import load_fitted

            self.inputs.use("text", load_fitted(fitted))

    @cached_property
    def alignment(self) -> Alignment:
        """The heads."""
        from backend.alignment.base import load_alignment

        return load_alignment(self.settings.runs_dir / self.detail.summary.id / "heads")

    def encoder(self, side: Side, report: Report = silent) -> Encoder:
        """One side's frozen encoder; one that was fitted on the run's captions is kept with it."""
        return self.inputs.encoder(side, report)

    def reads_new(self, side: Side) -> bool:
        """Whether a side's encoder can read what is not in the data set: a file of features cannot."""
        from backend.features.kinds.precomputed import Precomputed

        return not isinstance(self.encoder(side), Precomputed)

    def features(
        self, side: Side, items: Sequence[Record] | Sequence[str], report: Report
    ) -> Features:
        """Frozen features of items or of texts, from the store or encoded now.

        Returns:
            Rows in the order of ``items``, without those that cannot be encoded: join by id. A text's
            id is the text itself.

        Raises:
            InvalidInput: the run's are known by a file of features alone.
        """
        from backend.features.extraction import extract_captions, extract_items
        from backend.features.store import FeatureStore

        store, encoder = FeatureStore(self.settings.features_dir), self.encoder(side, report)
        if not self.reads_new(side):
            raise InvalidInput(
                f"The {'captions' if side == 'text' else 'items'} of this run are known by a file of "
                "features, so no others can be read. Choose a run with an encoder that reads them."
            )
        given: Any = items
        if side == "image":
            return extract_items(encoder, given, store, report)
        return extract_captions(encoder, given, store, report)

    def into_space(self, side: Side, features: Rows) -> Vectors:
        """(n, d) unit rows: frozen features through the head.

        Raises:
            InvalidInput: the encoder has changed since the run.
        """
        wanted = self.alignment.heads[side].config.inputs
        if features.width != wanted:
            raise InvalidInput(
                f"The {side} encoder has changed since this run: it gives {features.width} numbers "
                f"and the run's head takes {wanted}. Launch the run again."
            )
        embedded: Vectors = self.alignment.transform(side, features)
        return embedded

    def embed_items(
        self, records: Sequence[Record], report: Report = silent
    ) -> tuple[tuple[str, ...], Vectors]:
        """Ids and unit rows (n, d) of the items that can be encoded."""
        found = self.features("image", records, report)
        return found.ids, self.into_space("image", in_rows(found))

    def embed_texts(self, texts: Sequence[str], report: Report = silent) -> Vectors:
        """(n, d) unit rows of texts, in order.

        Raises:
            InvalidInput: a text cannot be encoded.
        """
        found = self.features("text", texts, report)
        if found.faults:
            raise InvalidInput("Some texts cannot be encoded; change them.", found.faults)
        return self.into_space("text", in_rows(found))

    def pairs(self, split: str, report: Report = silent) -> PairedFeatures:
        """The frozen features of one of the run's own splits.

        Raises:
            InvalidInput: the data set or an encoder is no longer that of the run.
        """
        self._check_unchanged(report)
        return self.inputs.pairs(split, report)

    def _check_unchanged(self, report: Report) -> None:
        """What is read again must be what the heads were fitted on and tested with."""
        if self._checked:
            return
        made = self.detail.configuration
        now = {"dataset": self.inputs.dataset(report).fingerprint}
        for side in SIDES:
            now[side] = self.encoder(side, report).fingerprint
        faults = [
            Fault(name, "has changed since this run")
            for name, found in now.items()
            if made.get(f"{name}_fingerprint") not in (None, found)
        ]
        if faults:
            raise InvalidInput(
                "This run cannot be measured any more, as what it was made of has changed. Launch it "
                "again.",
                faults,
            )
        self._checked = True

    def embedded(self, split: str, report: Report = silent) -> tuple[Vectors, Vectors, Any]:
        """One of the run's own splits: images (n, d), captions (m, d), each caption's image row."""
        pairs = self.pairs(split, report)
        image, text = self.into_space("image", pairs.image), self.into_space("text", pairs.text)
        return image, text, pairs.image_of_text


def open_run(settings: Settings, store: Store, run_id: str | None) -> OpenedRun:
    """A run that has heads.

    Raises:
        NotFound: there is no such run, or it has no heads yet.
    """
    detail = store.get_run(run_id or "")
    if not (settings.runs_dir / detail.summary.id / "heads").is_dir():
        raise NotFound(
            f"Run {detail.summary.name} has no heads yet; wait until it has finished, or press Resume."
        )
    return OpenedRun(settings, detail)
