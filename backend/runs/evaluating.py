"""A run's numbers on its held-out splits: retrieval of every seed, the geometry of the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from backend.reporting import Report
from backend.runs.seeds import Place
from backend.schemas import GeometryReport, RetrievalReport

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.alignment.pairs import PairedFeatures
    from backend.alignment.rows import Rows


def reports(
    embedded: Callable[[str, Report, Place], tuple[Any, Any, Any]],
    pairs: Callable[[str], PairedFeatures],
    fitted: Sequence[Place],
    seeds: Sequence[int],
    report: Report,
) -> Iterator[RetrievalReport]:
    """Scores validation, then test, which nothing has looked at before.

    Args:
        embedded: a split in the space of a seed's heads: images, captions, each caption's image row.
        pairs: a split's frozen features.
        fitted: the seeds that have heads of their own; the first one's are explored.
        seeds: all seeds of the run; those that were not fitted have the first one's heads.
        report: called with evaluations done.
    """
    from backend.evaluation.retrieval import evaluate, mean_recall
    from backend.evaluation.seeds import across_seeds, recalls

    first, *others = fitted
    number, total = 0, 2 * len(fitted)
    for split in ("val", "test"):
        report(number, total, "evaluations")
        space = embedded(split, report, first)
        found = evaluate(*space, split, first.seed)
        if split == "test":
            found = found.model_copy(
                update={"geometry": drawn_geometry(*space, pairs(split), first.seed)}
            )
        by_seed = {first.seed: recalls(found)}
        for place in others:
            number += 1
            report(number, total, "evaluations")
            by_seed[place.seed] = mean_recall(*embedded(split, report, place))
        if not others:
            by_seed = dict.fromkeys(seeds, by_seed[first.seed])
        if len(by_seed) > 1:
            found = found.model_copy(update={"across_seeds": across_seeds(by_seed)})
        yield found
        number += 1
    report(total, total, "evaluations")


def drawn_geometry(
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    image_of_text: NDArray[np.int64],
    pairs: PairedFeatures,
    seed: int,
) -> GeometryReport | None:
    """Of a draw of the split; None where so few items have no geometry."""
    from backend.alignment.rows import FeatureRows
    from backend.evaluation.geometry import LEAST, drawn, geometry, measured_rows

    most = measured_rows(image.shape[1])
    images, texts, owners = drawn(len(image), image_of_text, seed, most)
    if min(len(images), len(texts)) < LEAST:
        return None

    def features(rows: Rows, which: NDArray[np.int64]) -> NDArray[np.float32] | None:
        return rows.take(which) if isinstance(rows, FeatureRows) else None

    return geometry(
        image[images],
        text[texts],
        owners,
        features(pairs.image, images),
        features(pairs.text, texts),
    )
