"""SOTAlign: a few pairs as in SAIL, and a teacher's transport plan on rows without partners."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from backend.alignment.heads import Head
from backend.alignment.losses import MAX_LOG_SCALE, klot, sigmoid
from backend.alignment.objectives.unpaired import UnpairedBatches
from backend.alignment.training.objective import Batch, Objective, Step
from backend.schemas import Side


@dataclass(frozen=True)
class Transport:
    """How the plans are made and weighed.

    Attributes:
        pairs, plan: weights of the sigmoid loss and of KLOT, a1 and a2.
        epsilon, epsilon_teacher: entropy of the heads' plan and of the teacher's.
        iterations: of Sinkhorn.
        rows: of the batch that KLOT takes where there are no unpaired ones; it holds rows x rows.
    """

    pairs: float = 1.0
    plan: float = 1e-4
    epsilon: float = 0.05
    epsilon_teacher: float = 0.005
    iterations: int = 100
    rows: int = 256


class TeacherPlan(Objective):
    """a1 * rectangular sigmoid + a2 * KLOT.

    The sigmoid takes each side's pairs against all of the other side, unpaired rows included, which
    only are negatives; the mean of both directions. KLOT holds the heads' transport plan between
    unpaired items and unpaired captions to the teacher's. Without unpaired rows some of the batch's own
    pairs take their place in KLOT.

    Args:
        teacher: two fitted heads, which are not trained.
        transport: weights and plans.
        unpaired: what has no partners, if there is any.
        logit_scale, logit_bias: first values.
    """

    def __init__(
        self,
        teacher: dict[Side, Head],
        transport: Transport,
        unpaired: UnpairedBatches | None,
        logit_scale: float = 20.0,
        logit_bias: float = -10.0,
    ) -> None:
        super().__init__()
        self.teacher = nn.ModuleDict({str(side): head for side, head in teacher.items()})
        self.teacher.requires_grad_(False)
        self._transport, self._unpaired = transport, unpaired
        self.log_scale = nn.Parameter(torch.tensor(math.log(logit_scale)))
        self.bias = nn.Parameter(torch.tensor(float(logit_bias)))

    def prepare(self, batch: Batch, generator: torch.Generator) -> Batch:
        if self._unpaired is None:
            return batch
        image, text = self._unpaired.draw(generator)
        return replace(batch, unpaired_image=image, unpaired_text=text)

    def forward(self, step: Step) -> Tensor:
        batch, how = step.batch, self._transport
        raw_image, raw_text = batch.unpaired_image, batch.unpaired_text
        if isinstance(raw_image, Tensor) and isinstance(raw_text, Tensor):
            image, text = step.embed("image", raw_image), step.embed("text", raw_text)
            pairs = self._told_apart(step, image, text)
        else:
            clean_image, clean_text = batch.clean
            assert isinstance(clean_image, Tensor) and isinstance(clean_text, Tensor)
            raw_image, raw_text = clean_image[: how.rows], clean_text[: how.rows]
            image, text = step.image[: how.rows], step.text[: how.rows]
            pairs = self._told_apart(step, image[:0], text[:0])
        if not how.plan:
            return how.pairs * pairs
        # the teacher's entropy is finer than bfloat16's steps
        with torch.autocast(image.device.type, enabled=False):
            with torch.no_grad():
                known = self.teacher["image"](raw_image), self.teacher["text"](raw_text)
            plan = klot(
                image.float() @ text.float().T,
                known[0] @ known[1].T,
                how.epsilon,
                how.epsilon_teacher,
                how.iterations,
            )
        return how.pairs * pairs + how.plan * plan

    def _told_apart(self, step: Step, more_image: Tensor, more_text: Tensor) -> Tensor:
        owner = step.batch.owner
        losses = []
        for one, other, more in (
            (step.image, step.text, more_text),
            (step.text, step.image, more_image),
        ):
            nobody = owner.new_full((len(more),), -1)
            across, owners = torch.cat([other, more]), torch.cat([owner, nobody])
            losses.append(sigmoid(one, across, self.log_scale, self.bias, owner, owners))
        return (losses[0] + losses[1]) / 2

    def clamp(self) -> None:
        self.log_scale.clamp_(0.0, MAX_LOG_SCALE)

    def told(self) -> dict[str, float]:
        return {
            "logit_scale": float(self.log_scale.detach().exp()),
            "logit_bias": float(self.bias.detach()),
        }
