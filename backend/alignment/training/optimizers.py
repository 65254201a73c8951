"""AdamW, Lion, and the learning rate's way through a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from backend.alignment.training.config import TrainingConfig


class Lion(torch.optim.Optimizer):
    """Sign of an interpolated momentum, weight decay apart from it (Chen et al. 2023).

    c = b1 m + (1 - b1) g;  p <- p (1 - lr wd) - lr sign(c);  m <- b2 m + (1 - b2) g.

    Every weight moves by lr in each step, so the rate is about a tenth of AdamW's.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; a closure is not called."""
        for group in self.param_groups:
            rate, (first, second) = group["lr"], group["betas"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["exp_avg"] = torch.zeros_like(parameter)
                momentum: Tensor = state["exp_avg"]
                direction = momentum.lerp(parameter.grad, 1 - first).sign_()
                parameter.mul_(1 - rate * group["weight_decay"]).sub_(direction, alpha=rate)
                momentum.lerp_(parameter.grad, 1 - second)


def optimizer_of(
    config: TrainingConfig, heads: Iterable[Tensor], objective: Iterable[Tensor]
) -> torch.optim.Optimizer:
    """The optimiser over both heads and what the objective learns.

    Args:
        config: which one, and how fast.
        heads: parameters of the heads; those with more than one dimension decay.
        objective: parameters of the objective, which never decay.
    """
    parameters = list(heads)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        {"params": list(objective), "weight_decay": 0.0},
    ]
    filled = [group for group in groups if group["params"]]
    if config.optimizer == "lion":
        return Lion(filled, lr=config.learning_rate)
    return torch.optim.AdamW(filled, lr=config.learning_rate)


def rate_share(step: int, total: int, warmup: float) -> float:
    """Share of the peak rate at a step: linear warm-up, then a cosine to 0.

    Args:
        step: from 0.
        total: steps of the whole training.
        warmup: share of them that the rate climbs.
    """
    warm = max(1, round(warmup * total))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))
