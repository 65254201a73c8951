"""Whether failures are more frequent inside a group of queries than outside, and how sure that is.

Queries of one image, its captions, fail together, so a group tells less than its size. One intraclass
correlation rho is estimated over all queries, and a group with m_i queries of image i counts as

    n / (1 + rho (sum m_i^2 / n - 1)),   n = sum m_i

queries (Kish 1965); shares stay as they are, counts are divided (Rao & Scott 1992). To count an image as
failing where most of its captions do would be wrong here: most of one caption is not most of five.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_NORMAL: Final = 1.959963984540054  # its 97.5 % quantile
_ROUNDING: Final = 1e-9

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Enrichment(NamedTuple):
    """One group against all other queries; see :class:`backend.schemas.Slice`."""

    queries: int
    images: int
    failures: int
    rate: float
    interval: tuple[float, float]
    p: float
    q: float
    excess: float


def enrichment(groups: Sequence[Rows], failed: Flags, owners: Rows, rho: float) -> list[Enrichment]:
    """All groups, each against the queries outside it; p is one-sided, q over these groups.

    Args:
        groups: rows of queries, each row once a group, no group empty.
        failed: (q,) whether a query failed.
        owners: (q,) the image that a query belongs to, from 0.
        rho: correlation of the failures of an image's queries, see :func:`intraclass`.
    """
    from scipy.stats import false_discovery_control

    if not groups:
        return []
    every = np.bincount(owners)
    total, wrong = len(owners), int(failed.sum())
    told: list[Enrichment] = []
    for rows in groups:
        within = np.bincount(owners[rows], minlength=len(every))
        inside, outside = len(rows), total - len(rows)
        failures = int(failed[rows].sum())
        effect = design_effect(within, rho)
        beyond = design_effect(every - within, rho)
        rest = (wrong - failures) / outside if outside else failures / inside
        told.append(
            Enrichment(
                queries=inside,
                images=int((within > 0).sum()),
                failures=failures,
                rate=failures / inside,
                interval=wilson(failures / inside, inside / effect),
                p=fisher(
                    (failures / effect, inside / effect),
                    ((wrong - failures) / beyond, outside / beyond),
                ),
                q=1.0,
                excess=failures - inside * rest,
            )
        )
    rates = false_discovery_control([each.p for each in told])
    return [each._replace(q=float(q)) for each, q in zip(told, rates, strict=True)]


def intraclass(failed: Flags, owners: Rows) -> float:
    """Correlation of the failures of two queries of one image, at least 0.

    By analysis of variance (Ridout, Demétrio & Firth 1999): (B - W) / (B + (m - 1) W) of the mean
    squares between and within images, m the images' mean size less its variance over n.
    """
    sizes = np.bincount(owners).astype(np.float64)
    sums = np.bincount(owners, weights=failed)[sizes > 0]
    sizes = sizes[sizes > 0]
    n, images = sizes.sum(), len(sizes)
    if images < 2 or n == images:
        return 0.0
    mean = sums.sum() / n
    between = float((sizes * (sums / sizes - mean) ** 2).sum()) / (images - 1)
    within = float((sums - sums**2 / sizes).sum()) / (n - images)
    size = (n - (sizes**2).sum() / n) / (images - 1)
    spread = between + (size - 1) * within
    return max(0.0, float((between - within) / spread)) if spread > 0 else 0.0


def design_effect(sizes: NDArray[np.integer], rho: float) -> float:
    """How many queries of a group tell as much as one would alone; 1 where each image has one.

    Args:
        sizes: how many each image has in the group.
        rho: see :func:`intraclass`.
    """
    n = float(sizes.sum())
    return 1 + rho * (float((sizes.astype(np.float64) ** 2).sum()) / n - 1) if n else 1.0


def wilson(share: float, count: float) -> tuple[float, float]:
    """95 % interval of a share of ``count`` independent ones, which need be no whole number.

    The score interval (Wilson 1927): it has a width where all or none of a few are counted.
    """
    square = _NORMAL**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _NORMAL / (1 + square / count)
    half *= float(np.sqrt(share * (1 - share) / count + square / (4 * count**2)))
    return max(0.0, middle - half), min(1.0, middle + half)


def with_width(interval: tuple[float, float], share: float, count: float) -> tuple[float, float]:
    """A bootstrap's interval; Wilson's where that has no width, as all or none were counted."""
    return interval if interval[1] > interval[0] else wilson(share, count)


def fisher(inside: tuple[float, float], outside: tuple[float, float]) -> float:
    """One-sided p that failures are no more frequent inside: Fisher's exact test.

    Args:
        inside, outside: failures, and queries. Counts are made whole so that p is rather too large:
            failures inside are rounded down, those outside up.
    """
    from scipy.stats import hypergeom

    failures, queries = (int(np.floor(count + _ROUNDING)) for count in inside)
    others = int(np.floor(outside[1] + _ROUNDING))
    wrong = min(others, int(np.ceil(outside[0] - _ROUNDING)))
    return float(hypergeom.sf(failures - 1, queries + others, failures + wrong, queries))
