"""Similarity distribution matching, the loss of IRRA (Jiang and Ye, CVPR 2023), on linear heads.

KL of the softmax of similarities against the labels' distribution, both directions added, at a fixed
temperature of 0.02; captions of one image share the mass, so batches may hold siblings (``siblings``
positive, as in IRRA, where every view of a person is a positive) or not (apart). IRRA trains whole CLIP
encoders with it and two further losses; here the encoders are frozen, the heads start from ridge CCA
(``start``), and the loss stands alone.
"""

from __future__ import annotations

from backend.alignment.base import Alignment
from backend.alignment.methods import Context
from backend.alignment.objectives import DistributionMatching
from backend.alignment.pairs import PairedFeatures
from backend.alignment.recipes.trained import heads_for, trained


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Trains the two heads; see :func:`backend.alignment.methods.fit`."""
    heads = heads_for("linear", train, context)
    objective = DistributionMatching(float(context.options["temperature"]))
    return trained(method_id, heads, objective, train, val, context)
