"""How long and how fast a training goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a training beside heads, objective, data and seed.

    Attributes:
        epochs: most passes over all captions.
        least_steps: a small set is passed over until so many steps are taken.
        batch: pairs a step; also the number of candidates each pair is told apart from.
        learning_rate: peak, reached after warm-up; then a cosine to 0.
        weight_decay: on matrices; biases, norms, the temperature and the bias of a loss have none.
        optimizer: AdamW (betas 0.9, 0.999), or Lion (betas 0.9, 0.99).
        warmup: share of all steps that the rate climbs linearly.
        noise: standard deviation of Gaussian noise on features, in units of each feature's own; a
            regulariser.
        clip: most norm of a head's gradient; 0 for none.
        validate_every: steps between two looks at the validation split; 0 for each epoch, but not
            more often than every 25 steps.
        patience: looks without a better score after which training stops.
        precision: of the heads' arithmetic; the weights stay float32. auto is bfloat16 on a GPU.
        siblings: whether captions of one image may meet in a batch. "apart": never, so that none is
            taken for a negative; "together": as chance has it, for losses that know siblings.
    """

    epochs: int
    least_steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    optimizer: Literal["adamw", "lion"] = "adamw"
    warmup: float = 0.05
    noise: float = 0.0
    clip: float = 0.0
    validate_every: int = 0
    patience: int = 5
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    siblings: Literal["apart", "together"] = "apart"

    @staticmethod
    def of(options: Mapping[str, Any], **others: Any) -> TrainingConfig:
        """From a method's options; those that are not about training are left alone."""
        names = {field.name for field in fields(TrainingConfig)}
        return TrainingConfig(**({n: v for n, v in options.items() if n in names} | others))
