"""Ridge regression from one side's features to the other's (Hoerl and Kennard 1970).

W = (S_xx + r I)^(-1) S_xy on standardised features predicts the text features from the image's; the text
head only standardises, so distances between captions stay those of the text encoder, up to each feature's
scale. ``direction`` text-to-image is the same with the sides exchanged: the image space stays, and captions
are predicted into it. Ridge: chosen on validation when 0.
"""

from __future__ import annotations

import numpy as np

from backend.alignment.base import Alignment
from backend.alignment.closed_form import choose, linear_heads, ridges
from backend.alignment.methods import Context
from backend.alignment.moments import Matrix, pair_moments
from backend.alignment.pairs import PairedFeatures


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Solves the normal equations; see :func:`backend.alignment.methods.fit`."""
    moments = pair_moments(train, report=context.report)
    to_text = context.options["direction"] == "image-to-text"
    own, cross = (moments.xx, moments.xy) if to_text else (moments.yy, moments.xy.T)
    identity: Matrix = np.eye(len(own))
    as_it_is: Matrix = np.eye(cross.shape[1])

    def solve(ridge: float) -> Alignment:
        weight = np.asarray(np.linalg.solve(own + ridge * identity, cross), np.float64)
        image, text = (weight, as_it_is) if to_text else (as_it_is, weight)
        return Alignment(method_id, linear_heads(moments, image, text), {})

    return choose("ridge", ridges(context, moments), solve, val, context)
