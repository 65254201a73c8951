"""Gradient training of two heads: one readable loop (:mod:`loop <backend.alignment.training.loop>`)."""

from backend.alignment.training.config import TrainingConfig
from backend.alignment.training.loop import train
from backend.alignment.training.objective import Batch, Objective, Step

__all__ = ["Batch", "Objective", "Step", "TrainingConfig", "train"]
