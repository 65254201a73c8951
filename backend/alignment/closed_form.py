"""What the closed-form methods share: covariances of pairs, and a ridge chosen on validation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.alignment.base import Alignment
from backend.alignment.methods import Context
from backend.alignment.pairs import PairedFeatures
from backend.errors import InvalidInput
from backend.evaluation.retrieval import mean_recall

Matrix = NDArray[np.float64]

#: tried when the ridge is left at 0, in units of a standardised feature's variance
RIDGES: Final = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)


@dataclass(frozen=True)
class PairStatistics:
    """Second moments of standardised pairs, one row a caption; float64.

    Attributes:
        image_mean, image_scale, text_mean, text_scale: of the training rows.
        xx, yy, xy: covariances (d_image, d_image), (d_text, d_text), (d_image, d_text).
    """

    image_mean: Matrix
    image_scale: Matrix
    text_mean: Matrix
    text_scale: Matrix
    xx: Matrix
    yy: Matrix
    xy: Matrix


def pair_statistics(pairs: PairedFeatures) -> PairStatistics:
    """Moments of the training pairs; an image counts once for each of its captions."""
    image_mean, image_scale, image = _standardised(pairs.image)
    text_mean, text_scale, text = _standardised(pairs.text)
    weight = np.bincount(pairs.image_of_text, minlength=len(image)).astype(np.float64)
    summed = np.zeros((len(image), text.shape[1]))
    np.add.at(summed, pairs.image_of_text, text)
    count = len(text)
    return PairStatistics(
        image_mean,
        image_scale,
        text_mean,
        text_scale,
        xx=(image * weight[:, None]).T @ image / count,
        yy=text.T @ text / count,
        xy=image.T @ summed / count,
    )


def inverse_root(covariance: Matrix, ridge: float) -> Matrix:
    """(S + ridge I)^(-1/2), symmetric (ZCA)."""
    values, vectors = np.linalg.eigh(covariance)
    root: Matrix = (vectors / np.sqrt(np.maximum(values + ridge, 1e-10))) @ vectors.T
    return root


def choose_ridge(
    solve: Callable[[float], Alignment], val: PairedFeatures, context: Context
) -> Alignment:
    """Solves with the given ridge, or with each of ``RIDGES`` and keeps the best on validation.

    The details of the result name the ridge and every candidate's mean recall.
    """
    given = float(context.options["ridge"])
    candidates = (given,) if given > 0 else RIDGES
    best: tuple[float, Alignment] | None = None
    tried: dict[str, float] = {}
    for number, ridge in enumerate(candidates):
        context.report(number, len(candidates), "solutions")
        try:
            alignment = solve(ridge)
        except np.linalg.LinAlgError as error:
            raise InvalidInput(
                f"The closed form has no solution with ridge {ridge:g} ({error}); try a larger one."
            ) from error
        scores = mean_recall(
            alignment.transform("image", val.image),
            alignment.transform("text", val.text),
            val.image_of_text,
        )
        tried[f"{ridge:g}"] = scores["mean_recall"]
        details: dict[str, Any] = {"ridge": ridge, "tried": tried, "validation": scores}
        alignment.details.update(details)
        if best is None or scores["mean_recall"] > best[0]:
            best = (scores["mean_recall"], alignment)
    context.report(len(candidates), len(candidates), "solutions")
    assert best is not None
    best[1].details["tried"] = tried
    return best[1]


def _standardised(features: NDArray[np.floating]) -> tuple[Matrix, Matrix, Matrix]:
    values = np.asarray(features, np.float64)
    mean, spread = values.mean(axis=0), values.std(axis=0)
    scale = np.where(spread > 1e-6, spread, 1.0)
    return mean, scale, (values - mean) / scale
