"""What every head is: features of one side in, unit rows of the shared space out.

Every method, trained or in closed form, ends in two heads, so saving, loading and using them is
written once. A kind of head is one file of this package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from backend.alignment.rows import Rows


@dataclass(frozen=True)
class HeadConfig:
    """Shape of a head, as it is kept in ``alignment.json``.

    Attributes:
        kind: which class it is (:data:`backend.alignment.heads.KINDS`).
        inputs, outputs: dimensions of the features and of the shared space.
        settings: what else the kind needs; plain JSON values.
    """

    kind: str
    inputs: int
    outputs: int
    settings: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def of(kept: dict[str, Any]) -> HeadConfig:
        """From :meth:`to_dict`; settings of older runs stood beside the others."""
        own = {name: kept[name] for name in ("kind", "inputs", "outputs")}
        known = (*own, "settings")
        beside = {name: value for name, value in kept.items() if name not in known}
        return HeadConfig(**own, settings=beside | kept.get("settings", {}))


class TokenBatch(NamedTuple):
    """Every token's features of some items, padded.

    Attributes:
        values: (n, t, d).
        mask: (n, t) bool.
    """

    values: Tensor
    mask: Tensor

    def to(self, *args: Any, **kwargs: Any) -> TokenBatch:
        """As ``Tensor.to``, of the values; the mask moves with them."""
        values = self.values.to(*args, **kwargs)
        return TokenBatch(values, self.mask.to(values.device))


#: what a head takes: (n, d) one vector an item, or every token
Inputs: TypeAlias = Tensor | TokenBatch


class Dropout(nn.Module):
    """Zeroes entries in training, each with the same chance, and scales up the others.

    As ``nn.Dropout``, but never from torch's global generator: a training that goes on from a
    checkpoint has to draw what it would have drawn.

    Args:
        chance: of an entry.
    """

    def __init__(self, chance: float) -> None:
        super().__init__()
        self.chance = chance
        self.generator: torch.Generator | None = None

    def forward(self, rows: Tensor) -> Tensor:
        if not self.training or not self.chance:
            return rows
        drawn = torch.rand(rows.shape, generator=self.generator, device=rows.device)
        return rows * (drawn >= self.chance) / (1 - self.chance)


class Head(nn.Module, ABC):
    """Maps features of one side to the shared space.

    Args:
        config: its shape.
    """

    #: whether it takes every token's features
    takes_tokens = False

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config

    def prepare(self, rows: Rows) -> None:  # noqa: B027 - most kinds have nothing to prepare
        """Fits what is not trained (means, scales) on training features alone."""

    def initialise(self, generator: torch.Generator) -> None:
        """Draws the weights from ``generator`` alone, so a seed decides them (Glorot uniform, bias 0)."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def draw_from(self, generator: torch.Generator) -> None:
        """Whatever is random in training comes from ``generator``, whose state a checkpoint keeps."""
        for module in self.modules():
            if isinstance(module, Dropout):
                module.generator = generator

    @abstractmethod
    def project(self, inputs: Inputs) -> Tensor:
        """(n, inputs) -> (n, outputs), not normalised."""

    def forward(self, inputs: Inputs) -> Tensor:
        """(n, inputs) -> (n, outputs), unit rows."""
        return F.normalize(self.project(inputs), dim=-1)
