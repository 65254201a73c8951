"""Orthogonal Procrustes on whitened features (Schönemann 1966).

Both sides are standardised and ZCA-whitened, W = (S + r I)^(-1/2); R = U V^T of the whitened
cross-covariance turns the image space onto the text space (a partial isometry where the dimensions
differ). No direction is stretched after that: what this method reaches is how alike the two geometries are.
The shared space is the one where the turned images and the texts meet, x W_x U and y W_y V, so scores are
those of x W_x R against y W_y, on the directions that both sides have. R may be a reflection
(det R = -1), as in scipy.linalg.orthogonal_procrustes. Ridge: chosen on validation when 0.
"""

from __future__ import annotations

from backend.alignment.base import Alignment
from backend.alignment.closed_form import Whitening, choose, linear_heads, ridges, turn
from backend.alignment.methods import Context
from backend.alignment.moments import pair_moments
from backend.alignment.pairs import PairedFeatures


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Solves for the rotation; see :func:`backend.alignment.methods.fit`."""
    moments = pair_moments(train, report=context.report)
    whiten_x, whiten_y = Whitening(moments.xx), Whitening(moments.yy)

    def solve(ridge: float) -> Alignment:
        root_x, root_y = whiten_x.root(ridge), whiten_y.root(ridge)
        left, _, right = turn(root_x @ moments.xy @ root_y)
        return Alignment(method_id, linear_heads(moments, root_x @ left, root_y @ right.T), {})

    return choose("ridge", ridges(context, moments), solve, val, context)
