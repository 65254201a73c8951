"""STRUCTURE (Gröger et al., NeurIPS 2025): align, and keep each modality's neighbourhoods.

L = base + lambda_t (R_S(X, f(X)) + R_S(Y, g(Y))) / 2; R_S compares the softmax of similarities within a
modality before and after its head (:func:`backend.alignment.losses.structure`). As released (the paper
writes the sum of both modalities, the code takes their mean); the base there is InfoNCE at a fixed
temperature of 0.05, which R_S shares. Options:

- ``base``: InfoNCE fixed, InfoNCE learned, or SAIL's sigmoid. lambda does not carry over from one base or
  batch size to another.
- ``head``: linear, or the residual low-rank head, whose gate opens here
  (:class:`backend.alignment.heads.LowRankHead`).
- ``structure_warmup``: the paper's lambda climbs over 1,000 steps, more than a small set may ever take;
  0 means 1,000, but at most a tenth of all steps.
- ``unpaired``: rows without partners that join R_S alone.

The paper's recipe: AdamW (betas 0.9, 0.95), decay 1e-4, a rate found by a sweep, a cosine that comes back
up, batch 4,096, up to 1,000 epochs, early stop on the total loss of what it reports on. Here the one loop
of this project, with defaults chosen on validation: heads start from ridge CCA (``start``), and a second
caption of each image is a positive, too (``extra_captions``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from backend.alignment.base import Alignment
from backend.alignment.methods import Context
from backend.alignment.objectives import InfoNCE, Regulariser, Sigmoid, Structured
from backend.alignment.pairs import PairedFeatures
from backend.alignment.recipes.trained import (
    extra_of,
    heads_for,
    siblings_of,
    trained,
    unpaired_batches,
)
from backend.alignment.training import Objective
from backend.errors import InvalidInput


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Trains the two heads; see :func:`backend.alignment.methods.fit`."""
    options: Mapping[str, Any] = context.options
    settings = (
        {"rank": options["rank"], "dropout": options["dropout"], "gate": options["gate"]}
        if options["head"] == "low-rank"
        else {}
    )
    heads = heads_for(str(options["head"]), train, context, **settings)
    unpaired = unpaired_batches(context)
    regulariser = Regulariser(
        weight=options["structure_weight"],
        warmup=options["structure_warmup"],
        temperature=options["structure_temperature"] or options["temperature"],
        levels=options["levels"],
        weighting=options["weighting"],
        divergence=options["divergence"],
        margin=options["margin"],
    )
    objective = Structured(_base(context), regulariser, unpaired)
    alignment = trained(method_id, heads, objective, train, val, context)
    alignment.details["unpaired"] = context.unpaired is not None and unpaired is not None
    return alignment


def _base(context: Context) -> Objective:
    options = context.options
    if options["base"] == "sigmoid":
        if siblings_of(context) == "mask":
            raise InvalidInput(
                "The sigmoid loss takes captions of one image that meet for positives and cannot leave "
                "them out. Choose siblings apart or positive, or an InfoNCE base."
            )
        return Sigmoid(extra=extra_of(context))
    return InfoNCE(
        1 / float(cast(float, options["temperature"])),
        siblings_of(context),
        extra_of(context),
        learned=options["base"] == "infonce-learned",
    )
