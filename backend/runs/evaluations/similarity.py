"""How alike the two encoders are: before the alignment, after it, and layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.reporting import Report
from backend.runs.evaluations.kinds import Work
from backend.schemas import LayerMap, Side, SimilarityReport, SimilarityRequest, SimilarityResult

if TYPE_CHECKING:
    from backend.catalog.records import Record
    from backend.runs.evaluations.opened import OpenedRun

#: of large tests so many pairs are drawn
PAIRS = 1000


def measure(work: Work, request: SimilarityRequest) -> SimilarityResult:
    """Before and after on pairs of the test split; with ``layers``, every pair of layers, too.

    Raises:
        InvalidInput: there is no one vector an item to compare, or no layers to choose from.
    """
    opened = work.open()
    spaces = before_and_after(
        opened, request, work.stage("Compare before and after"), work.stage("Read the test split")
    )
    if spaces is None:
        raise InvalidInput(
            "This run has too few test pairs, or keeps every token of an item, so there is no one "
            "vector an item to compare."
        )
    layers = _layers(opened, request, work) if request.layers else None
    return SimilarityResult(spaces=spaces, layers=layers)


def before_and_after(
    opened: OpenedRun, request: SimilarityRequest, comparing: Report, reading: Report
) -> SimilarityReport | None:
    """Frozen features and embeddings of the same test pairs; None where there is nothing to compare."""
    from backend.alignment.rows import FeatureRows
    from backend.evaluation.representations import LEAST, drawn_pairs, similarity

    pairs = opened.pairs("test", reading)
    if not (isinstance(pairs.image, FeatureRows) and isinstance(pairs.text, FeatureRows)):
        return None
    images, texts = drawn_pairs(len(pairs.image), pairs.image_of_text, request.seed, PAIRS)
    if len(images) < LEAST:
        return None
    image, text = pairs.image.only(images), pairs.text.only(texts)
    return similarity(
        pairs.image.take(images),
        pairs.text.take(texts),
        opened.into_space("image", image),
        opened.into_space("text", text),
        seed=request.seed,
        k=request.neighbours,
        permutations=request.permutations,
        report=comparing,
    )


def _layers(opened: OpenedRun, request: SimilarityRequest, work: Work) -> LayerMap:
    """All layers of both encoders, encoded for the drawn pairs alone."""
    from backend.evaluation.layers import layer_similarity
    from backend.evaluation.representations import drawn_pairs
    from backend.runs.selection import encoded, in_common, offered_layers

    rows = opened.inputs.rows(work.stage("Read the test split"))
    records = rows.split("test")
    owners = opened.pairs("test").image_of_text
    drawn, _ = drawn_pairs(len(records), owners, request.seed, PAIRS)
    some: Sequence[Record] = [records[row] for row in drawn]
    offered = {}
    found = []
    sides: tuple[tuple[Side, str], ...] = (
        ("image", "Encode all layers of the items"),
        ("text", "Encode all layers of the captions"),
    )
    for side, stage in sides:
        report = work.stage(stage)
        offered[side] = offered_layers(opened.inputs, side, report)
        found.append(encoded(opened.inputs, offered[side].encoder, side, some, report))
    if all(len(layers.labels) == 1 for layers in offered.values()):
        raise InvalidInput(
            "Neither encoder has layers to compare: each gives its own output alone."
        )
    image, text = in_common(found)
    compared = layer_similarity(
        _single(image),
        _single(text),
        request.measure,
        request.neighbours,
        request.permutations,
        request.seed,
        work.stage("Compare all layers"),
    )
    return LayerMap(
        image_layers=offered["image"].labels, text_layers=offered["text"].labels, found=compared
    )


def _single(layers: Sequence[NDArray[Any]]) -> list[NDArray[np.float32]]:
    return [np.asarray(layer, np.float32) for layer in layers]
