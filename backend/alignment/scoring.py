"""How well an alignment finds held-out pairs, told a piece at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.alignment.base import Alignment
from backend.alignment.pairs import PairedFeatures
from backend.alignment.rows import FeatureRows, TokenRows
from backend.evaluation.retrieval import (
    KS,
    Ranks,
    image_to_text_ranks,
    text_to_image_ranks,
)
from backend.schemas import Side

_ROWS: Final = 512  # embedded between two looks at the clock
_FLOPS: Final = 10_000_000_000  # of scores between two


def held_out_recall(
    alignment: Alignment, pairs: PairedFeatures, on_wait: Callable[[], None]
) -> dict[str, float]:
    """R@1, 5, 10 each way and their mean, as :func:`backend.evaluation.retrieval.mean_recall` has them.

    Args:
        on_wait: called every few tenths of a second, also where the shared space has thousands of
            dimensions; may raise :class:`backend.errors.Cancelled`.
    """
    image = _embedded(alignment, "image", pairs.image, on_wait)
    text = _embedded(alignment, "text", pairs.text, on_wait)
    return recall_in_pieces(image, text, pairs.image_of_text, on_wait)


def recall_in_pieces(
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    image_of_text: NDArray[np.int64],
    on_wait: Callable[[], None],
) -> dict[str, float]:
    """The same of embeddings.

    Args:
        image, text, image_of_text: as :func:`backend.evaluation.retrieval.mean_recall` takes them.
        on_wait: as above.
    """
    order = np.argsort(image_of_text, kind="stable")
    text, owner = text[order], image_of_text[order]
    hits: dict[str, list[NDArray[np.float64]]] = {}

    def add(way: str, ranks: Ranks) -> None:
        for k in KS:
            hits.setdefault(f"{way}/recall_at_{k}", []).append(ranks.hits(k))
        on_wait()

    for start, stop in _pieces(len(image), text):
        # a caption of an image outside this piece gets a number that none of the piece has: a distractor
        inside = (owner >= start) & (owner < stop)
        shifted = np.where(inside, owner - start, stop - start)
        add("image_to_text", image_to_text_ranks(image[start:stop], text, shifted))
    for start, stop in _pieces(len(text), image):
        add("text_to_image", text_to_image_ranks(image, text[start:stop], owner[start:stop]))
    values = {name: float(np.concatenate(parts).mean()) for name, parts in hits.items()}
    return values | {"mean_recall": float(np.mean(list(values.values())))}


def _embedded(
    alignment: Alignment, side: Side, rows: FeatureRows | TokenRows, on_wait: Callable[[], None]
) -> NDArray[np.float32]:
    result = np.empty((len(rows), alignment.dimension), np.float32)
    for start in range(0, len(rows), _ROWS):
        some = rows.only(np.arange(start, min(start + _ROWS, len(rows))))
        result[start : start + len(some)] = alignment.transform(side, some)
        on_wait()
    return result


def _pieces(queries: int, gallery: NDArray[np.float32]) -> list[tuple[int, int]]:
    step = max(128, _FLOPS // max(1, 2 * gallery.size))
    return [(start, min(start + step, queries)) for start in range(0, queries, step)]
