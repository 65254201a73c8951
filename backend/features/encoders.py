"""What every encoder offers, and loading one.

An encoder is cheap until it is asked for a feature: its fingerprint is made of its files alone, so
features that are stored already are found without loading a model or even torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.catalog.encoder_files import EncoderFiles, inspect_folder
from backend.catalog.encoders import EncoderSpec, spec_files
from backend.catalog.hub import fetch
from backend.errors import EncoderError, Fault, InvalidInput
from backend.features.pictures import MAX_PIXELS
from backend.features.work import Tally, Work, in_order
from backend.reporting import Report, silent


class Encoder(ABC):
    """A frozen encoder of one side.

    Attributes:
        spec: what it was loaded by.
        fingerprint: hash of everything that decides its features; equal ones give equal features.
        unit: what its items are called when progress is told.
    """

    spec: EncoderSpec
    fingerprint: str
    unit: str

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of a feature; loads the model."""

    @abstractmethod
    def prepare(self) -> None:
        """Brings the model into memory, which takes seconds; does nothing when it is there.

        Raises:
            EncoderError: it cannot be loaded.
        """

    @abstractmethod
    def works(self, items: Sequence[Any], wanted: Sequence[bool]) -> Iterator[Work]:
        """Cuts items into batches that any thread can encode.

        The batches are the same whatever is wanted of them, so an extraction that was broken off
        and goes on gives the very same features as one that was not.

        Args:
            items: pictures (paths or PIL images) or texts.
            wanted: whether each is to be encoded.

        Raises:
            EncoderError: the model cannot be loaded.
        """

    def encode(self, items: Sequence[Any], report: Report = silent) -> NDArray[np.float32]:
        """Features of items, in order: (n, d) float32, raw as the encoder gives them.

        Raises:
            InvalidInput: some items cannot be read; all are listed.
            EncoderError: the model cannot be loaded or gives numbers that are not finite.
        """
        result: NDArray[np.float32] | None = None
        faults: dict[int, str] = {}
        tally = Tally(report, len(items), self.unit)
        with in_order(self.works(items, [True] * len(items)), tally.tell) as outcomes:
            for outcome in outcomes:
                tally.add(outcome)
                faults.update(outcome.faults)
                if len(outcome.items) == 0:
                    continue
                if result is None:
                    result = np.empty((len(items), outcome.vectors.shape[1]), np.float32)
                result[list(outcome.items)] = finite(outcome.vectors, self.spec.id)
        if faults:
            listed = [Fault(_name(items[index], index), faults[index]) for index in sorted(faults)]
            raise InvalidInput(
                "Some items cannot be encoded; leave them out or replace them.", listed
            )
        return result if result is not None else np.empty((0, self.dimension), np.float32)


def finite(vectors: NDArray[np.float32], encoder_id: str) -> NDArray[np.float32]:
    """The same vectors.

    Raises:
        EncoderError: some number is not finite, as happens with damaged weights.
    """
    if not np.isfinite(vectors).all():
        raise EncoderError(
            f"{encoder_id} gives features that are not finite numbers. Its weights are damaged: "
            "download it again or choose another encoder."
        )
    return vectors


def resolve_device(device: str) -> str:
    """ "auto" becomes "cuda" where there is one, else "cpu"; anything else stays."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_encoder(
    spec: EncoderSpec,
    device: str,
    corpus: Sequence[str] | None = None,
    report: Report = silent,
    max_pixels: int = MAX_PIXELS,
) -> Encoder:
    """An encoder ready to be asked; fetches it from the Hub when it is not on this disk.

    Args:
        spec: from :func:`backend.catalog.encoders.find_encoder`.
        device: "auto", "cpu", "cuda" or "cuda:N".
        corpus: the training captions, which the bag of words alone is fitted on.
        report: told about a download; may raise ``Cancelled``.
        max_pixels: larger pictures are refused.

    Raises:
        EncoderError: files are missing, damaged, unsafe or for the other side; or the Hub is out of
            reach.
    """
    from backend.features.bag_of_words import BagOfWords

    if spec.kind == "bag-of-words":
        if not corpus:
            raise EncoderError("The bag of words needs training captions, and there are none.")
        return BagOfWords.of(spec, corpus)
    files = spec_files(spec)
    if files is None:
        files = inspect_folder(fetch(spec.location, spec.revision, report), spec.side)
    if spec.side == "image":
        from backend.features.images import ImageEncoder

        return ImageEncoder(spec, files, device, max_pixels)
    return _text_encoder(spec, files, device)


def load_fitted(folder: Path) -> Encoder:
    """An encoder that was fitted on a run's captions and saved with it.

    Raises:
        EncoderError: the files are missing or damaged.
    """
    from backend.features.bag_of_words import BagOfWords

    return BagOfWords.load(folder)


def _text_encoder(spec: EncoderSpec, files: EncoderFiles, device: str) -> Encoder:
    from backend.features.sentences import SentenceEncoder, reads_as_pooled
    from backend.features.texts import TextEncoder

    pooled = reads_as_pooled(spec, files)
    if pooled is None:
        return SentenceEncoder(spec, files, device)
    return TextEncoder(spec, files, device, pooled)


#: characters of an item that are shown in a fault
_SHOWN: Final = 60


def _name(item: Any, index: int) -> str:
    return str(item)[:_SHOWN] if isinstance(item, str | Path) else f"item {index + 1}"
