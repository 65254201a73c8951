"""What the closed-form methods share: whitening, CCA, rotations, anchors, and a choice on validation.

Everything is solved in float64 from :class:`backend.alignment.moments.PairMoments`, so nothing here grows
with the number of pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.alignment.base import Alignment
from backend.alignment.heads import Head, affine_head, unit_rows_head
from backend.alignment.methods import Context
from backend.alignment.moments import Matrix, PairMoments, must_be_finite
from backend.alignment.pairs import PairedFeatures
from backend.alignment.scoring import held_out_recall
from backend.errors import InvalidInput
from backend.schemas import Side

#: tried when the ridge is left at 0, in units of a standardised feature's variance
RIDGES: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
#: the same for unit rows, whose variances add up to less than 1
UNIT_ROW_RIDGES: Final = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
_RANK: Final = 1e-10  # of the largest eigenvalue: what lies below is rounding, and is left out


class Cca(NamedTuple):
    """Canonical directions of scaled features, strongest first.

    Attributes:
        image: (d_image, k); ``scaled image @ image`` has variance 1 in each direction at ridge 0.
        text: (d_text, k), likewise.
        correlations: (k,) the correlation of each pair of directions, 0 to 1.
    """

    image: Matrix
    text: Matrix
    correlations: Matrix


class Whitening:
    """Inverse roots of a covariance for any ridge, from one eigendecomposition.

    Args:
        covariance: (d, d), symmetric.
    """

    def __init__(self, covariance: Matrix) -> None:
        self._values, self._vectors = np.linalg.eigh(covariance)

    def root(self, ridge: float) -> Matrix:
        """(S + ridge I)^(-1/2), symmetric (ZCA); directions that no row has are left out at ridge 0."""
        values = np.maximum(self._values, 0.0) + ridge
        there = values > _RANK * max(float(values.max(initial=0.0)), 1e-300)
        factor = np.where(there, 1 / np.sqrt(np.where(there, values, 1.0)), 0.0)
        root: Matrix = (self._vectors * factor) @ self._vectors.T
        return root


def turn(cross: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Orthogonal Procrustes (Schönemann 1966): U, singular values and V^T of a cross-covariance.

    R = U V^T maximises the trace of R^T cross among all rotations and reflections: whoever maps x to x R
    and leaves y comes as near as a rotation can, and so does mapping x to x U and y to y V.
    """
    left, strength, right = np.linalg.svd(cross, full_matrices=False)
    return left, strength, right


def solve_ridge_cca(
    moments: PairMoments,
    ridge: float,
    dimension: int | None = None,
    whitening: tuple[Whitening, Whitening] | None = None,
) -> Cca:
    """Regularised CCA (Hotelling 1936; Vinod 1976) from moments.

    T = (S_xx + r I)^(-1/2) S_xy (S_yy + r I)^(-1/2) = U diag(rho) V^T; the directions are
    (S_xx + r I)^(-1/2) U and (S_yy + r I)^(-1/2) V. SOTAlign's teacher is this on moments of unit rows with
    ridge 0.1 and a plain cosine after it (it divides covariances by n - 1, here n: 1 in n off).

    Args:
        moments: of the training pairs.
        ridge: added to each eigenvalue of both covariances.
        dimension: directions kept; None or more than there are: all.
        whitening: of ``moments.xx`` and ``moments.yy``, to solve for several ridges at less cost.

    Raises:
        numpy.linalg.LinAlgError: no solution.
    """
    image, text = whitening or (Whitening(moments.xx), Whitening(moments.yy))
    root_x, root_y = image.root(ridge), text.root(ridge)
    left, correlations, right = turn(root_x @ moments.xy @ root_y)
    kept = len(correlations) if dimension is None else min(dimension, len(correlations))
    return Cca(
        root_x @ left[:, :kept], root_y @ right[:kept].T, np.clip(correlations[:kept], 0.0, 1.0)
    )


def linear_heads(moments: PairMoments, image: Matrix, text: Matrix) -> dict[Side, Head]:
    """Heads that scale features as the moments did and map them.

    Args:
        image: (d_image, k).
        text: (d_text, k).
    """
    build = unit_rows_head if moments.scaling == "unit rows" else affine_head
    return {
        "image": build(moments.image_mean, moments.image_scale, image.T),
        "text": build(moments.text_mean, moments.text_scale, text.T),
    }


def choose(
    name: str,
    candidates: Sequence[float],
    solve: Callable[[float], Alignment],
    val: PairedFeatures,
    context: Context,
    unit: str = "solutions",
) -> Alignment:
    """Solves with each candidate and keeps the best on validation; of equals the first.

    The details of the result name the chosen value, each candidate's mean recall (``tried``) and the
    recall of the chosen one (``validation``).

    Args:
        name: of the value that is chosen.
        candidates: one or more.
        solve: the alignment for a candidate.
        unit: what is counted.

    Raises:
        InvalidInput: a candidate has no solution.
    """
    best: tuple[float, Alignment] | None = None
    tried: dict[str, float] = {}
    count = len(candidates)
    for number, candidate in enumerate(candidates):
        context.report(number, count, unit)
        try:
            alignment = solve(candidate)
        except np.linalg.LinAlgError as error:
            raise InvalidInput(
                f"The closed form has no solution with {name} {candidate:g} ({error}). Check the "
                "features for values that are not finite, or try a larger ridge."
            ) from error
        scores = held_out_recall(alignment, val, partial(context.report, number, count, unit))
        tried[f"{candidate:g}"] = scores["mean_recall"]
        details: dict[str, Any] = {name: candidate, "validation": scores}
        alignment.details.update(details)
        if best is None or scores["mean_recall"] > best[0]:
            best = (scores["mean_recall"], alignment)
    context.report(count, count, unit)
    if best is None:
        raise ValueError(f"no candidates for {name}")
    best[1].details["tried"] = tried
    return best[1]


def ridges(context: Context, moments: PairMoments) -> tuple[float, ...]:
    """The ridge that is asked for; at 0 those to choose from."""
    given = float(context.options["ridge"])
    if given > 0:
        return (given,)
    return UNIT_ROW_RIDGES if moments.scaling == "unit rows" else RIDGES


def draw_anchors(
    train: PairedFeatures, most: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Raw features of training pairs, one caption an image; the seed draws images and captions.

    Returns:
        (a, d_image) and (a, d_text), row j of one belonging to row j of the other; a is at most ``most``.

    Raises:
        InvalidInput: every token's features are stored instead of one vector, or a value is not finite.
    """
    image, text = train.vectors()
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(text))
    owners, first = np.unique(train.image_of_text[order], return_index=True)
    drawn = np.sort(generator.permutation(len(owners))[:most])
    anchors = image.take(owners[drawn]), text.take(order[first[drawn]])
    for rows in anchors:
        must_be_finite(rows)
    return anchors
