"""Heads fitted as runs fit them, outside of any run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from backend.alignment.base import Alignment
from backend.alignment.methods import Context, fit
from backend.alignment.pairs import PairedFeatures
from backend.features.encoders import resolve_device
from backend.reporting import silent
from backend.runs.inputs import Inputs
from backend.runs.plan import plan
from backend.schemas import RunRequest
from backend.settings import Settings


@dataclass(frozen=True)
class Fitted:
    """Heads, and what they were fitted on and are measured on.

    Attributes:
        inputs: the run's data and encoders.
        heads: fitted on ``train``, chosen on the validation split.
        train, test: features; of training the drawn images alone.
    """

    inputs: Inputs
    heads: Alignment
    train: PairedFeatures
    test: PairedFeatures


def fitted(settings: Settings, request: RunRequest) -> Fitted:
    """Fits heads as a run with its first seed does; features stay in the home."""
    configuration, _ = plan(request)
    inputs = Inputs(settings, request, configuration)
    train, val, test = (
        inputs.pairs(split, silent, request.seed if split == "train" else None)
        for split in ("train", "val", "test")
    )
    with tempfile.TemporaryDirectory(prefix="isthmus-fitting-") as folder:
        context = Context(
            options=configuration["options"],
            seed=request.seed,
            device=resolve_device(settings.device),
            folder=Path(folder),
            report=silent,
            on_metrics=lambda step, values: None,
        )
        heads = fit(request.method, train, val, context)
    return Fitted(inputs, heads, train, test)
