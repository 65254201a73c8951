"""Ridge regression from image features to text features (Hoerl and Kennard 1970).

W = (S_xx + r I)^(-1) S_xy on standardised features. The text head only standardises, so distances between
captions stay those of the text encoder, up to each feature's scale.
"""

from __future__ import annotations

import numpy as np

from backend.alignment.base import Alignment
from backend.alignment.closed_form import choose_ridge, pair_statistics
from backend.alignment.heads import affine_head
from backend.alignment.methods import Context
from backend.alignment.pairs import PairedFeatures


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Solves the normal equations; see :func:`backend.alignment.methods.fit`."""
    moments = pair_statistics(train)
    identity = np.eye(len(moments.xx))

    def solve(ridge: float) -> Alignment:
        weight = np.linalg.solve(moments.xx + ridge * identity, moments.xy)
        image = affine_head(moments.image_mean, moments.image_scale, weight.T)
        text = affine_head(moments.text_mean, moments.text_scale, np.eye(len(moments.yy)))
        return Alignment(method_id, {"image": image, "text": text}, {})

    return choose_ridge(solve, val, context)
