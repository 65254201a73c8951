"""Centred kernel alignment (Kornblith et al. 2019), as platonic-rep computes it.

    CKA = HSIC(K, L) / (sqrt(HSIC(K, K) HSIC(L, L)) + 1e-6)

with HSIC_b = tr(KHLH), H = I - 11'/n, or the unbiased estimate of Song et al. 2012. The biased one is
above 0 for unrelated features unless n is far above d (Murphy et al. 2024): 0.08 with 128 items and
widths 48 and 32. It grows with the widths; encoders of different widths compare by the unbiased one.

Neither needs more of two kernels than the sum of their product, their row sums and their diagonals.
No n x n matrix is held: kernels come by blocks of rows, or through the d x d product of the features
where that is smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.similarity.preparation import check_aligned, check_finite, working
from backend.reporting import Report, silent

EPSILON: Final = 1e-6  # in every denominator of platonic-rep's ratios
_CELLS: Final = 2**21  # kernel entries held at once
_ROWS: Final = 1024  # whose product is summed in the features' own precision
_LEAST: Final = 4  # the unbiased estimate divides by n (n - 3)

Vector: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = Callable[[int, int], NDArray[np.floating]]


def cka(
    a: NDArray[np.generic],
    b: NDArray[np.generic],
    *,
    kernel: Literal["linear", "rbf"] = "linear",
    sigma: float = 1.0,
    unbiased: bool = False,
) -> float:
    """Centred kernel alignment of two row-aligned feature arrays (n, d_a) and (n, d_b).

    Args:
        a, b: as they are: normalise first where the definition wants it.
        kernel: dot products, or exp(-|x - y|^2 / (2 sigma^2)).
        sigma: of the RBF kernel, absolute, no median heuristic.
        unbiased: estimate that is 0 on average for unrelated features, and may fall below.
    """
    if kernel == "linear":
        _check(a, b)
        return linear_cka(LinearKernel(a), LinearKernel(b), unbiased)
    n = _check(a, b)
    first, second = rbf_rows(a, sigma), rbf_rows(b, sigma)
    cross, own_a, own_b = (0.0, 0.0, 0.0)
    sums_a, sums_b = np.empty(n), np.empty(n)
    for start, stop in _blocks(n, _CELLS // n):
        mine, other = first(start, stop), second(start, stop)
        cross, own_a = cross + _dot(mine, other), own_a + _dot(mine, mine)
        own_b += _dot(other, other)
        sums_a[start:stop], sums_b[start:stop] = mine.sum(axis=1), other.sum(axis=1)
    side_a, side_b = _Margins(sums_a, np.ones(n)), _Margins(sums_b, np.ones(n))
    return _ratio(
        _hsic(cross, side_a, side_b, unbiased),
        _hsic(own_a, side_a, side_a, unbiased),
        _hsic(own_b, side_b, side_b, unbiased),
    )


class LinearKernel:
    """Centred features (n, d) as a kernel of dot products, and what CKA asks of it alone.

    HSIC does not change when features are centred, biased or not, and little is lost to rounding then.

    Args:
        features: double stays double, anything else is computed in single precision and summed in
            double, to about 1e-6.
        report: called with rows done.

    Raises:
        InvalidInput: fewer than 4 rows, or values that are not finite.
    """

    def __init__(self, features: NDArray[np.generic], report: Report = silent) -> None:
        check_aligned([features], ["features"], _LEAST)
        check_finite(features, "features")
        rows = working(features)
        mean = rows.mean(axis=0, dtype=np.float64)
        self.rows: NDArray[np.floating] = (rows - mean).astype(rows.dtype, copy=False)
        total = self.rows.sum(axis=0, dtype=np.float64)  # of rounding alone
        diagonal = np.einsum("ij,ij->i", self.rows, self.rows, dtype=np.float64)
        self.margins = _Margins(self.rows @ total, diagonal)
        self.square = self.product(self, report=report)

    def product(
        self,
        other: LinearKernel,
        order: NDArray[np.integer] | None = None,
        report: Report = silent,
    ) -> float:
        """Sum over i, j of K_ij L_ij; of the other's items ``order``, where one is given."""
        n = len(self.rows)
        other_rows = other.rows if order is None else other.rows[order]
        width, other_width = self.rows.shape[1], other_rows.shape[1]
        if n * (width + other_width) < width * other_width:
            total = 0.0
            for start, stop in _blocks(n, _CELLS // n):
                report(start, n, "rows")
                mine = self.rows[start:stop] @ self.rows.T
                total += _dot(mine, other_rows[start:stop] @ other_rows.T)
            return total
        sums = np.zeros((width, other_width))
        for start, stop in _blocks(n, _ROWS):
            report(start, n, "rows")
            sums += self.rows[start:stop].T @ other_rows[start:stop]
        return _dot(sums, sums)


def linear_cka(
    a: LinearKernel,
    b: LinearKernel,
    unbiased: bool = False,
    order: NDArray[np.integer] | None = None,
    report: Report = silent,
) -> float:
    """CKA of two prepared kernels; of ``b``'s items in another ``order``, for a permutation null."""
    return _alignment(a, b, a.product(b, order, report), unbiased, order)


def both_linear_cka(
    a: LinearKernel, b: LinearKernel, report: Report = silent
) -> tuple[float, float]:
    """Biased and unbiased CKA, for the price of one."""
    cross = a.product(b, report=report)
    return _alignment(a, b, cross, False), _alignment(a, b, cross, True)


@dataclass(frozen=True)
class _Margins:
    """Row sums and diagonal of a kernel, both (n,)."""

    sums: Vector
    diagonal: Vector

    def of(self, order: NDArray[np.integer]) -> _Margins:
        return _Margins(self.sums[order], self.diagonal[order])


def _alignment(
    a: LinearKernel,
    b: LinearKernel,
    cross: float,
    unbiased: bool,
    order: NDArray[np.integer] | None = None,
) -> float:
    other = b.margins if order is None else b.margins.of(order)
    return _ratio(
        _hsic(cross, a.margins, other, unbiased),
        _hsic(a.square, a.margins, a.margins, unbiased),
        _hsic(b.square, b.margins, b.margins, unbiased),
    )


def _hsic(product: float, a: _Margins, b: _Margins, unbiased: bool) -> float:
    """From the sum of K_ij L_ij and the margins of two symmetric kernels."""
    n = len(a.sums)
    if not unbiased:
        return float(product - 2 / n * (a.sums @ b.sums) + a.sums.sum() / n * (b.sums.sum() / n))
    sums_a, sums_b = a.sums - a.diagonal, b.sums - b.diagonal
    return float(
        product
        - a.diagonal @ b.diagonal
        + sums_a.sum() * sums_b.sum() / ((n - 1) * (n - 2))
        - 2 / (n - 2) * (sums_a @ sums_b)
    ) / (n * (n - 3))


def _ratio(cross: float, own_a: float, own_b: float) -> float:
    # an unbiased estimate of a kernel with itself can fall below 0 when there is nothing but noise
    return float(cross / (np.sqrt(max(own_a * own_b, 0.0)) + EPSILON))


def _check(a: NDArray[np.generic], b: NDArray[np.generic]) -> int:
    return check_aligned([a, b], ["the first features", "the second features"], _LEAST)


def rbf_rows(features: NDArray[np.generic], sigma: float) -> Rows:
    """Rows ``start`` to ``stop`` of the RBF kernel of features (n, d), in double precision."""
    check_finite(features, "features")
    rows = working(features).astype(np.float64)
    squares = np.einsum("ij,ij->i", rows, rows)

    def block(start: int, stop: int) -> NDArray[np.floating]:
        distances = squares[start:stop, None] + squares - 2 * (rows[start:stop] @ rows.T)
        values: NDArray[np.floating] = np.exp(-np.maximum(distances, 0.0) / (2 * sigma**2))
        values[np.arange(stop - start), np.arange(start, stop)] = 1.0
        return values

    return block


def _dot(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    return float(np.einsum("ij,ij->", a, b, dtype=np.float64))


def _blocks(n: int, step: int) -> Iterator[tuple[int, int]]:
    step = max(1, step)
    for start in range(0, n, step):
        yield start, min(n, start + step)
