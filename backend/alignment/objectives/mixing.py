"""FuseMix: pairs mixed in the encoders' own spaces before the heads see them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from backend.alignment.heads import Inputs
from backend.alignment.objectives.contrastive import TEMPERATURES, InfoNCE
from backend.alignment.training.objective import Batch


class FuseMix(InfoNCE):
    """InfoNCE of mixed pairs: both sides of a pair are mixed with those of the pair before it.

    One coefficient a batch, Beta(alpha, alpha), the same for both sides, so that a mixture of two
    pairs is a pair. The released code gives up half of the batch's rows; STRUCTURE's ablation rolls the
    batch by half its size, which mixes i and j twice: at a coefficient near one half those two rows
    are all but equal and yet each other's negatives. Rolled by one, no two rows mix the same pairs.

    Args:
        alpha: of the Beta distribution; 1 (uniform) in the paper. 0: nothing is mixed.
        logit_scale: its first value; 1/0.07 in the paper.
    """

    def __init__(self, alpha: float = 1.0, logit_scale: float = 1 / 0.07) -> None:
        super().__init__(logit_scale, bounds=TEMPERATURES)
        self._alpha = alpha

    def prepare(self, batch: Batch, generator: torch.Generator) -> Batch:
        if self._alpha == 0:
            return batch
        seed = torch.randint(2**62, (), generator=generator, device=generator.device)
        share = float(np.random.default_rng(int(seed)).beta(self._alpha, self._alpha))
        return replace(batch, image=_mixed(batch.image, share), text=_mixed(batch.text, share))


def _mixed(inputs: Inputs, share: float) -> Tensor:
    assert isinstance(inputs, Tensor)
    return share * inputs + (1 - share) * inputs.roll(1, 0)
