"""Orthogonal Procrustes on whitened features (Schönemann 1966).

Both sides are ZCA-whitened; R = U V^T of the whitened cross-covariance turns the image space onto the text
space (a partial isometry where the dimensions differ). No direction is stretched: what this method
reaches is how alike the two geometries are.
"""

from __future__ import annotations

import numpy as np

from backend.alignment.base import Alignment
from backend.alignment.closed_form import choose_ridge, inverse_root, pair_statistics
from backend.alignment.heads import affine_head
from backend.alignment.methods import Context
from backend.alignment.pairs import PairedFeatures


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Solves for the rotation; see :func:`backend.alignment.methods.fit`."""
    moments = pair_statistics(train)

    def solve(ridge: float) -> Alignment:
        whiten_x = inverse_root(moments.xx, ridge)
        whiten_y = inverse_root(moments.yy, ridge)
        left, _, right = np.linalg.svd(whiten_x @ moments.xy @ whiten_y, full_matrices=False)
        # shared space: the common rank's coordinates, in which image and text coincide
        image = affine_head(moments.image_mean, moments.image_scale, (whiten_x @ left).T)
        text = affine_head(moments.text_mean, moments.text_scale, (whiten_y @ right.T).T)
        return Alignment(method_id, {"image": image, "text": text}, {})

    return choose_ridge(solve, val, context)
