"""CSA, canonical similarity analysis (Li, Chinchali, Topcu, ICLR 2025).

Centre; CCA to s dimensions; the similarity of a pair is sum_i rho_i x^_i y^_i, with x^ and y^ the first s
canonical coordinates brought to length one and rho_i the canonical correlations: directions in which the two
sides agree count more. The score is exact here, see :class:`backend.alignment.heads.WeightedHead`.

Differences from the released code (UTAustin-SwarmLab/Multi-modal-Data-Alignment):

- its rho come out as the correlations times N / (N - 1), which can exceed 1; a common factor that changes
  no ranking;
- it has no ridge, so it needs more pairs than dimensions and overfits near that. Here ``ridge`` is
  added to the covariances of standardised features (at a small one that is plain CCA, which scales do
  not change); chosen on validation when 0, as is the number of dimensions.
- it also holds a hand-written variant that whitens one side with 1e-5 and multiplies by U where U^T is
  meant; that one is not imitated.
"""

from __future__ import annotations

from typing import Final

from backend.alignment.base import Alignment
from backend.alignment.closed_form import Cca, Whitening, choose, ridges, solve_ridge_cca
from backend.alignment.heads import weighted_head
from backend.alignment.methods import Context
from backend.alignment.moments import PairMoments, pair_moments
from backend.alignment.pairs import PairedFeatures

#: tried when the dimension is left at 0, those below the rank; and the rank, at most the last of these
DIMENSIONS: Final = (32, 64, 128, 256, 512)


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Solves CCA; see :func:`backend.alignment.methods.fit`."""
    moments = pair_moments(train, report=context.report)
    whitening = Whitening(moments.xx), Whitening(moments.yy)
    rank = min(*moments.xy.shape, moments.pairs)
    given = min(int(context.options["dimension"]), rank)

    def solve(ridge: float, kept: int) -> Alignment:
        return csa(method_id, moments, solve_ridge_cca(moments, ridge, kept, whitening))

    # the ridge with all directions first, then how many of them to keep
    most = given or min(rank, DIMENSIONS[-1])
    best = choose("ridge", ridges(context, moments), lambda ridge: solve(ridge, most), val, context)
    if given:
        return best
    ridge, tried = best.details["ridge"], best.details["tried"]
    candidates = (*(kept for kept in DIMENSIONS if kept < most), most)
    best = choose("dimension", candidates, lambda kept: solve(ridge, int(kept)), val, context)
    best.details.update(ridge=ridge, tried_dimensions=best.details["tried"], tried=tried)
    return best


def csa(method_id: str, moments: PairMoments, cca: Cca) -> Alignment:
    """CSA's similarity from canonical directions."""
    image = weighted_head(
        "image", moments.image_mean, moments.image_scale, cca.image, cca.correlations
    )
    text = weighted_head("text", moments.text_mean, moments.text_scale, cca.text, cca.correlations)
    rounded = [round(float(rho), 4) for rho in cca.correlations]
    return Alignment(method_id, {"image": image, "text": text}, {"correlations": rounded})
