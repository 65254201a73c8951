"""Backbones that a game is measured by: the run's own space, and encoders of the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backend.drift.chains import Content
from backend.drift.measuring import Embeddings
from backend.errors import DatasetError, Fault, InvalidInput
from backend.media.blobs import Blob
from backend.reporting import Report, part, silent
from backend.runs.inputs import SIDES
from backend.runs.pairing import in_rows
from backend.schemas import BackboneChoice, Side
from backend.settings import Settings

if TYPE_CHECKING:
    from backend.exploration.gallery import Gallery
    from backend.features.encoders import Encoder
    from backend.features.extraction import Features
    from backend.runs.evaluations.opened import OpenedRun

OWN_SPACE = "the run's own space"

Vectors = NDArray[np.floating[Any]]


class Contents:
    """What the contents of a game are, for encoders.

    Args:
        gallery: that their items are of; None of chains made elsewhere.
        folder: that their pictures lie in.
    """

    def __init__(self, gallery: Gallery | None, folder: Path) -> None:
        self.gallery = gallery
        self.folder = folder

    def source(self, content: Content) -> Blob | str | None:
        """Its words, or where its bytes are."""
        if content.side == "text":
            return content.text or (self.gallery.said(content.item) if self.gallery else "")
        if content.picture:
            return Blob(self.folder / content.picture)
        assert self.gallery is not None  # only a gallery has items
        return self.gallery.entries[self.gallery.owner(content.item)].content

    def features(
        self, encoder: Encoder, side: Side, contents: Sequence[Content], settings: Settings,
        report: Report,
    ) -> Features | None:  # fmt: skip
        """Frozen features, from the store or encoded now; a row's id is its content's place.

        Returns:
            None where not a single one can be read.
        """
        from backend.catalog.records import Record
        from backend.features.extraction import extract_captions, extract_items
        from backend.features.store import FeatureStore

        store = FeatureStore(settings.features_dir)
        sources = [self.source(content) for content in contents]
        names = [str(place) for place in range(len(contents))]
        try:
            if side == "text":
                texts = [str(source) for source in sources]
                return extract_captions(encoder, texts, store, report, names)
            modality = self.gallery.modality if self.gallery else "image"
            records = [
                Record(name, modality, source, "test", ())
                for name, source in zip(names, sources, strict=True)
            ]
            return extract_items(encoder, records, store, report)
        except DatasetError:  # none of them can be read: all are missing
            return None


class OwnSpace:
    """A run's shared space: items have their vectors, and what was made goes through the heads.

    Args:
        opened: the run.
        contents: what was found and made, of its gallery.
    """

    sides: frozenset[Side] = frozenset(SIDES)
    shared = True

    def __init__(self, opened: OpenedRun, contents: Contents) -> None:
        self.name = OWN_SPACE
        self._opened = opened
        self._contents = contents

    def embed(self, contents: Sequence[Content], report: Report = silent) -> Embeddings:
        """Unit rows of all contents that the run's encoders can read."""
        gallery = self._contents.gallery
        assert gallery is not None
        rows = np.full(len(contents), -1, np.int64)
        vectors: dict[Side, Vectors] = {}
        for number, side in enumerate(SIDES):
            own = [at for at, each in enumerate(contents) if each.side == side]
            index = gallery.indexes[side]
            found = [at for at in own if contents[at].item]
            made = [at for at in own if not contents[at].item]
            places = [index.row_of[contents[at].item] for at in found]
            blocks: list[Vectors] = [np.asarray(index.vectors()[places], np.float32)]
            rows[found] = np.arange(len(found))
            if made and self._opened.reads_new(side):
                half = part(report, len(contents), "contents", number / 2, (number + 1) / 2)
                encoder = self._opened.encoder(side, half)
                some = [contents[at] for at in made]
                told = self._contents.features(encoder, side, some, self._opened.settings, half)
                if told is not None:
                    blocks.append(self._opened.into_space(side, in_rows(told)))
                    for row, name in enumerate(told.ids):
                        rows[made[int(name)]] = len(found) + row
            vectors[side] = np.concatenate(blocks)
        return Embeddings(vectors, rows)


class EncoderPair:
    """Frozen encoders: one of a modality, or two that may share a space.

    Args:
        choice: which.
        contents: what was found and made.
        load: gives an encoder by its address and modality.
        settings: where features are kept.

    Raises:
        InvalidInput: it names no encoder, or only one of two that are to share a space.
    """

    def __init__(
        self,
        choice: BackboneChoice,
        contents: Contents,
        load: Callable[[str, Side, Report], Encoder],
        settings: Settings,
    ) -> None:
        faults = faults_of(choice)
        if faults:
            raise InvalidInput("This backbone cannot be used. Correct it.", faults)
        self.name = name_of(choice)
        self.sides = frozenset(side for side in SIDES if getattr(choice, side))
        self.shared = choice.shared
        self._choice, self._contents, self._load = choice, contents, load
        self._settings = settings

    def embed(self, contents: Sequence[Content], report: Report = silent) -> Embeddings:
        """Raw features of all contents that the encoders can read."""
        rows = np.full(len(contents), -1, np.int64)
        vectors: dict[Side, Vectors] = {side: np.empty((0, 1), np.float32) for side in SIDES}
        for number, side in enumerate(SIDES):
            own = [at for at, each in enumerate(contents) if each.side == side]
            if side not in self.sides or not own:
                continue
            half = part(report, len(contents), "contents", number / 2, (number + 1) / 2)
            encoder = self._load(getattr(self._choice, side), side, half)
            told = self._contents.features(
                encoder, side, [contents[at] for at in own], self._settings, half
            )
            if told is None:
                continue
            if told.lengths and len(told.lengths[0]):
                raise InvalidInput(
                    f"{encoder.spec.id} gives every token, and a similarity needs one vector. Choose "
                    "another pooling."
                )
            vectors[side] = told.vectors
            rows[[own[int(name)] for name in told.ids]] = np.arange(len(told.ids))
        self._check_widths(vectors)
        return Embeddings(vectors, rows)

    def _check_widths(self, vectors: dict[Side, Vectors]) -> None:
        image, text = (vectors[side] for side in SIDES)
        if self.shared and len(image) and len(text) and image.shape[1] != text.shape[1]:
            raise InvalidInput(
                f"{self.name} is to share a space, and its towers give {image.shape[1]} and "
                f"{text.shape[1]} numbers. Choose two towers of one model."
            )


def name_of(choice: BackboneChoice) -> str:
    """What a backbone is called in a report."""
    if choice.name:
        return choice.name
    named = dict.fromkeys(name for name in (choice.image, choice.text) if name)
    return " and ".join(named) or OWN_SPACE


def is_own(choice: BackboneChoice) -> bool:
    """Whether it is the run's own space."""
    return not (choice.image or choice.text)


def faults_of(choice: BackboneChoice) -> list[Fault]:
    """What is wrong with one that is no run's own space."""
    if is_own(choice):
        return [Fault("backbones", "one names no encoder")]
    if choice.shared and not (choice.image and choice.text):
        return [Fault("backbones", f"{name_of(choice)} is to share a space, and has one tower")]
    return []
