"""Linear and MLP heads with symmetric InfoNCE.

The loss is van den Oord et al. 2018 in CLIP's two-sided form (Radford et al. 2021) with a learned
temperature. The mlp variant adds a hidden layer beside the linear map, as in freeze-align's projector
(Maniparambil et al. 2025).

Recipe: standardise by training statistics; start from ridge CCA (``start``; random is the plain form of
the literature, a few points of recall lower on validation); AdamW with warm-up and cosine; feature
noise against overfitting; best heads by mean recall on validation. ``extra_captions``: a second caption
of each image is a positive, too, the mean of both losses. Batches never hold two captions of one image
(``siblings`` apart), or hold them as chance has it, left out of each other's denominators (mask) or
counted together (positive).
"""

from __future__ import annotations

from backend.alignment.base import Alignment
from backend.alignment.methods import Context
from backend.alignment.objectives import InfoNCE
from backend.alignment.pairs import PairedFeatures
from backend.alignment.recipes.trained import extra_of, heads_for, siblings_of, trained


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Trains the two heads; see :func:`backend.alignment.methods.fit`."""
    hidden = int(context.options.get("hidden", 0))
    settings = {"hidden": hidden} if hidden else {}
    heads = heads_for("mlp" if hidden else "linear", train, context, **settings)
    objective = InfoNCE(siblings=siblings_of(context), extra=extra_of(context))
    return trained(method_id, heads, objective, train, val, context)
