"""freeze-align (Maniparambil et al., CVPR 2025): projectors on tokens, InfoNCE.

Heads: :class:`backend.alignment.heads.ProjectorHead`, on every token where a side's encoder gives tokens
(its address ends in ``?pooling=tokens``), on the pooled vector where not. Symmetric InfoNCE; the
temperature is learned and stays within 0.001 and 0.5 (the released code learns tau itself, here theta =
ln 1/tau is learned, as everywhere).

The paper's recipe: AdamW, rate 1e-3 from 1e-5 over 1,000 steps and back by a cosine, decay 0.02 on
matrices, negatives of 1,800 pairs (its all_gather is never called), 1,024 dimensions, pictures augmented
and encoded anew in each epoch; 20 million pairs. Here features are stored, so ``noise`` stands in for the
augmentation, and the defaults are for thousands of pairs, chosen on validation. Its token-wise local loss
has weight 0 there and is left out.
"""

from __future__ import annotations

from backend.alignment.base import Alignment
from backend.alignment.methods import Context
from backend.alignment.objectives import TEMPERATURES, InfoNCE
from backend.alignment.pairs import PairedFeatures
from backend.alignment.recipes.trained import heads_for, siblings_of, trained


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Trains the two heads; see :func:`backend.alignment.methods.fit`."""
    options = context.options
    hidden = int(options["hidden"]) or int(options["dimension"])
    heads = heads_for("projector", train, context, hidden=hidden, dropout=float(options["dropout"]))
    objective = InfoNCE(siblings=siblings_of(context), bounds=TEMPERATURES)
    return trained(method_id, heads, objective, train, val, context)
