"""Barlow Twins (Zbontar et al., ICML 2021) across modalities, on linear heads.

No negatives: the two sides' dimensions should correlate one by one and with no second one, a d x d matrix,
so that batches may be large. lambda 0.0051. SAIL's code has this loss but never builds it; the form is
its (z-scores with N - 1, correlation over N). The loss sees projections as they are; whatever searches
sees them at length one, as for every method. Dimensions beyond the encoders' ranks cannot be told apart,
so fewer of them are the default. Heads start at random (``start``): ridge CCA is close to what this loss
is minimised by, and would be shown in its place.
"""

from __future__ import annotations

from backend.alignment.base import Alignment
from backend.alignment.methods import Context
from backend.alignment.objectives import Redundancy
from backend.alignment.pairs import PairedFeatures
from backend.alignment.recipes.trained import heads_for, trained


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Trains the two heads; see :func:`backend.alignment.methods.fit`."""
    heads = heads_for("linear", train, context)
    objective = Redundancy(float(context.options["off_diagonal"]))
    return trained(method_id, heads, objective, train, val, context)
