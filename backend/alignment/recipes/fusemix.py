"""FuseMix (Vouitsis et al., CVPR 2024): pairs mixed in the encoders' spaces, InfoNCE.

Both sides of two pairs are mixed by one coefficient, Beta(alpha, alpha) with alpha = 1, one a batch
(:class:`backend.alignment.objectives.FuseMix`). The temperature stays within 0.001 and 0.5.

The paper's recipe: four residual blocks of LayerNorm - Linear - GELU - Linear with dropout 0.6 a side, 512
dimensions, AdamW, rate 1e-3, decay 0.1, batch 20,480 mixtures, 500 epochs of five million pairs. Here the
heads are linear or with one hidden layer, which is what thousands of pairs bear, start from ridge CCA
(``start``), and no rows of the batch are given up for mixing. Siblings never meet in a batch: a mixture
has no owner that others could share.
"""

from __future__ import annotations

from backend.alignment.base import Alignment
from backend.alignment.methods import Context
from backend.alignment.objectives import FuseMix
from backend.alignment.pairs import PairedFeatures
from backend.alignment.recipes.trained import heads_for, trained


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Trains the two heads; see :func:`backend.alignment.methods.fit`."""
    options = context.options
    settings = {"hidden": int(options["hidden"])} if options["head"] == "mlp" else {}
    heads = heads_for(str(options["head"]), train, context, **settings)
    return trained(method_id, heads, FuseMix(float(options["alpha"])), train, val, context)
