"""Counterfactual captions: one word is swapped for another, and what becomes of the caption.

Where a run knows what the word means, the changed caption fits its image less; where it does not, the
two fit alike, and the embedding hardly moves. How far it moves is held against how far two people's
captions of one image lie apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.enrichment import wilson
from backend.evaluation.retrieval import text_to_image_ranks
from backend.schemas import CounterfactualReport, CounterfactualShift, Proportion, Swap

#: images that an interval needs
LEAST: Final = 10
_TIE: Final = 1e-6  # as retrieval has it
_RESAMPLES: Final = 1000
_CELLS: Final = 2**22  # draws held at once

Values = NDArray[np.float64]
Rows = NDArray[np.int64]


class Measured(NamedTuple):
    """What each of s swaps did.

    Attributes:
        change: (s,) cosine with the image, before minus after.
        noticed: (s,) 1 where that is positive, 1/2 where nothing changed.
        moved: (s,) 1 - cosine of the caption before and after.
        before, after: (s,) whether the image is found first, in expectation.
        owners: (s,) the image's row.
    """

    change: Values
    noticed: Values
    moved: Values
    before: Values
    after: Values
    owners: Rows

    def of(self, rows: Rows) -> Measured:
        """Those of some swaps."""
        return Measured(
            self.change[rows],
            self.noticed[rows],
            self.moved[rows],
            self.before[rows],
            self.after[rows],
            self.owners[rows],
        )


def shifts(
    swaps: Sequence[Swap],
    image: NDArray[np.float32],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    image_of_swap: Rows,
    paraphrase: float | None = None,
    seed: int = 0,
) -> CounterfactualReport:
    """All swaps together, and those of each pair of words and direction.

    Args:
        swaps: s of them.
        image: (n, d) unit rows, all that is searched.
        before: (s, d) embeddings of the captions.
        after: (s, d) of the changed ones.
        image_of_swap: (s,) row of the image that each caption describes.
        paraphrase: see :func:`paraphrase_distance`.
        seed: of the bootstrap.

    Raises:
        InvalidInput: there are no swaps.
    """
    if not swaps:
        raise InvalidInput(
            "None of the captions has any of the words to swap; add pairs of words that they use."
        )
    measured = _measured(image, before, after, image_of_swap)
    groups: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
    for number, swap in enumerate(swaps):
        groups[swap.before, swap.after, swap.both].append(number)
    return CounterfactualReport(
        gallery=len(image),
        chance_at_1=1 / len(image),
        paraphrase=paraphrase,
        total=_shift(("", "", False), measured.of(_told_apart(swaps)), paraphrase, seed),
        pairs=tuple(
            _shift(words, measured.of(np.array(rows)), paraphrase, seed)
            for words, rows in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
        ),
    )


def _told_apart(swaps: Sequence[Swap]) -> Rows:
    """Those that may make a caption false: with words of both sides it often stays true."""
    rows = np.flatnonzero([not swap.both for swap in swaps])
    return rows if len(rows) else np.arange(len(swaps))


def shift(
    image: NDArray[np.float32],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    image_of_swap: Rows,
    paraphrase: float | None = None,
    seed: int = 0,
) -> CounterfactualShift:
    """Of at least one swap, together. Arguments as above."""
    measured = _measured(image, before, after, image_of_swap)
    return _shift(("", "", False), measured, paraphrase, seed)


def paraphrase_distance(text: NDArray[np.float32], image_of_text: Rows) -> float | None:
    """Mean 1 - cosine of two captions of one image, each image once; None where none has two.

    Args:
        text: (m, d) unit rows.
        image_of_text: (m,) row of the image that a caption describes.
    """
    order = np.argsort(image_of_text, kind="stable")
    _, starts, counts = np.unique(image_of_text[order], return_index=True, return_counts=True)
    several = counts > 1
    if not several.any():
        return None
    sums = np.add.reduceat(text[order].astype(np.float64), starts, axis=0)[several]
    own = np.add.reduceat((text[order].astype(np.float64) ** 2).sum(axis=1), starts)[several]
    # |sum|^2 is the captions' own squares and each pair twice
    pairs = ((sums**2).sum(axis=1) - own) / (counts[several] * (counts[several] - 1))
    return float(1 - pairs.mean())


def _measured(
    image: NDArray[np.float32],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    owners: Rows,
) -> Measured:
    own = image[owners].astype(np.float64)
    change = (own * (before.astype(np.float64) - after)).sum(axis=1)
    return Measured(
        change=change,
        noticed=np.where(np.abs(change) <= _TIE, 0.5, change > 0),
        moved=1 - (before.astype(np.float64) * after).sum(axis=1),
        before=text_to_image_ranks(image, before, owners).hits(1),
        after=text_to_image_ranks(image, after, owners).hits(1),
        owners=owners,
    )


def _shift(
    words: tuple[str, str, bool], measured: Measured, paraphrase: float | None, seed: int
) -> CounterfactualShift:
    images = len(np.unique(measured.owners))
    enough = images >= LEAST
    found = measured.after - measured.before
    noticed, moved = float(measured.noticed.mean()), float(measured.moved.mean())
    intervals = _intervals(np.stack([measured.change, found], axis=1), measured.owners, seed)
    return CounterfactualShift(
        before=words[0],
        after=words[1],
        both=words[2],
        count=len(found),
        images=images,
        change=float(measured.change.mean()),
        change_interval=intervals[0] if enough else None,
        noticed=Proportion(value=noticed, count=len(found), interval=wilson(noticed, images)),
        moved=moved,
        moved_relative=moved / paraphrase if paraphrase else None,
        recall_before=float(measured.before.mean()),
        recall_after=float(measured.after.mean()),
        recall_change=float(found.mean()),
        recall_interval=intervals[1] if enough else None,
    )


def _intervals(values: Values, owners: Rows, seed: int) -> list[tuple[float, float]]:
    """95 % intervals of the means of the columns (s, c), by drawing images with their swaps."""
    _, places = np.unique(owners, return_inverse=True)
    counts = np.bincount(places)
    sums = np.stack([np.bincount(places, column) for column in values.T], axis=1)
    images = len(counts)
    draw = np.random.default_rng(seed)
    means = np.empty((_RESAMPLES, values.shape[1]))
    step = max(1, _CELLS // images)
    for start in range(0, _RESAMPLES, step):
        some = min(step, _RESAMPLES - start)
        weights = draw.multinomial(images, np.full(images, 1 / images), size=some).astype(float)
        means[start : start + some] = (weights @ sums) / (weights @ counts)[:, None]
    return [(float(low), float(high)) for low, high in np.quantile(means, [0.025, 0.975], axis=0).T]
