"""What a labelled set's frozen features tell of the labels: neighbours' vote, linear probe, clusters.

    neighbours    the k train items of highest cosine vote, each with weight exp(cosine / 0.07) (Wu et
                  al. 2018; Caron et al. 2021, whose best k is 20)
    linear probe  multinomial logistic regression on features standardised by the train part; its C, one
                  of 1e-4 ... 1e2, is what a fifth of the train items are told best with
    clusters      k-means with as many clusters as classes, against the labels: adjusted mutual
                  information (Vinh et al. 2010), as plain NMI grows with the number of clusters by
                  chance alone, and adjusted Rand index (Hubert & Arabie 1985); silhouette of the true
                  labels, by cosine (Rousseeuw 1987)

Of large sets k-means and the silhouette take as many items as are named below, drawn by the seed.
"""

from __future__ import annotations

import warnings
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.enrichment import with_width
from backend.evaluation.similarity.preparation import working
from backend.reporting import Report, silent
from backend.schemas import Share

NEIGHBOURS: Final = 20
TEMPERATURE: Final = 0.07
#: the regularisations that are tried; a larger C regularises less
CS: Final = tuple(10.0**power for power in range(-4, 3))
#: fits of a linear probe: one for each C, and the last
FITS: Final = len(CS) + 1
MOST_CLUSTERED: Final = 10_000
MOST_SILHOUETTES: Final = 2_000
_ITERATIONS: Final = 200  # of L-BFGS; what needs more is nearly unregularised
_RESAMPLES: Final = 1000
_TIE: Final = 1e-6  # float32 cosines of equal rows agree to this
_CELLS: Final = 2**22  # cosines held at once

Rows = NDArray[np.floating]
Codes = NDArray[np.int64]


class Clusters(NamedTuple):
    """How k-means and the labels agree, and how well apart the labels lie."""

    adjusted_mutual_information: float
    adjusted_rand_index: float
    silhouette: float | None


def neighbour_hits(
    train: Rows, labels: Codes, test: Rows, truth: Codes, k: int = NEIGHBOURS
) -> NDArray[np.float64]:
    """(q,) whether the neighbours' vote names an item's class: 0 or 1.

    Train items as near as the k-th share the places that are left, and classes of equal votes the
    hit, so that nothing depends on the order of the items.

    Args:
        train: (n, d) unit rows.
        labels: (n,) their classes, from 0.
        test: (q, d) unit rows.
        truth: (q,) their classes.
        k: how many vote; all where there are fewer.
    """
    k = min(k, len(train))
    classes = 1 + int(max(labels.max(), truth.max()))
    members = np.zeros((len(train), classes))
    members[np.arange(len(train)), labels] = 1
    hits = np.empty(len(test))
    step = max(1, _CELLS // len(train))
    for start in range(0, len(test), step):
        cosine = (test[start : start + step] @ train.T).astype(np.float64)
        last = np.partition(cosine, -k, axis=1)[:, -k, None]
        nearer, tied = cosine > last + _TIE, np.abs(cosine - last) <= _TIE
        places = (k - nearer.sum(axis=1, keepdims=True)) / tied.sum(axis=1, keepdims=True)
        votes = ((nearer + tied * places) * np.exp(cosine / TEMPERATURE)) @ members
        first = votes >= votes.max(axis=1, keepdims=True) * (1 - _TIE)
        own = first[np.arange(len(votes)), truth[start : start + step]]
        hits[start : start + step] = own / first.sum(axis=1)
    return hits


def linear_probe(
    train: NDArray[np.generic],
    labels: Codes,
    test: NDArray[np.generic],
    truth: Codes,
    seed: int = 0,
    report: Report = silent,
) -> tuple[NDArray[np.float64], float]:
    """(q,) whether logistic regression names an item's class, and the C that was chosen.

    Each C starts from the weights of the one before. L-BFGS stops after 200 iterations.

    Args:
        train: (n, d) as the encoder gave them.
        labels: (n,) classes.
        test: (q, d).
        truth: (q,) their classes, which only the hits know of.
        seed: of which train items C is chosen on.
        report: called after each fit.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    fitted = stratified(labels, 0.8, 1, np.random.default_rng(seed))
    best, c, inner = -1.0, CS[0], standardised(train[fitted], train)
    probe = LogisticRegression(max_iter=_ITERATIONS, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for number, tried in enumerate(CS):
            probe.set_params(C=tried).fit(inner[fitted], labels[fitted])
            right = float((probe.predict(inner[~fitted]) == labels[~fitted]).mean())
            if right > best:  # of equal ones the most regularised
                best, c = right, tried
            report(1 + number, FITS, "fits")
        last = LogisticRegression(C=c, max_iter=_ITERATIONS).fit(standardised(train, train), labels)
    report(FITS, FITS, "fits")
    return np.where(last.predict(standardised(train, test)) == truth, 1.0, 0.0), c


def standardised(train: NDArray[np.generic], rows: NDArray[np.generic]) -> Rows:
    """(n, d) of which the train part has mean 0 and deviation 1; what is constant there becomes 0."""
    known = working(train)
    mean, deviation = known.mean(axis=0, dtype=np.float64), known.std(axis=0, dtype=np.float64)
    constant = deviation <= 1e-7 * np.abs(mean)
    scale = np.where(constant, 0.0, 1 / np.where(constant, 1.0, deviation))
    scaled: Rows = (working(rows) - mean.astype(known.dtype)) * scale.astype(known.dtype)
    return scaled


def clusters(units: Rows, labels: Codes, seed: int = 0) -> Clusters:
    """k-means against the labels, and the labels' silhouette.

    Args:
        units: (n, d) unit rows.
        labels: (n,) classes.
        seed: of the draw and of k-means, the best of 5 starts.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, silhouette_score

    order = np.random.default_rng(seed).permutation(len(units))
    some, few = order[:MOST_CLUSTERED], order[:MOST_SILHOUETTES]
    means = KMeans(len(np.unique(labels[some])), n_init=5, random_state=seed).fit(units[some])
    drawn = len(np.unique(labels[few]))
    apart = None
    if 1 < drawn < len(few):
        apart = float(silhouette_score(units[few], labels[few], metric="cosine"))
    return Clusters(
        float(adjusted_mutual_info_score(labels[some], means.labels_)),
        float(adjusted_rand_score(labels[some], means.labels_)),
        apart,
    )


def share_of(hits: NDArray[np.float64], chance: float, seed: int = 0) -> Share:
    """Mean of hits, with its 95 % interval when items are drawn again with replacement."""
    values, counts = np.unique(hits, return_counts=True)
    weights = np.random.default_rng(seed).multinomial(len(hits), counts / len(hits), _RESAMPLES)
    low, high = np.quantile(weights @ values / len(hits), [0.025, 0.975])
    value = float(hits.mean())
    interval = with_width((float(low), float(high)), value, len(hits))
    return Share(value=value, interval=interval, chance=chance, count=len(hits))


def stratified(
    codes: Codes, share: float, least: int, draw: np.random.Generator
) -> NDArray[np.bool_]:
    """(n,) whether an item is drawn: of each class by itself, nearly this share.

    Args:
        codes: (n,) classes.
        share: of each class; where it has more than ``least`` items, one at least stays.
        least: of each class, where it has so many.
        draw: decides which.
    """
    chosen = np.zeros(len(codes), np.bool_)
    order = np.argsort(codes, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(codes[order])) + 1):
        wanted = min(max(round(share * len(rows)), least), max(len(rows) - 1, least))
        chosen[draw.permutation(rows)[:wanted]] = True
    return chosen
