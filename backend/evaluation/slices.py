"""Error slices: what the queries that fail have in common.

    by word      every word of the captions and every value of an attribute that enough queries have
    by region    k-means clusters of the embeddings of all queries, made without a look at what failed

A slice is told where queries inside fail more often than those outside, at a false discovery rate of
5 % (:mod:`backend.evaluation.enrichment`; words and attributes are one family of tests, regions another).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.enrichment import design_effect, enrichment, intraclass, wilson
from backend.evaluation.retrieval import image_to_text_ranks, text_to_image_ranks
from backend.evaluation.words import distinctive, said
from backend.reporting import Report, silent
from backend.schemas import Side, Slice, SliceReport

K: Final = 5
FALSE_DISCOVERIES: Final = 0.05
#: queries that a word needs, and what share of all
LEAST: Final = 10
LEAST_SHARE: Final = 0.01
EXAMPLES: Final = 8
NAMED_BY: Final = 5
_REGIONS: Final = (8, 40)
_VALUES: Final = 2**25  # of the rows that regions are made of; the others join the nearest
_CELLS: Final = 2**24  # scores held at once

Rows = NDArray[np.int64]


class Asked(NamedTuple):
    """The queries of one side, q of them.

    Attributes:
        rows: each one's place among the items of its side.
        owners: the image it belongs to.
        failed: whether its pair is more likely than not beyond the first k (likely, as equals tie).
        above: how many stand before its pair.
        vectors: (q, d).
        words: what it says, or what the captions of it say.
        chance: rate of failures in a random order.
    """

    rows: Rows
    owners: Rows
    failed: NDArray[np.bool_]
    above: Rows
    vectors: NDArray[np.float32]
    words: list[frozenset[str]]
    chance: float


class Group(NamedTuple):
    """Queries that have something in common: places among those asked, in the order to show them in."""

    kind: Literal["word", "attribute", "region"]
    name: str
    rows: Rows


def slices(
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    image_of_text: Rows,
    captions: Sequence[str],
    attributes: Sequence[Mapping[str, str]],
    asked_by: Side,
    k: int = K,
    seed: int = 0,
    report: Report = silent,
) -> SliceReport:
    """Both kinds, for the queries of one side.

    Args:
        image: (n, d) unit rows.
        text: (m, d) unit rows.
        image_of_text: (m,) row of the image that a caption describes.
        captions: (m,) in words.
        attributes: (n,) of the images; a caption has those of its image.
        asked_by: which side the queries are of; an image says what any of its captions says.
        k: a query fails whose pair is not among the first k.
        seed: of k-means.
        report: called with steps done.
    """
    report(0, 3, "steps")
    asked = _asked(image, text, image_of_text, captions, asked_by, k)
    rho = intraclass(asked.failed, asked.owners)
    report(1, 3, "steps")
    named = _named(asked, attributes)
    words = _significant(asked, named, rho)
    report(2, 3, "steps")
    regions = list(_regions(asked, seed))
    places = _significant(asked, regions, rho)
    report(3, 3, "steps")
    rate = float(asked.failed.mean())
    effect = design_effect(np.bincount(asked.owners), rho)
    return SliceReport(
        asked_by=asked_by,
        k=k,
        queries=len(asked.rows),
        images=len(np.unique(asked.owners)),
        failures=int(asked.failed.sum()),
        rate=rate,
        interval=wilson(rate, len(asked.rows) / effect),
        chance=asked.chance,
        intraclass=rho,
        words_tested=len(named),
        words=words,
        regions_tested=len(regions),
        regions=places,
    )


def _asked(
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    image_of_text: Rows,
    captions: Sequence[str],
    asked_by: Side,
    k: int,
) -> Asked:
    from scipy.stats import hypergeom

    words = said(captions)
    if asked_by == "text":
        ranks = text_to_image_ranks(image, text, image_of_text)
        rows, owners, vectors = np.arange(len(text)), image_of_text, text
        chance = 1 - min(1.0, k / len(image))
    else:
        own = np.bincount(image_of_text, minlength=len(image))
        rows = owners = np.flatnonzero(own)  # others have nothing to be found
        ranks, vectors = image_to_text_ranks(image, text, image_of_text).of(rows), image[rows]
        chance = float(hypergeom.pmf(0, len(text), own[rows], min(k, len(text))).mean())
        theirs: dict[int, frozenset[str]] = dict.fromkeys(rows.tolist(), frozenset())
        for owner, one in zip(image_of_text.tolist(), words, strict=True):
            theirs[owner] |= one
        words = list(theirs.values())
    return Asked(rows, owners, ranks.hits(k) < 0.5, ranks.above, vectors, words, chance)


def _named(asked: Asked, attributes: Sequence[Mapping[str, str]]) -> list[Group]:
    """Words and values of attributes that enough queries have, but not all; worst answered first."""
    found: dict[tuple[Literal["word", "attribute"], str], list[int]] = {}
    for query in np.argsort(-asked.above, kind="stable").tolist():
        for word in asked.words[query]:
            found.setdefault(("word", word), []).append(query)
        for name, value in attributes[int(asked.owners[query])].items():
            found.setdefault(("attribute", f"{name}: {value}"), []).append(query)
    least = max(LEAST, LEAST_SHARE * len(asked.rows))
    return [
        Group(kind, name, np.array(queries))
        for (kind, name), queries in found.items()
        if least <= len(queries) < len(asked.rows)
    ]


def _regions(asked: Asked, seed: int) -> Iterator[Group]:
    """Each cluster that has any queries, the nearest to its centre first."""
    from sklearn.cluster import KMeans

    vectors = asked.vectors
    draw = np.random.default_rng(seed)
    fitted = vectors[
        np.sort(draw.permutation(len(vectors))[: max(100, _VALUES // vectors.shape[1])])
    ]
    count = int(np.clip(round(np.sqrt(len(vectors) / 2)), *_REGIONS))
    count = min(count, len({row.tobytes() for row in fitted}))
    means = KMeans(count, n_init=1, random_state=seed).fit(fitted)
    centres = means.cluster_centers_
    nearest = np.empty(len(vectors), np.int64)
    distances = np.empty(len(vectors), np.float32)
    step = max(1, _CELLS // max(count, vectors.shape[1]))
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step]
        squares = (block**2).sum(axis=1)[:, None] + (centres**2).sum(axis=1) - 2 * block @ centres.T
        nearest[start : start + step] = squares.argmin(axis=1)
        distances[start : start + step] = squares.min(axis=1)
    for region in range(count):
        rows = np.flatnonzero(nearest == region)
        if len(rows):
            yield Group("region", "", rows[np.argsort(distances[rows], kind="stable")])


def _significant(asked: Asked, groups: Sequence[Group], rho: float) -> tuple[Slice, ...]:
    """Those that fail more often than the rest, the largest excess first."""
    told: list[Slice] = []
    tested = enrichment([group.rows for group in groups], asked.failed, asked.owners, rho)
    for group, found in zip(groups, tested, strict=True):
        if found.q >= FALSE_DISCOVERIES:
            continue
        inside = np.zeros(len(asked.rows), np.bool_)
        inside[group.rows] = True
        words = [
            word
            for word in distinctive(asked.words, inside, NAMED_BY + 1)
            if (group.kind, group.name) != ("word", word)
        ][:NAMED_BY]
        told.append(
            Slice(
                kind=group.kind,
                name=group.name or ", ".join(words) or "no words of its own",
                words=tuple(words),
                examples=_examples(asked, group.rows),
                **found._asdict(),
            )
        )
    return tuple(sorted(told, key=lambda one: (-one.excess, one.name)))


def _examples(asked: Asked, queries: Rows) -> tuple[int, ...]:
    """The first of these that fail, each image once."""
    chosen: dict[int, int] = {}
    for query in queries[asked.failed[queries]].tolist():
        chosen.setdefault(int(asked.owners[query]), int(asked.rows[query]))
        if len(chosen) == EXAMPLES:
            break
    return tuple(chosen.values())
