"""What the trained recipes share: a pair of heads, and the loop around an objective."""

from __future__ import annotations

import time
from typing import Any, Final, cast

import numpy as np
import torch
from torch import nn

from backend.alignment.base import Alignment
from backend.alignment.closed_form import solve_ridge_cca
from backend.alignment.heads import KINDS, AffineHead, Head, HeadConfig, build_head
from backend.alignment.methods import Context
from backend.alignment.moments import pair_moments
from backend.alignment.objectives import Siblings, UnpairedBatches
from backend.alignment.pairs import PairedFeatures
from backend.alignment.rows import TokenRows
from backend.alignment.training import Objective, TrainingConfig, train
from backend.alignment.training.loop import Place
from backend.reporting import Report

#: of the closed form that heads may start from, in units of a standardised feature's variance
_START_RIDGE: Final = 1.0
#: what drawn weights beyond the closed form's rank are multiplied by
_BEYOND_RANK: Final = 0.01
#: seconds
_TELL_EVERY: Final = 0.5


def heads_for(kind: str, pairs: PairedFeatures, context: Context, **settings: Any) -> nn.ModuleDict:
    """Two heads of a kind, prepared on training features, their weights drawn by the seed.

    With the option ``start`` at cca, their linear maps are ridge CCA's instead. A kind that takes
    tokens is told its ``role`` and whether its side has ``tokens``, too.

    Raises:
        InvalidInput: tokens for a kind that takes one vector an item.
    """
    takes_tokens = KINDS[kind].takes_tokens
    if not takes_tokens:
        pairs.vectors()
    heads = nn.ModuleDict()
    generator = torch.Generator().manual_seed(context.seed)
    for side, rows in (("image", pairs.image), ("text", pairs.text)):
        own = {"role": side, "tokens": isinstance(rows, TokenRows)} if takes_tokens else {}
        outputs = int(context.options["dimension"])
        head = build_head(HeadConfig(kind, rows.width, outputs, own | settings))
        head.initialise(generator)
        head.prepare(rows)
        heads[side] = head
    if context.options.get("start") == "cca":
        _start_from_cca(heads, pairs, context)
    return heads


def _start_from_cca(heads: nn.ModuleDict, pairs: PairedFeatures, context: Context) -> None:
    """Canonical directions, each weighted by the root of its correlation; none beyond the rank.

    A further dimension would be 0 on both sides and stay it, so its drawn weights are left alone but
    made small.
    """
    moments = pair_moments(pairs, report=seldom(context.report))
    found = solve_ridge_cca(moments, _START_RIDGE, int(context.options["dimension"]))
    root = np.sqrt(found.correlations)
    sides = {
        "image": (moments.image_mean, moments.image_scale, found.image * root),
        "text": (moments.text_mean, moments.text_scale, found.text * root),
    }
    for side, (mean, scale, directions) in sides.items():
        head = heads[side]
        assert isinstance(head, AffineHead)
        with torch.no_grad():
            head.mean.copy_(torch.from_numpy(mean))
            head.scale.copy_(torch.from_numpy(scale))
            head.linear.weight.mul_(_BEYOND_RANK)
            head.linear.weight[: directions.shape[1]] = torch.from_numpy(directions.T)
            if head.branch is not None:  # adds nothing at first
                layers = [m for m in head.branch.modules() if isinstance(m, nn.Linear)]
                layers[-1].weight.zero_()


def seldom(report: Report) -> Report:
    """The same, told every half second at most: of a small set nothing is told before the steps."""
    told = time.monotonic()

    def now_and_then(done: int, total: int, unit: str) -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL_EVERY:
            told = time.monotonic()
            report(done, total, unit)

    return now_and_then


def siblings_of(context: Context) -> Siblings:
    """What becomes of two captions of one image; they are kept apart where there is no such option."""
    return cast(Siblings, context.options.get("siblings", "apart"))


def extra_of(context: Context) -> bool:
    """Whether a second caption of each image is a positive, too."""
    return context.options.get("extra_captions") == "yes"


def unpaired_batches(context: Context) -> UnpairedBatches | None:
    """Draws of rows without partners; None where there are none, or none are asked for."""
    unpaired, asked = context.unpaired, int(context.options["unpaired"])
    if unpaired is None or not asked or not len(unpaired.image) or not len(unpaired.text):
        return None
    return UnpairedBatches(unpaired, int(context.options["unpaired_batch"]), context.device)


def trained(
    method_id: str,
    heads: nn.ModuleDict,
    objective: Objective,
    train_pairs: PairedFeatures,
    val_pairs: PairedFeatures,
    context: Context,
    **config: Any,
) -> Alignment:
    """Trains the heads by the method's options.

    Args:
        config: what of :class:`TrainingConfig` the recipe decides itself.
    """
    place = Place(
        context.seed,
        context.device,
        context.folder,
        context.report,
        context.on_metrics,
        context.options,
        context.basis,
        context.room,
    )
    meeting = "apart" if siblings_of(context) == "apart" else "together"
    settings = TrainingConfig.of(context.options, **({"siblings": meeting} | config))
    details = train(heads, objective, train_pairs, val_pairs, settings, place)
    image, text = heads["image"], heads["text"]
    assert isinstance(image, Head) and isinstance(text, Head)
    return Alignment(method_id, {"image": image, "text": text}, details)
