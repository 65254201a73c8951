"""Regularised canonical correlation analysis (Hotelling 1936; ridge: Vinod 1976).

T = (S_xx + r I)^(-1/2) S_xy (S_yy + r I)^(-1/2) = U diag(rho) V^T. Heads: (S_xx + r I)^(-1/2) U and
(S_yy + r I)^(-1/2) V, then unit length. Options:

- ``scaling``: ``standardised`` features (r is in units of a feature's variance), or ``unit rows``: each row
  brought to length one, then centred (r is absolute; variances add up to less than 1).
- ``weighting``: each direction times sqrt(rho), so that a dot product weighs direction i by its
  correlation; or ``none``.
- ``ridge``: chosen on validation when 0.

Unit rows with ridge 0.1 and no weighting is the linear teacher of SOTAlign (arXiv 2602.23353).
"""

from __future__ import annotations

from typing import cast

import numpy as np

from backend.alignment.base import Alignment
from backend.alignment.closed_form import (
    Whitening,
    choose,
    linear_heads,
    ridges,
    solve_ridge_cca,
)
from backend.alignment.methods import Context
from backend.alignment.moments import Scaling, pair_moments
from backend.alignment.pairs import PairedFeatures


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Solves CCA; see :func:`backend.alignment.methods.fit`. Dimensions beyond the rank are dropped."""
    options = context.options
    moments = pair_moments(train, cast(Scaling, options["scaling"]), context.report)
    whitening = Whitening(moments.xx), Whitening(moments.yy)

    def solve(ridge: float) -> Alignment:
        cca = solve_ridge_cca(moments, ridge, int(options["dimension"]), whitening)
        weight = np.sqrt(cca.correlations) if options["weighting"] == "correlation" else 1.0
        heads = linear_heads(moments, cca.image * weight, cca.text * weight)
        rounded = [round(float(rho), 4) for rho in cca.correlations]
        return Alignment(method_id, heads, {"correlations": rounded})

    return choose("ridge", ridges(context, moments), solve, val, context)
