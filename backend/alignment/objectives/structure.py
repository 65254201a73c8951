"""STRUCTURE: any objective, and the neighbourhoods that each head should keep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import torch
from torch import Tensor

from backend.alignment.losses import structure
from backend.alignment.objectives.unpaired import UnpairedBatches
from backend.alignment.training.objective import Batch, Objective, Step
from backend.schemas import Side

#: without a warm-up of its own: the paper's thousand steps, in a short training a tenth of all
_WARMUP_STEPS: Final = 1000
_WARMUP_SHARE: Final = 0.1


@dataclass(frozen=True)
class Regulariser:
    """How the neighbourhoods are compared.

    Attributes:
        weight: lambda, after the warm-up.
        warmup: steps in which it climbs from 0; 0: 1,000, but at most a tenth of all steps.
        temperature: of the similarities within a modality.
        levels, weighting, divergence, margin: see
            :func:`backend.alignment.losses.structure.structure`.
    """

    weight: float = 10.0
    warmup: int = 0
    temperature: float = 0.05
    levels: int = 1
    weighting: Literal["none", "inverse"] = "none"
    divergence: Literal["reverse-kl", "jensen-shannon"] = "reverse-kl"
    margin: float = 0.0

    def weight_at(self, step: int, total: int) -> float:
        """lambda at a step, counted from 0: the first one has none."""
        warmup = self.warmup or min(_WARMUP_STEPS, int(_WARMUP_SHARE * total))
        return self.weight * min(1.0, step / max(1, warmup))


class Structured(Objective):
    """base + lambda_t (R_S(X, f(X)) + R_S(Y, g(Y))) / 2.

    Args:
        base: what aligns.
        regulariser: what keeps.
        unpaired: rows that join the regulariser alone.
    """

    def __init__(
        self,
        base: Objective,
        regulariser: Regulariser,
        unpaired: UnpairedBatches | None = None,
    ) -> None:
        super().__init__()
        self.base, self._regulariser, self._unpaired = base, regulariser, unpaired
        self.extra_captions = base.extra_captions

    def prepare(self, batch: Batch, generator: torch.Generator) -> Batch:
        batch = self.base.prepare(batch, generator)
        if self._unpaired is None:
            return batch
        image, text = self._unpaired.draw(generator)
        return replace(batch, unpaired_image=image, unpaired_text=text)

    def forward(self, step: Step) -> Tensor:
        loss: Tensor = self.base(step)
        weight = self._regulariser.weight_at(step.number, step.total)
        if weight == 0:
            return loss
        batch = step.batch
        clean_image, clean_text = batch.clean
        image = self._kept(step, "image", clean_image, step.image, batch.unpaired_image)
        text = self._kept(step, "text", clean_text, step.text, batch.unpaired_text)
        return loss + weight * (image + text) / 2

    def _kept(
        self, step: Step, side: Side, original: object, aligned: Tensor, more: object
    ) -> Tensor:
        assert isinstance(original, Tensor)
        if isinstance(more, Tensor):
            original = torch.cat([original, more])
            aligned = torch.cat([aligned, step.embed(side, more)])
        how = self._regulariser
        return structure(
            original,
            aligned,
            how.temperature,
            how.divergence,
            how.levels,
            how.weighting,
            how.margin,
        )

    def clamp(self) -> None:
        self.base.clamp()

    def told(self) -> dict[str, float]:
        return self.base.told()
