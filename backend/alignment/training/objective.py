"""What a training minimises: a loss of a batch, and what of the loss itself is learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from backend.alignment.heads import Head, Inputs
from backend.schemas import Side


@dataclass(frozen=True)
class Batch:
    """Raw features of some pairs, on the device.

    Attributes:
        image, text: row i of both is a pair.
        owner: (b,) int64, which image each pair is of: equal numbers are siblings.
        extra: another caption of each pair's image (the same one where it has no other); None unless
            the objective asks for it.
        unpaired_image, unpaired_text: rows without partners, where the objective adds some.
        without_noise: both sides as they were before noise was added to them, where it was.
        clean: both sides without noise, what is compared with the encoders' own spaces.
    """

    image: Inputs
    text: Inputs
    owner: Tensor
    extra: Inputs | None = None
    unpaired_image: Inputs | None = None
    unpaired_text: Inputs | None = None
    without_noise: tuple[Inputs, Inputs] | None = None

    @property
    def clean(self) -> tuple[Inputs, Inputs]:
        return self.without_noise or (self.image, self.text)


@dataclass(frozen=True)
class Step:
    """One step as an objective sees it.

    Attributes:
        number: from 0.
        batch: raw features, after :meth:`Objective.prepare`.
        image, text: (b, d) unit rows, what the heads make of them; as the heads project them for an
            objective that does not take :attr:`Objective.unit_rows`.
        heads: ``image`` and ``text``, to embed more than the pairs.
        dtype: that unit rows are cast to before a loss: bfloat16 where the heads compute in it.
        total: steps of the whole training.
    """

    number: int
    batch: Batch
    image: Tensor
    text: Tensor
    heads: nn.ModuleDict
    dtype: torch.dtype = torch.float32
    total: int = 1

    def embed(self, side: Side, inputs: Inputs) -> Tensor:
        """(n, d) unit rows of further features."""
        head = self.heads[side]
        assert isinstance(head, Head)
        embedded: Tensor = head(inputs)
        return embedded.to(self.dtype)


class Objective(nn.Module, ABC):
    """A loss. Its parameters (temperature, bias) are trained with the heads and kept with them."""

    #: whether batches bring a second caption of each image
    extra_captions = False
    #: whether rows are divided by their lengths before it sees them
    unit_rows = True

    def prepare(self, batch: Batch, generator: torch.Generator) -> Batch:
        """Changes a batch before the heads see it; all randomness comes from ``generator``."""
        return batch

    @abstractmethod
    def forward(self, step: Step) -> Tensor:
        """The loss, a scalar."""

    def clamp(self) -> None:  # noqa: B027 - most objectives have nothing to clamp
        """Brings parameters back into their range, after each step."""

    def told(self) -> dict[str, float]:
        """What it has learned, for the run's details."""
        return {}
