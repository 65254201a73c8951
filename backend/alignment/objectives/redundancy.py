"""Barlow Twins as an objective."""

from __future__ import annotations

from torch import Tensor

from backend.alignment.losses import barlow
from backend.alignment.training.objective import Objective, Step


class Redundancy(Objective):
    """Each dimension of one side should agree with the same one of the other and with no second one.

    Args:
        off_diagonal: weight of what disagrees; 0.0051 in the paper.
    """

    unit_rows = False

    def __init__(self, off_diagonal: float = 0.0051) -> None:
        super().__init__()
        self._off_diagonal = off_diagonal

    def forward(self, step: Step) -> Tensor:
        return barlow(step.image, step.text, self._off_diagonal)
