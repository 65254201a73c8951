"""Zero-shot classification: an image is of the class whose prompts it is nearest to.

    class embedding   each prompt's embedding normalised, mean over templates, normalised again
    logits            100 x cosine (Radford et al. 2021; as CLIP_benchmark and SAIL have it)
    top-k             share of images whose class is among the k best
    mean per class    mean over classes of the share of the class's images that are found (recall)

Ties (classes of one name have equal embeddings) are resolved in expectation, as in retrieval: a class
that shares its score with t others is first with the chance that a random order would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.enrichment import wilson, with_width
from backend.evaluation.retrieval import text_to_image_ranks
from backend.reporting import Report, silent
from backend.schemas import TemplateScore, ZeroShotClass, ZeroShotReport

SCALE: Final = 100.0
#: top-5 of five classes or fewer says nothing
LEAST_CLASSES_AT_5: Final = 6
#: a matrix of more classes is megabytes that nobody can read
MOST_IN_MATRIX: Final = 200

_TIE: Final = 1e-6  # float32 dot products of equal rows agree to this
_RESAMPLES: Final = 1000
_CELLS: Final = 2**22  # draws held at once
_SCORES: Final = 2**24  # scores held at once
_NO_NUMBERS: Final = (
    "The heads gave numbers that are not finite for {}, so nothing can be classified. Launch the run "
    "again with a lower learning rate, or encode the items again in float32."
)

Rows = NDArray[np.float32]
Values = NDArray[np.float64]


def class_embeddings(prompts: Rows) -> Rows:
    """Unit rows (C, d), one a class.

    Args:
        prompts: (C, T, d) embeddings of every class in every template.

    Raises:
        InvalidInput: one is not finite.
    """
    _check_finite(prompts, "the prompts")
    return _unit(_unit(prompts).mean(axis=1))


def evaluate(
    image: Rows,
    labels: NDArray[np.int64],
    prompts: Rows,
    classes: Sequence[str],
    templates: Sequence[str],
    seed: int = 0,
    report: Report = silent,
) -> ZeroShotReport:
    """How well the images' classes are found, over all templates together and with each alone.

    Args:
        image: (n, d) unit rows.
        labels: (n,) each image's place among the classes.
        prompts: (C, T, d) embeddings of every class in every template; lengths do not matter.
        classes: C names.
        templates: T sentences.
        seed: of the bootstrap over images.
        report: told the templates done; may raise ``Cancelled``.

    Raises:
        InvalidInput: there is no image, or an embedding is not finite.
    """
    if not len(image):
        raise InvalidInput("There is no image to classify. Take all items, or another data set.")
    _check_finite(image, "the images")
    order = np.argsort(labels, kind="stable")  # a class's images in one piece
    image, labels = image[order], labels[order]
    together = class_embeddings(prompts)
    ranks = text_to_image_ranks(together, image, labels)
    hits = np.empty((len(image), 2 + len(templates)))
    hits[:, 0], hits[:, 1] = ranks.hits(1), ranks.hits(5)
    for number in range(len(templates)):
        report(number, len(templates), "templates")
        alone = text_to_image_ranks(_unit(prompts[:, number]), image, labels)
        hits[:, 2 + number] = alone.hits(1)
    report(len(templates), len(templates), "templates")
    confusion, ties = _confusion(together, image, labels)
    return _told(hits, labels, confusion, ties, classes, templates, seed)


def probabilities(image: Rows, classes: Rows, scale: float = SCALE) -> Values:
    """(C,) softmax of scale x cosine of one image (d,) with class embeddings (C, d), unit rows.

    Raises:
        InvalidInput: an embedding is not finite.
    """
    _check_finite(image, "the image")
    _check_finite(classes, "the prompts")
    logits = scale * (classes.astype(np.float64) @ image.astype(np.float64))
    shares = np.exp(logits - logits.max())
    likely: Values = shares / shares.sum()
    return likely


class _Resampled(NamedTuple):
    """95 % intervals over images: of each column of hits (columns, 2), and of the mean per class."""

    means: Values
    mean_per_class: tuple[float, float]


def _told(
    hits: Values,
    labels: NDArray[np.int64],
    confusion: NDArray[np.int64],
    ties: int,
    classes: Sequence[str],
    templates: Sequence[str],
    seed: int,
) -> ZeroShotReport:
    """The report of hits (n, 2 + T): all templates' top-1 and top-5, then each one's top-1."""
    counts = np.bincount(labels, minlength=len(classes))
    there = np.flatnonzero(counts)
    found: Values = np.bincount(labels, hits[:, 0], minlength=len(classes)).astype(np.float64)
    resampled = _resampled(hits, labels, seed)
    means = hits.mean(axis=0)
    intervals = [
        with_width((float(low), float(high)), float(mean), len(hits))
        for (low, high), mean in zip(resampled.means, means, strict=True)
    ]
    five = len(classes) >= LEAST_CLASSES_AT_5
    return ZeroShotReport(
        images=len(hits),
        classes=tuple(classes),
        without_images=tuple(classes[row] for row in np.flatnonzero(counts == 0).tolist()),
        templates=len(templates),
        top_1=float(means[0]),
        top_5=float(means[1]) if five else None,
        mean_per_class=float((found[there] / counts[there]).mean()),
        interval_of_top_1=intervals[0],
        interval_of_top_5=intervals[1] if five else None,
        interval_of_mean_per_class=with_width(
            resampled.mean_per_class, float((found[there] / counts[there]).mean()), len(hits)
        ),
        chance_at_1=1 / len(classes),
        chance_at_5=5 / len(classes) if five else None,
        largest_class=float(counts.max() / len(hits)),
        ties=ties,
        confusion=tuple(map(tuple, confusion.tolist())) if len(classes) <= MOST_IN_MATRIX else (),
        per_class=_per_class(found, counts, confusion, classes),
        by_template=tuple(
            TemplateScore(template=template, top_1=float(mean), interval=interval)
            for template, mean, interval in zip(templates, means[2:], intervals[2:], strict=True)
        ),
    )


def _per_class(
    found: Values,
    counts: NDArray[np.int64],
    confusion: NDArray[np.int64],
    classes: Sequence[str],
) -> tuple[ZeroShotClass, ...]:
    """Classes that have images, the worst first; of equal ones that with most images."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    rows = []
    for row in np.flatnonzero(counts).tolist():
        mistaken, accuracy = int(wrong[row].argmax()), float(found[row] / counts[row])
        mistakes = int(wrong[row, mistaken])
        told = ZeroShotClass(
            name=classes[row],
            images=int(counts[row]),
            accuracy=accuracy,
            interval=wilson(accuracy, int(counts[row])),
            mistaken_for=classes[mistaken] if mistakes else None,
            mistakes=mistakes,
        )
        rows.append(told)
    return tuple(sorted(rows, key=lambda each: (each.accuracy, -each.images)))


def _resampled(hits: Values, labels: NDArray[np.int64], seed: int) -> _Resampled:
    """The bootstrap over images, of hits whose rows are sorted by class.

    A class of which a resample holds no image is in no mean over classes of that resample.
    """
    draw, images = np.random.default_rng(seed), len(hits)
    first = np.flatnonzero(np.diff(labels, prepend=-1))
    means, per_class = np.empty((_RESAMPLES, hits.shape[1])), np.empty(_RESAMPLES)
    step = max(1, _CELLS // images)
    for start in range(0, _RESAMPLES, step):
        stop = min(_RESAMPLES, start + step)
        weights = np.empty((stop - start, images))
        for row in weights:
            row[:] = np.bincount(draw.integers(images, size=images), minlength=images)
        means[start:stop] = weights @ hits / images
        drawn = np.add.reduceat(weights, first, axis=1)
        found = np.add.reduceat(weights * hits[:, 0], first, axis=1)
        shares = found / np.maximum(drawn, 1)
        per_class[start:stop] = shares.sum(axis=1) / (drawn > 0).sum(axis=1)
    low, high = np.quantile(per_class, [0.025, 0.975])
    return _Resampled(np.quantile(means, [0.025, 0.975], axis=0).T, (float(low), float(high)))


def _confusion(
    classes: Rows, image: Rows, labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """(C, C) images by class and by the class named, and for how many several classes are best."""
    counts = np.zeros((len(classes), len(classes)), np.int64)
    ties, step = 0, max(1, _SCORES // len(classes))
    for start in range(0, len(image), step):
        scores = image[start : start + step] @ classes.T
        # of classes that differ by rounding alone the first, whatever the rounding
        best = scores >= scores.max(axis=1, keepdims=True) - _TIE
        np.add.at(counts, (labels[start : start + step], best.argmax(axis=1)), 1)
        ties += int((best.sum(axis=1) > 1).sum())
    return counts, ties


def _unit(rows: Rows) -> Rows:
    """Rows of length one; what has no length keeps none."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    scaled: Rows = rows / np.maximum(lengths, np.finfo(rows.dtype).tiny)
    return scaled


def _check_finite(rows: Rows, what: str) -> None:
    if not np.isfinite(rows).all():
        raise InvalidInput(_NO_NUMBERS.format(what))
