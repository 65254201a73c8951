"""How good an encoder is before any alignment, and whether that foretells how well it aligns.

SAIL (Zhang et al., CVPR 2025) found that how well an encoder aligns with language follows its
nearest-neighbour accuracy (r = 0.99), less its linear-probe accuracy (r = 0.85). The measures are those
of :mod:`backend.evaluation.probes`; the encoders tried are too few to tell a correlation closely, so each
comes with its interval and their number.

Of very large sets at most :data:`MOST` items of a part are drawn, each class in proportion.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.errors import DatasetError, Fault, InvalidInput
from backend.evaluation.correlation import correlation
from backend.evaluation.probes import (
    FITS,
    NEIGHBOURS,
    clusters,
    linear_probe,
    neighbour_hits,
    share_of,
    stratified,
)
from backend.evaluation.similarity.preparation import check_finite, unit_rows
from backend.reporting import Report, silent
from backend.schemas import (
    AlignmentScore,
    Correlation,
    EncoderAssessment,
    RetrievalReport,
    Share,
)

#: items of a class; classes with fewer are left out where the set is divided here
LEAST: Final = 4
MOST: Final = 20_000
#: what alignment is foretold by
MEASURES: Final = (
    "knn",
    "linear_probe",
    "adjusted_mutual_information",
    "adjusted_rand_index",
    "silhouette",
)
_STEPS: Final = FITS + 2  # neighbours, the linear probe's fits, clusters

Codes = NDArray[np.int64]


class Division(NamedTuple):
    """Rows of the train and of the test part, and what was left out of both."""

    train: Codes
    test: Codes
    left_out_classes: int = 0
    left_out_items: int = 0


def division(labels: NDArray[np.generic], seed: int, share: float = 0.5) -> Division:
    """Divides items of a set that brings no splits, each class by itself.

    Args:
        labels: (n,).
        seed: of the draw.
        share: of each class's items that goes to the train part; at least 2 and not all do.

    Raises:
        DatasetError: fewer than two classes have :data:`LEAST` items.
    """
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    enough = counts >= LEAST
    if enough.sum() < 2:
        raise DatasetError(
            f"{int(enough.sum())} of {len(names)} classes have {LEAST} items or more, but at least 2 must, "
            "so that they can be told apart. Add items, or pick another label."
        )
    train, kept = stratified(codes, share, 2, np.random.default_rng(seed)), enough[codes]
    return Division(
        np.flatnonzero(train & kept),
        np.flatnonzero(~train & kept),
        int((~enough).sum()),
        int((~kept).sum()),
    )


def assess(
    features: NDArray[np.generic],
    labels: NDArray[np.generic],
    parts: Division,
    encoder: str,
    seed: int = 0,
    report: Report = silent,
) -> EncoderAssessment:
    """All measures of one encoder, but for the alignment probe.

    Args:
        features: (n, d) as the encoder gave them.
        labels: (n,).
        parts: rows to learn from and rows to be told; the same for all encoders that are compared.
        encoder: its address.
        seed: of the draws, of k-means and of the bootstrap.
        report: told after each step; the longest are the linear probe's fits.

    Raises:
        InvalidInput: rows and labels do not fit together, or the train part is too small.
        Cancelled: by ``report``.
    """
    check(features, labels, parts, encoder)
    draw = np.random.default_rng(seed)
    codes = np.unique(labels, return_inverse=True)[1]
    train, test = (_at_most(part, codes, draw) for part in (parts.train, parts.test))
    learned, told = codes[train], codes[test]
    report(0, _STEPS, "steps")
    units = unit_rows(features[np.concatenate([train, test])])
    near = neighbour_hits(units[: len(train)], learned, units[len(train) :], told)
    report(1, _STEPS, "steps")
    probe, c = linear_probe(
        features[train], learned, features[test], told, seed,
        lambda done, _, __: report(1 + done, _STEPS, "steps"),
    )  # fmt: skip
    found = clusters(units, np.concatenate([learned, told]), seed)
    report(_STEPS, _STEPS, "steps")
    chance = float(np.bincount(told).max()) / len(told)
    return EncoderAssessment(
        encoder=encoder,
        dimension=features.shape[1],
        classes=len(np.unique(np.concatenate([learned, told]))),
        train_items=len(train),
        test_items=len(test),
        neighbours=min(NEIGHBOURS, len(train)),
        knn=share_of(near, chance, seed),
        linear_probe=share_of(probe, chance, seed),
        regularisation=c,
        **found._asdict(),
    )


def check(
    features: NDArray[np.generic], labels: NDArray[np.generic], parts: Division, encoder: str
) -> None:
    """Refuses what cannot be assessed, all faults at once.

    Raises:
        InvalidInput: naming each fault.
    """
    faults = []
    if features.ndim != 2 or len(features) != len(labels):
        faults.append(
            Fault(encoder, f"features of shape {features.shape} for {len(labels)} labels")
        )
    if np.intersect1d(parts.train, parts.test).size:
        faults.append(Fault("division", "some items are in both parts"))
    counts = np.unique(labels[parts.train], return_counts=True)[1]
    if len(counts) < 2 or counts.max() < 2:
        faults.append(Fault("train part", "needs 2 classes, and 2 items of one of them"))
    if not len(parts.test):
        faults.append(Fault("test part", "has no items"))
    if faults:
        raise InvalidInput(
            "These features cannot be assessed. Extract them again or pick another labelled set.",
            faults,
        )
    check_finite(features, encoder)


def alignment_score(report: RetrievalReport, train_images: int) -> AlignmentScore:
    """R@1 both ways of the alignment probe's report. Image to text is asked by images with captions."""
    shares = {}
    for way, count in (("text_to_image", report.captions), ("image_to_text", report.images)):
        scores = getattr(report, way)
        shares[way] = Share(
            value=scores.recall_at_1,
            interval=scores.interval_at_1,
            chance=scores.chance_at_1,
            count=count,
        )
    return AlignmentScore(
        split=report.split,
        train_images=train_images,
        images=report.images,
        captions=report.captions,
        **shares,
    )


def correlations(assessments: Sequence[EncoderAssessment], seed: int = 0) -> dict[str, Correlation]:
    """Of each measure and the alignment probe's R@1, both ways, over the encoders that have both.

    Returns:
        By both names: ``knn/text_to_image``. Without those that cannot be told.
    """
    found = {}
    for name in MEASURES:
        for way in ("text_to_image", "image_to_text"):
            pairs = [
                (_number(getattr(each, name)), _number(getattr(each.alignment, way)))
                for each in assessments
                if each.alignment is not None and getattr(each, name) is not None
            ]
            told = correlation([x for x, _ in pairs], [y for _, y in pairs], seed)
            if told is not None:
                found[f"{name}/{way}"] = told
    return found


def _number(value: Share | float) -> float:
    return value.value if isinstance(value, Share) else value


def _at_most(part: Codes, codes: Codes, draw: np.random.Generator) -> Codes:
    """The rows of a part, or of a large one as many as are worked with."""
    if len(part) <= MOST:
        return part
    return part[stratified(codes[part], MOST / len(part), 2, draw)]
