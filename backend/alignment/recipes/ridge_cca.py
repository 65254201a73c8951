"""Regularised canonical correlation analysis (Hotelling 1936; ridge: Vinod 1976).

T = (S_xx + r I)^(-1/2) S_xy (S_yy + r I)^(-1/2) = U diag(rho) V^T. Heads: (S_xx + r I)^(-1/2) U and
(S_yy + r I)^(-1/2) V, each direction weighted by sqrt(rho), so that a dot product weighs direction i
by its correlation, then unit length. Features are standardised, so r is in units of a feature's variance.
"""

from __future__ import annotations

import numpy as np

from backend.alignment.base import Alignment
from backend.alignment.closed_form import choose_ridge, inverse_root, pair_statistics
from backend.alignment.heads import affine_head
from backend.alignment.methods import Context
from backend.alignment.pairs import PairedFeatures


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Solves CCA; see :func:`backend.alignment.methods.fit`. Dimensions beyond the rank are dropped."""
    moments = pair_statistics(train)
    kept = min(int(context.options["dimension"]), *moments.xy.shape)

    def solve(ridge: float) -> Alignment:
        whiten_x = inverse_root(moments.xx, ridge)
        whiten_y = inverse_root(moments.yy, ridge)
        left, correlation, right = np.linalg.svd(
            whiten_x @ moments.xy @ whiten_y, full_matrices=False
        )
        weight = np.sqrt(correlation[:kept])
        image = affine_head(
            moments.image_mean, moments.image_scale, (whiten_x @ left[:, :kept] * weight).T
        )
        text = affine_head(
            moments.text_mean, moments.text_scale, (whiten_y @ right[:kept].T * weight).T
        )
        details = {"correlations": [round(float(rho), 4) for rho in correlation[:kept]]}
        return Alignment(method_id, {"image": image, "text": text}, details)

    return choose_ridge(solve, val, context)
