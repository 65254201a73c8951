"""A benchmark of compositional understanding, scored and told: shares, what ties, the worst examples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from backend.catalog.compositional import Benchmark
from backend.evaluation.compositional import TIE, Rows, Scored, sugarcrepe, triplets, winoground
from backend.schemas import SHOWN_EXAMPLES, CompositionalExample, CompositionalReport


def evaluate(
    benchmark: Benchmark,
    image: Rows,
    text: Rows,
    before: Rows | None = None,
    seed: int = 0,
) -> CompositionalReport:
    """Scores a benchmark from its pictures' and captions' embeddings.

    Args:
        benchmark: with pictures that are all encoded (:meth:`Benchmark.only`).
        image: (pictures, d) unit rows in the order of ``benchmark.images``.
        text: (captions, d) unit rows in the order of ``benchmark.captions``.
        before: (captions, D) features of the frozen text encoder in the same order, where there is one
            vector a caption: what the head changed in the text-only task.
        seed: of the bootstrap.

    Raises:
        InvalidInput: a row is not finite.
    """
    image_row = {image_id: row for row, image_id in enumerate(benchmark.images)}
    text_row = {caption: row for row, caption in enumerate(benchmark.captions)}
    # (n, 1), of Winoground (n, 2); (n, captions of an example), the false one last
    images = np.array([[image_row[each] for each in one.image_ids] for one in benchmark.examples])
    texts = np.array([[text_row[each] for each in one.captions] for one in benchmark.examples])
    subsets = [one.subset for one in benchmark.examples]
    if benchmark.kind == "winoground":
        scored = winoground(image[images], text[texts], subsets, seed)
    else:
        owner = images[:, 0]
        shown, true, false = image[owner], text[texts[:, 0]], text[texts[:, -1]]
        if benchmark.kind == "sugarcrepe":
            scored = sugarcrepe(shown, true, false, owner, subsets, seed)
        else:
            one, two, three = texts.T
            frozen = None if before is None else (before[one], before[two], before[three])
            scored = triplets(shown, true, text[two], false, owner, subsets, frozen, seed)
    return CompositionalReport(
        benchmark=benchmark.kind,
        examples=len(benchmark.examples),
        images=len(benchmark.images),
        subsets=scored.shares.subsets,
        overall=scored.shares.overall,
        mean_of_subsets=scored.shares.mean_of_subsets,
        notes=(*benchmark.notes, *_ties(scored)),
        worst=_worst(benchmark, images[:, 0], scored.margin),
    )


def _ties(scored: Scored) -> list[str]:
    count = int(scored.undecided.sum())
    if not count:
        return []
    return [
        f"Equal scores leave {count:,} of {len(scored.undecided):,} examples undecided in a task; they "
        "count as wrong there."
    ]


def _worst(
    benchmark: Benchmark, owner: NDArray[np.int64], margin: NDArray[np.float64]
) -> tuple[CompositionalExample, ...]:
    """Wrong examples, the one with the lowest margin of each picture."""
    kept: dict[int, int] = {}
    for row in np.argsort(margin, kind="stable"):
        if len(kept) == SHOWN_EXAMPLES or margin[row] > TIE:
            break
        kept.setdefault(int(owner[row]), int(row))
    return tuple(
        CompositionalExample(**benchmark.examples[row]._asdict(), margin=float(margin[row]))
        for row in kept.values()
    )
