"""mini-vec2vec: a linear map learned without a single pair (Dar 2025, arXiv 2510.02348).

Rows are centred and brought to length one, the wider side first reduced to the width of the other by PCA.

1. Anchors: cluster each side (k-means), match the clusters by a quadratic assignment of their centred Gram
   matrices, several starts, the best by the objective; all of it ``matchings`` times, anchors put together.
2. Pseudo-pairs: each image row with the mean of the ``neighbours`` caption rows that are most alike by
   similarities to the matched anchors; orthogonal Procrustes on these.
3. Refinement: ``refinements`` times, map a sample of rows, average their nearest caption rows, solve
   Procrustes, go half of the way; then once the same between clusters of both sides.

No pair is used, neither of the training nor of the validation split: images are those of one half of the
training items, captions those of the other half, and what is chosen is chosen by the objective of step 1.
The details name that objective (``matching``, 1 where the clusters of both sides lie to each other in the
same way) and how near mapped images come to their nearest captions (``agreement``): told without pairs.

It works where both spaces have the same shape: two text encoders, two versions of an encoder, one encoder
turned. An image encoder and a caption encoder of small size share too little of it: expect chance.

As in the released code (guy-dar/mini-vec2vec), except: k-means is the best of 5 tries on 4,000 rows, where
it has one on 10,000; 2-opt makes the best exchange and starts 200 times, where it has 30, so 15 matchings
suffice, where it has 30; 50 refinements where it has 100; at most 500 last clusters, a tenth of the rows;
PCA where the widths differ.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from backend.alignment.base import Alignment
from backend.alignment.blind import (
    agreement,
    matched_centroids,
    matched_rows,
    refined_by_clusters,
    refined_by_neighbours,
    rotation,
)
from backend.alignment.heads import Head, affine_head
from backend.alignment.methods import Context
from backend.alignment.moments import Matrix, must_be_finite, unit
from backend.alignment.pairs import ONE_VECTOR, PairedFeatures
from backend.alignment.rows import FeatureRows
from backend.errors import InvalidInput
from backend.schemas import Side


def fit(method_id: str, train: PairedFeatures, val: PairedFeatures, context: Context) -> Alignment:
    """Finds the map; ``val`` is not looked at. See :func:`backend.alignment.methods.fit`."""
    options = context.options
    generator = np.random.default_rng(context.seed)
    image, text = _unpaired(train, context, generator)
    clusters = int(options["clusters"])
    if min(len(image), len(text)) < 5 * clusters:
        raise InvalidInput(
            f"mini-vec2vec finds {clusters} clusters on each side and has {len(image)} images and "
            f"{len(text)} captions to find them in, each from one half of the training items; it needs "
            f"at least {5 * clusters}. Use more training items, or lower the option clusters."
        )
    width = min(image.shape[1], text.shape[1])
    image_mean, text_mean = image.mean(axis=0), text.mean(axis=0)
    reduce_x, reduce_y = _axes(image - image_mean, width), _axes(text - text_mean, width)
    x, y = unit((image - image_mean) @ reduce_x), unit((text - text_mean) @ reduce_y)
    weight, matching = _map(x, y, context, generator)
    heads: dict[Side, Head] = {
        "image": affine_head(image_mean, np.ones_like(image_mean), (reduce_x @ weight).T),
        "text": affine_head(text_mean, np.ones_like(text_mean), reduce_y.T),
    }
    details = {
        "images": len(image),
        "captions": len(text),
        "matching": matching,
        "agreement": agreement(x, y, weight, context.report),
    }
    return Alignment(method_id, heads, details)


def _map(
    x: Matrix, y: Matrix, context: Context, generator: np.random.Generator
) -> tuple[Matrix, float]:
    """The map from x to y, and the mean objective of the matchings."""
    options, report = context.options, context.report
    runs, neighbours = int(options["matchings"]), int(options["neighbours"])
    clusters, restarts = int(options["clusters"]), int(options["restarts"])
    found = []
    for number in range(runs):
        tell = partial(report, number, runs, "matchings")
        found.append(matched_centroids(x, y, clusters, restarts, generator, tell))
    report(runs, runs, "matchings")
    anchors_x = np.concatenate([first for first, _, _ in found])
    anchors_y = np.concatenate([second for _, second, _ in found])
    weight = rotation(x, matched_rows(x, y, anchors_x, anchors_y, neighbours, report))
    weight = refined_by_neighbours(
        x, y, weight, int(options["refinements"]), 1000, neighbours, 0.5, generator, report
    )
    finer = min(500, min(len(x), len(y)) // 10)
    last = partial(report, 0, 1, "last refinement")
    weight = refined_by_clusters(x, y, weight, finer, 0.5, generator, last)
    return weight, float(np.mean([value for _, _, value in found]))


def _unpaired(
    train: PairedFeatures, context: Context, generator: np.random.Generator
) -> tuple[Matrix, Matrix]:
    """Images of one half of the training items and captions of the other, and what is unpaired anyway."""
    image, text = train.vectors()
    order = generator.permutation(len(image))
    mine = np.zeros(len(image), bool)
    mine[order[: len(image) // 2]] = True
    images = [(image, np.flatnonzero(mine))]
    captions = [(text, np.flatnonzero(~mine[train.image_of_text]))]
    if context.unpaired is not None:
        more = context.unpaired.image, context.unpaired.text
        for parts, rows in zip((images, captions), more, strict=True):
            if not isinstance(rows, FeatureRows):
                raise InvalidInput(ONE_VECTOR)
            parts.append((rows, np.arange(len(rows))))
    most = int(context.options["unpaired"])
    return _drawn(images, most, generator), _drawn(captions, most, generator)


def _drawn(
    parts: list[tuple[FeatureRows, NDArray[np.int64]]], most: int, generator: np.random.Generator
) -> Matrix:
    """At most ``most`` rows of several parts together, in float64."""
    sizes = [len(rows) for _, rows in parts]
    chosen = np.sort(generator.permutation(sum(sizes))[:most])
    taken, start = [], 0
    for (features, rows), size in zip(parts, sizes, strict=True):
        inside = chosen[(chosen >= start) & (chosen < start + size)] - start
        taken.append(features.take(rows[inside]).astype(np.float64))
        start += size
    together = np.concatenate(taken)
    must_be_finite(together)
    return together


def _axes(centred: Matrix, width: int) -> Matrix:
    """(d, width) principal axes; the identity where nothing is reduced."""
    if centred.shape[1] == width:
        return np.eye(width)
    _, vectors = np.linalg.eigh(centred.T @ centred / len(centred))
    axes: Matrix = np.ascontiguousarray(vectors[:, ::-1][:, :width])
    return axes
