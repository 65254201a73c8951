"""SAIL (Zhang et al., CVPR 2025): LayerNorm and a gated head, the sigmoid loss, extra captions.

The head and the loss are those of the paper and of the released code (lezhang7/SAIL): the mean over all
pairs of a batch, and over B x 2B of them where a second caption of each image is a positive, too; theta
clamped to 0..ln 100, the bias free. ``siblings`` positive also takes captions of one image that meet in a
batch for positives.

The paper's recipe: Lion, rate 1e-5, decay 1e-4, batch 32,768, 50 epochs of 23 million pairs, a tenth of
the steps to warm up, 1,024 dimensions, scale 20 and bias -10 at first. At that rate a few thousand pairs
would be passed over for days, so the defaults here are a larger rate and a smaller batch, chosen on
validation; every figure of the paper can be set. Differences: the released code lets everything decay,
here biases, norms, theta and the loss's bias do not; it pairs the extra caption by position, here it is
another caption of the same image, drawn anew in each step (the caption itself where an image has one).
"""

from __future__ import annotations

from typing import Final

from backend.alignment.base import Alignment
from backend.alignment.methods import Context
from backend.alignment.objectives import Sigmoid
from backend.alignment.pairs import PairedFeatures
from backend.alignment.recipes.trained import extra_of, heads_for, trained

_KINDS: Final = {"star": "star", "mlp": "norm-mlp", "linear": "norm-linear"}


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Trains the two heads; see :func:`backend.alignment.methods.fit`."""
    options = context.options
    settings = {"width": int(options["width"])} if options["head"] == "star" else {}
    heads = heads_for(_KINDS[str(options["head"])], train, context, **settings)
    objective = Sigmoid(
        float(options["logit_scale"]),
        float(options["logit_bias"]),
        extra=extra_of(context),
    )
    return trained(method_id, heads, objective, train, val, context)
