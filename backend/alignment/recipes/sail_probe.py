"""SAIL's alignment probe (Zhang et al., CVPR 2025): how well a linear map alone can align two encoders.

LayerNorm and one linear map a side, the sigmoid loss, Lion. An assessment of an encoder pair: its
retrieval follows the encoders' nearest-neighbour accuracy (r = 0.99 there). The paper's recipe: rate
1e-5, decay 1e-7, batch 32,768, 100 epochs of 2.2 million pairs, 2,048 dimensions. The defaults here are
for thousands of pairs, chosen on validation. Biases, norms, theta and the loss's bias do not decay,
unlike in the released code.
"""

from __future__ import annotations

from backend.alignment.base import Alignment
from backend.alignment.methods import Context
from backend.alignment.objectives import Sigmoid
from backend.alignment.pairs import PairedFeatures
from backend.alignment.recipes.trained import heads_for, trained


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Trains the two heads; see :func:`backend.alignment.methods.fit`."""
    heads = heads_for("norm-linear", train, context)
    options = context.options
    objective = Sigmoid(float(options["logit_scale"]), float(options["logit_bias"]))
    return trained(method_id, heads, objective, train, val, context)
