"""Contrastive objectives: InfoNCE and the sigmoid loss, with what they learn beside the heads."""

from __future__ import annotations

import math
from typing import Final, Literal

import torch
from torch import Tensor, nn

from backend.alignment.losses import MAX_LOG_SCALE, info_nce, sigmoid
from backend.alignment.training.objective import Objective, Step

Siblings = Literal["apart", "mask", "positive"]

#: temperatures of freeze-align and FuseMix stay within 0.001 and 0.5
TEMPERATURES: Final = (math.log(1 / 0.5), math.log(1 / 0.001))


class InfoNCE(Objective):
    """Symmetric InfoNCE; the logit scale is exp(theta).

    Args:
        logit_scale: its first value; 1/0.07 in CLIP.
        siblings: captions of one image in a batch are left out ("mask") or count together
            ("positive"); "apart": the batches hold none.
        extra: whether a second caption of each image is a positive, too: the mean of both losses.
        learned: whether theta is trained.
        bounds: theta is clamped to; 0 to ln 100 in CLIP.
    """

    def __init__(
        self,
        logit_scale: float = 1 / 0.07,
        siblings: Siblings = "apart",
        extra: bool = False,
        learned: bool = True,
        bounds: tuple[float, float] = (0.0, MAX_LOG_SCALE),
    ) -> None:
        super().__init__()
        self._siblings, self._bounds = siblings, bounds
        self.extra_captions = extra
        start = torch.tensor(math.log(logit_scale))
        self.log_scale = nn.Parameter(start, requires_grad=learned)

    def forward(self, step: Step) -> Tensor:
        loss = self._of(step, step.text)
        if step.batch.extra is None:
            return loss
        return (loss + self._of(step, step.embed("text", step.batch.extra))) / 2

    def _of(self, step: Step, text: Tensor) -> Tensor:
        if self._siblings == "apart":
            return info_nce(step.image, text, self.log_scale)
        return info_nce(step.image, text, self.log_scale, step.batch.owner, self._siblings)

    def clamp(self) -> None:
        if self.log_scale.requires_grad:
            self.log_scale.clamp_(*self._bounds)

    def told(self) -> dict[str, float]:
        return {"logit_scale": float(self.log_scale.detach().exp())}


class Sigmoid(Objective):
    """SAIL's sigmoid loss: the mean over all pairs of a yes or no each; theta and the bias are learned.

    Args:
        logit_scale, logit_bias: first values; 20 and -10 in SAIL.
        extra: whether a second caption of each image is a positive, too: the mean is then over
            B x 2B pairs, where the extra captions of other images are negatives.
    """

    def __init__(
        self, logit_scale: float = 20.0, logit_bias: float = -10.0, extra: bool = False
    ) -> None:
        super().__init__()
        self.extra_captions = extra
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale)))
        self.bias = nn.Parameter(torch.tensor(float(logit_bias)))

    def forward(self, step: Step) -> Tensor:
        # the ids decide who belongs together, so siblings that meet in a batch are positives
        owner, text = step.batch.owner, step.text
        owners = owner
        if step.batch.extra is not None:
            text = torch.cat([text, step.embed("text", step.batch.extra)])
            owners = torch.cat([owner, owner])
        return sigmoid(step.image, text, self.log_scale, self.bias, owner, owners)

    def clamp(self) -> None:
        self.log_scale.clamp_(0.0, MAX_LOG_SCALE)

    def told(self) -> dict[str, float]:
        return {
            "logit_scale": float(self.log_scale.detach().exp()),
            "logit_bias": float(self.bias.detach()),
        }
