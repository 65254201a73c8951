"""Answers of one modality to a query, among the rows that filters leave, with or without near-duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.exploration.gallery import Gallery
from backend.exploration.indexes import IndexFacts
from backend.schemas import Answers, IndexNote, Side

#: Cosine from which an answer shows what a better one has shown. In the demonstration's space and two others
#: of the same scenes, a picture saved anew as JPEG (quality 75) or at half its size has 0.99 with itself at
#: the median; of 300 different pictures no two reach 0.98 (the 99th percentile of nearest ones is 0.81 to
#: 0.95), and captions only with the same words. Identical files have equal features, and so 1.
NEAR_DUPLICATE: Final = 0.98
#: so many of the best are looked at where near-duplicates are left out
_DEEPEST: Final = 2000

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]


def answers(
    gallery: Gallery,
    query: NDArray[np.float32],
    side: Side,
    k: int,
    among: Rows | None = None,
    truth: str | None = None,
    hide_duplicates: bool = False,
) -> Answers:
    """The k best items of a modality, each with its rank among those that were searched.

    Args:
        query: (d,) unit vector.
        among: rows that are searched, rising; None for all.
        truth: image id of the query's own pair: its items are marked, and their rank among all of the
            modality is told.
        hide_duplicates: leaves out what is nearly the same as a better answer; ranks have gaps there.
    """
    index = gallery.indexes[side]
    searched = len(index) if among is None else len(among)
    if not searched:
        found = _Found([], [], [], 0)
    elif hide_duplicates:
        found = _distinct(gallery, query, side, k, among)
    else:
        found = _found(*index.search(query[None], k, among))
    hits = gallery.hits(side, found.rows, found.scores, found.ranks, truth)
    whole = hits if among is None and not found.left_out else ()
    return Answers(
        side=side,
        hits=hits,
        gallery=len(index),
        searched=searched,
        duplicates=found.left_out,
        index=note(index.facts),
        truth_rank=gallery.truth_rank(query, side, truth, whole) if truth else None,
    )


def note(facts: IndexFacts) -> IndexNote:
    """What searched, as a person is told."""
    return IndexNote(
        kind=facts.kind,
        exact=facts.recall_at_10 is None,
        recall_at_10=facts.recall_at_10,
        queries=facts.queries,
    )


def distinct(vectors: Vectors, said: Sequence[str], k: int) -> tuple[list[int], int]:
    """Greedily, from the best on, what is not nearly the same as something better that is kept.

    Args:
        vectors: (m, d) unit rows, best first.
        said: the words of each, empty where there are none; the same words are the same answer,
            whatever their vectors, upper and lower case and blanks apart.
        k: how many are kept.

    Returns:
        Places that are kept, and how many before the last of them are not.
    """
    kept: list[int] = []
    near = np.zeros(len(vectors), bool)
    heard: set[str] = set()
    looked_at = 0
    for place, text in enumerate(said):
        if len(kept) == k:
            break
        looked_at += 1
        words = " ".join(text.casefold().split())
        if near[place] or (words and words in heard):
            continue
        kept.append(place)
        near |= vectors @ vectors[place] >= NEAR_DUPLICATE
        heard.add(words)
    return kept, looked_at - len(kept)


class _Found(NamedTuple):
    """Rows that are shown, and how many better ones than the last of them are not."""

    rows: Sequence[int]
    scores: Sequence[float]
    ranks: Sequence[int]
    left_out: int


def _found(rows: Rows, scores: Vectors) -> _Found:
    return _Found(rows[0].tolist(), scores[0].tolist(), range(1, rows.shape[1] + 1), 0)


def _distinct(
    gallery: Gallery, query: NDArray[np.float32], side: Side, k: int, among: Rows | None
) -> _Found:
    """Looks deeper until k are kept, or all that may be looked at are."""
    index = gallery.indexes[side]
    most = min(_DEEPEST, len(index) if among is None else len(among))
    depth = min(2 * k, most)
    while True:
        (rows,), (scores,) = index.search(query[None], depth, among)
        said = [gallery.said(index.ids[row]) for row in rows]
        kept, left_out = distinct(index.vectors()[rows], said, k)
        if len(kept) == k or depth == most:
            ranks = [place + 1 for place in kept]
            return _Found(rows[kept].tolist(), scores[kept].tolist(), ranks, left_out)
        depth = min(2 * depth, most)
