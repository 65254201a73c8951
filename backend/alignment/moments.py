"""Means, scales and covariances of features, in blocks and in float64: no set is too large for memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.alignment.pairs import PairedFeatures
from backend.alignment.rows import Rows, Tokens
from backend.errors import InvalidInput
from backend.reporting import Report, silent

Matrix: TypeAlias = NDArray[np.float64]

#: what is done to features before anything is solved: mean 0 and variance 1 each; mean 0; or rows of
#: length one, then mean 0
Scaling: TypeAlias = Literal["standardised", "centred", "unit rows"]

_FLOPS: Final = 4_000_000_000  # of one product between two reports: a fraction of a second


def mean_and_scale(
    rows: Rows, weight: Matrix | None = None, unit_rows: bool = False
) -> tuple[Matrix, Matrix]:
    """Mean and standard deviation of each feature; a constant one gets scale 1, to divide by.

    Args, errors: as :func:`mean_and_spread`.

    Returns:
        Both (d,) float64.
    """
    mean, spread = mean_and_spread(rows, weight, unit_rows)
    return mean, np.where(spread > 1e-6, spread, 1.0)


def mean_and_spread(
    rows: Rows, weight: Matrix | None = None, unit_rows: bool = False
) -> tuple[Matrix, Matrix]:
    """Mean and standard deviation of each feature.

    Two passes, so that nothing cancels; of every token's features, over all tokens.

    Args:
        rows: (n, d).
        weight: (n,) how often each row counts; None: once. Not with tokens.
        unit_rows: each row is brought to length one first.

    Returns:
        Both (d,) float64.

    Raises:
        InvalidInput: a value is NaN or infinite.
    """
    total, count = np.zeros(rows.width), 0.0
    for values, times in _weighted(rows, weight, unit_rows):
        total += times @ values
        count += float(times.sum())
    mean = total / max(1.0, count)
    must_be_finite(mean)
    squares = np.zeros(rows.width)
    for values, times in _weighted(rows, weight, unit_rows):
        squares += times @ np.square(values - mean)
    return mean, np.sqrt(squares / max(1.0, count))


def must_be_finite(values: NDArray[np.floating]) -> None:
    """Refuses what nothing can be solved with.

    Raises:
        InvalidInput: a value is NaN or infinite.
    """
    if not np.isfinite(values).all():
        raise InvalidInput(
            "The training features hold values that are not finite. Encode the items again, in "
            "float32 where it was half precision, or choose another encoder."
        )


def unit(values: NDArray[np.floating]) -> Matrix:
    """Rows of length one, float64; a row of zeros stays one."""
    wide = np.asarray(values, np.float64)
    length = np.linalg.norm(wide, axis=1, keepdims=True)
    result: Matrix = wide / np.where(length > 0, length, 1.0)
    return result


def _weighted(
    rows: Rows, weight: Matrix | None, unit_rows: bool
) -> Iterator[tuple[Matrix, Matrix]]:
    """Blocks of rows in float64, and how often each row counts."""
    for start, block in rows.blocks():
        values = block.values[block.mask] if isinstance(block, Tokens) else block
        times = np.ones(len(values)) if weight is None else weight[start : start + len(values)]
        yield unit(values) if unit_rows else np.asarray(values, np.float64), times


@dataclass(frozen=True)
class PairMoments:
    """Second moments of scaled pairs, one row a caption; float64.

    Attributes:
        scaling: what was done to the features.
        image_mean, image_scale, text_mean, text_scale: of the training rows (of unit rows, after
            they were brought to length one); the scale is 1 where nothing is standardised.
        xx, yy, xy: covariances (d_image, d_image), (d_text, d_text), (d_image, d_text), divided by
            the number of pairs.
        pairs: number of captions.
    """

    scaling: Scaling
    image_mean: Matrix
    image_scale: Matrix
    text_mean: Matrix
    text_scale: Matrix
    xx: Matrix
    yy: Matrix
    xy: Matrix
    pairs: int


def pair_moments(
    pairs: PairedFeatures, scaling: Scaling = "standardised", report: Report = silent
) -> PairMoments:
    """Moments of the training pairs; an image counts once for each of its captions.

    Two passes over the features, the second through products of blocks; what is held is the three
    covariances.

    Raises:
        InvalidInput: every token's features are stored instead of one vector an item, or a value is
            not finite.
    """
    image, text = pairs.vectors()
    unit_rows = scaling == "unit rows"
    weight = np.bincount(pairs.image_of_text, minlength=len(image)).astype(np.float64)
    image_mean, image_scale = mean_and_scale(image, weight, unit_rows)
    text_mean, text_scale = mean_and_scale(text, None, unit_rows)
    must_be_finite(image_mean)
    must_be_finite(text_mean)
    if scaling != "standardised":
        image_scale, text_scale = np.ones(image.width), np.ones(text.width)

    def scaled(values: NDArray[np.float32], mean: Matrix, scale: Matrix) -> Matrix:
        wide: Matrix = ((unit(values) if unit_rows else values) - mean) / scale
        return wide

    xx, yy = np.zeros((image.width, image.width)), np.zeros((text.width, text.width))
    xy = np.zeros((image.width, text.width))
    total = len(image) + len(text)
    step = max(1, _FLOPS // (2 * max(image.width, text.width) ** 2))
    for start, block in image.blocks():
        for first in range(0, len(block), step):
            report(start + first, total, "rows")
            x = scaled(block[first : first + step], image_mean, image_scale)
            xx += (x * weight[start + first : start + first + len(x), None]).T @ x
    for start, block in text.blocks():
        for first in range(0, len(block), step):
            report(len(image) + start + first, total, "rows")
            y = scaled(block[first : first + step], text_mean, text_scale)
            owners = pairs.image_of_text[start + first : start + first + len(y)]
            yy += y.T @ y
            xy += scaled(image.take(owners), image_mean, image_scale).T @ y
    count = max(1, len(text))
    return PairMoments(
        scaling=scaling,
        image_mean=image_mean,
        image_scale=image_scale,
        text_mean=text_mean,
        text_scale=text_scale,
        xx=xx / count,
        yy=yy / count,
        xy=xy / count,
        pairs=len(text),
    )
