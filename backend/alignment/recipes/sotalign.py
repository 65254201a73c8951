"""SOTAlign (ICML 2026, arXiv 2602.23353): few pairs, and many items and captions without partners.

Stage 1: a linear teacher, ridge CCA on the pairs (unit rows, centred, ridge 0.1). Stage 2: linear heads,
a1 * the sigmoid loss with unpaired rows as further negatives + a2 * KLOT, which holds the heads' transport
plan on unpaired rows to the teacher's (:mod:`backend.alignment.objectives.transport`).

What is released is KLOT; the rest follows the research code. Its recipe: a1 = 1, a2 = 1e-4, Lion, rate
1e-4, decay 1e-5, 1,024 dimensions, all 10,000 pairs in each step, 32,768 unpaired rows a step of a
million, 20 epochs, epsilon 0.05, the teacher's 0.005, 100 iterations. Here the heads standardise features
and start from ridge CCA (``start``), AdamW trains them, and the unpaired rows of a step and Sinkhorn's
iterations are fewer, since KLOT holds n x n numbers and passes over them twice an iteration. With so few
rows the plan counts more: a2 is 3e-3 by default (at 1e-4 it adds nothing on validation, at 3e-2 it
harms). Without unpaired rows pairs take their place in KLOT.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.alignment.base import Alignment
from backend.alignment.closed_form import linear_heads, solve_ridge_cca
from backend.alignment.methods import Context
from backend.alignment.moments import pair_moments
from backend.alignment.objectives import TeacherPlan, Transport
from backend.alignment.pairs import PairedFeatures
from backend.alignment.recipes.trained import heads_for, seldom, trained, unpaired_batches


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Solves the teacher, trains the heads; see :func:`backend.alignment.methods.fit`."""
    options: Mapping[str, Any] = context.options
    heads = heads_for("linear", train, context)
    moments = pair_moments(train, "unit rows", seldom(context.report))
    teacher = solve_ridge_cca(moments, options["ridge"])
    unpaired = unpaired_batches(context)
    objective = TeacherPlan(
        linear_heads(moments, teacher.image, teacher.text),
        Transport(
            options["pairs_weight"],
            options["plan_weight"],
            options["epsilon"],
            options["epsilon_teacher"],
            options["iterations"],
            options["unpaired_batch"],
        ),
        unpaired,
        options["logit_scale"],
        options["logit_bias"],
    )
    alignment = trained(method_id, heads, objective, train, val, context)
    if unpaired is None:
        alignment.details["note"] = (
            "There were no rows without partners, so the pairs took their place. Train on fewer of "
            "the training items: the others then join without their pairing."
        )
    alignment.details["unpaired"] = unpaired is not None
    return alignment
