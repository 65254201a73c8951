"""What every encoder offers, and loading one.

An encoder is cheap until it is asked for a feature: its fingerprint is made of its files alone, so
features that are stored already are found without loading a model or even torch.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.catalog.encoders import EncoderSpec
from backend.errors import EncoderError, Fault, InvalidInput
from backend.features.work import Outcome, Output, Tally, Work, in_order
from backend.reporting import Report, silent


class Encoder(ABC):
    """A frozen encoder of one modality.

    Attributes:
        spec: what it was loaded by.
        outputs: what it gives for every item, known without loading the model: usually one; one for
            each layer where several are asked for. They are computed in one pass, stored one by one
            and joined to one feature in this order.
        unit: what its items are called when progress is told.
    """

    spec: EncoderSpec
    outputs: tuple[Output, ...]
    unit: str

    @property
    def fingerprint(self) -> str:
        """Hash of everything that decides its features; equal ones give equal features."""
        told = [output.fingerprint for output in self.outputs]
        return told[0] if len(told) == 1 else hashlib.sha256("\n".join(told).encode()).hexdigest()

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Length of a feature, all outputs joined; loads the model where its files do not tell."""

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
            items: pictures (Blob, path or PIL image), recordings (Blob, path, or samples and rate), or
                texts.
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
        if any(output.ragged for output in self.outputs):
            raise EncoderError(
                f"{self.spec.id} is asked for every token by itself, which makes no single vector. "
                "Leave out pooling=tokens."
            )
        result: NDArray[np.float32] | None = None
        for outcome in self._outcomes(items, report):
            if result is None:
                width = sum(block.shape[1] for block in outcome.blocks)
                result = np.empty((len(items), width), np.float32)
            result[list(outcome.items)] = np.concatenate(outcome.blocks, axis=1)
        return result if result is not None else np.empty((0, self.dimension), np.float32)

    def encode_tokens(
        self, items: Sequence[Any], report: Report = silent
    ) -> list[tuple[NDArray[np.float32], ...]]:
        """Every token's feature: for each item one (tokens, d) array an output.

        For an encoder that is asked for tokens; of any other output an item has one row.

        Raises:
            InvalidInput, EncoderError: as :meth:`encode`.
        """
        found: list[tuple[NDArray[np.float32], ...]] = [()] * len(items)
        for outcome in self._outcomes(items, report):
            parts = [
                np.split(block, np.cumsum(lengths or [1] * len(block))[:-1])
                for block, lengths in zip(
                    outcome.blocks, outcome.lengths or ((),) * len(outcome.blocks), strict=True
                )
            ]
            for place, item in enumerate(outcome.items):
                found[item] = tuple(part[place] for part in parts)
        return found

    def _width(self, item: Any) -> int:
        """Length of a feature, measured on an item."""
        outcome = next(self._outcomes([item], silent))
        return sum(block.shape[1] for block in outcome.blocks)

    def _outcomes(self, items: Sequence[Any], report: Report) -> Iterator[Outcome]:
        """Outcomes with features; raises at the end when some items have none."""
        faults: dict[int, str] = {}
        tally = Tally(report, len(items), self.unit)
        with in_order(self.works(items, [True] * len(items)), tally.tell) as outcomes:
            for outcome in outcomes:
                tally.add(outcome)
                faults.update(outcome.faults)
                if outcome.items:
                    for block in outcome.blocks:
                        finite(block, self.spec.id)
                    yield outcome
        if faults:
            listed = [Fault(_name(items[index], index), faults[index]) for index in sorted(faults)]
            raise InvalidInput(
                "Some items cannot be encoded; leave them out or replace them.", listed
            )


def finite(vectors: NDArray[np.float32], encoder_id: str) -> NDArray[np.float32]:
    """The same vectors.

    Raises:
        EncoderError: some number is not finite, as happens with damaged weights.
    """
    if not np.isfinite(vectors).all():
        raise EncoderError(
            f"{encoder_id} gives features that are not finite numbers. Where it runs in half "
            "precision, its numbers may be too large for it: ask for precision float32. Otherwise "
            "its weights are damaged: download it again or choose another encoder."
        )
    return vectors


def resolve_device(device: str) -> str:
    """ "auto" becomes "cuda" where there is one, else "cpu"; anything else stays."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


#: characters of an item that are shown in a fault
_SHOWN: Final = 60


def _name(item: Any, index: int) -> str:
    return str(item)[:_SHOWN] if isinstance(item, str | Path) else f"item {index + 1}"
