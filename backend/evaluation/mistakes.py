"""The queries that a space answers worst."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.retrieval import image_to_text_ranks, text_to_image_ranks
from backend.schemas import Side


class Wrong(NamedTuple):
    """Rows of a query, of what came first, and of the best placed of what should have; rank from 1."""

    query: int
    found: int
    found_score: float
    truth: int
    truth_score: float
    rank: int


def worst(
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    image_of_text: NDArray[np.int64],
    asked_by: Side,
    count: int,
) -> list[Wrong]:
    """The queries whose own pair stands furthest down, the worst first; each image once.

    Args:
        image: (n, d) unit rows.
        text: (m, d) unit rows.
        image_of_text: (m,) row of the image that a caption describes.
        asked_by: which side the queries are of.
        count: how many at most; only queries whose pair is not found first.
    """
    if asked_by == "text":
        above = text_to_image_ranks(image, text, image_of_text).above
        owners = image_of_text
    else:
        above = image_to_text_ranks(image, text, image_of_text).above
        owners = np.arange(len(image))
        above[np.bincount(image_of_text, minlength=len(image)) == 0] = 0  # nothing to be found
    told: list[Wrong] = []
    seen: set[int] = set()
    for query in np.argsort(-above, kind="stable"):
        owner = int(owners[query])
        if len(told) == count or above[query] == 0:
            break
        if owner in seen:
            continue
        seen.add(owner)
        scores = image @ text[query] if asked_by == "text" else text @ image[query]
        own = np.array([owner]) if asked_by == "text" else np.flatnonzero(image_of_text == owner)
        truth, found = int(own[scores[own].argmax()]), int(scores.argmax())
        told.append(
            Wrong(
                int(query),
                found,
                float(scores[found]),
                truth,
                float(scores[truth]),
                1 + int(above[query]),
            )
        )
    return told
