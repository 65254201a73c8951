"""Cross-modal retrieval as CLIP_benchmark defines it: one row an image, all captions kept.

Text to image: a caption's rank is its one image's place among all images. Image to text: an image's rank
is the best place of any of its captions among all captions. R@k is the share of queries whose rank is at
most k; 1 = best.

Ties (equal captions give equal embeddings) are resolved in expectation: a query whose positive shares its
score with t others hits at k with the chance that a random order would give, never by array position.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.schemas import RetrievalReport, RetrievalScores

KS: Final = (1, 5, 10)
_TIE: Final = 1e-6  # float32 dot products of equal rows agree to this
_CELLS: Final = 2**24  # scores held at once
_RESAMPLES: Final = 1000


@dataclass(frozen=True)
class Ranks:
    """Where each query's positive stands: ``above`` others score higher, ``tied`` others the same."""

    above: NDArray[np.int64]
    tied: NDArray[np.int64]

    def of(self, queries: NDArray[np.int64]) -> Ranks:
        """Those of some queries."""
        return Ranks(self.above[queries], self.tied[queries])

    def hits(self, k: int) -> NDArray[np.float64]:
        """(n,) chance that the positive is among the first k, 0 or 1 where nothing ties."""
        return np.clip((k - self.above) / (self.tied + 1), 0.0, 1.0)

    @property
    def middle(self) -> NDArray[np.float64]:
        """(n,) expected rank, from 1."""
        return 1 + self.above + self.tied / 2

    @property
    def reciprocal(self) -> NDArray[np.float64]:
        """(n,) expected 1 / rank: its mean over the places that a tie may take."""
        harmonic = np.cumsum(1 / np.arange(1, 2 + int((self.above + self.tied).max(initial=0))))
        below = np.where(self.above > 0, harmonic[self.above - 1], 0.0)
        mean: NDArray[np.float64] = (harmonic[self.above + self.tied] - below) / (self.tied + 1)
        return mean


def text_to_image_ranks(
    image: NDArray[np.float32], text: NDArray[np.float32], image_of_text: NDArray[np.int64]
) -> Ranks:
    """Rank of each caption's image among all images.

    Args:
        image: (n, d) unit rows.
        text: (m, d) unit rows.
        image_of_text: (m,) row of the image that a caption describes.
    """
    above, tied = np.empty(len(text), np.int64), np.empty(len(text), np.int64)
    for start, stop in _chunks(len(text), len(image)):
        scores = text[start:stop] @ image.T
        own = scores[np.arange(stop - start), image_of_text[start:stop]][:, None]
        # so that what is no number counts as above: it is never found
        above[start:stop] = (~(scores <= own + _TIE)).sum(axis=1)
        tied[start:stop] = np.maximum((np.abs(scores - own) <= _TIE).sum(axis=1) - 1, 0)
    return Ranks(above, tied)


def image_to_text_ranks(
    image: NDArray[np.float32], text: NDArray[np.float32], image_of_text: NDArray[np.int64]
) -> Ranks:
    """Rank of each image's best caption among all captions. Arguments as above."""
    order = np.argsort(image_of_text, kind="stable")
    text, owners = text[order], image_of_text[order]
    first = np.searchsorted(owners, np.arange(len(image)))
    last = np.searchsorted(owners, np.arange(len(image)), side="right")
    above, tied = np.empty(len(image), np.int64), np.empty(len(image), np.int64)
    for start, stop in _chunks(len(image), len(text)):
        scores = image[start:stop] @ text.T
        for row in range(start, stop):
            line = scores[row - start]
            own = line[first[row] : last[row]]
            if len(own) == 0:  # an image without a caption can never be found
                above[row], tied[row] = len(text), 0
                continue
            best = own.max()
            above[row] = (~(line <= best + _TIE)).sum()
            equal = np.abs(line - best) <= _TIE
            tied[row] = equal.sum() - equal[first[row] : last[row]].sum()
    return Ranks(above, tied)


def evaluate(
    image: NDArray[np.float32],
    text: NDArray[np.float32],
    image_of_text: NDArray[np.int64],
    split: str,
    seed: int = 0,
) -> RetrievalReport:
    """Both directions with chance levels and 95 % intervals.

    Args:
        image: (n, d) unit rows, one an image.
        text: (m, d) unit rows, one a caption.
        image_of_text: (m,) row of the image that a caption describes.
        split: name for the report.
        seed: of the bootstrap, which resamples images together with their captions.

    Raises:
        InvalidInput: a row is not finite.
    """
    if not (np.isfinite(image).all() and np.isfinite(text).all()):
        raise InvalidInput(
            f"The heads gave numbers that are not finite on the {split} split, so nothing can be scored. "
            "Launch the run again with a lower learning rate, or encode the items again in float32."
        )
    n, m = len(image), len(text)
    captions = np.bincount(image_of_text, minlength=n)
    image_rows = np.flatnonzero(captions)
    weights = _bootstrap_weights(n, seed)
    to_text = image_to_text_ranks(image, text, image_of_text)
    to_image = text_to_image_ranks(image, text, image_of_text)
    own = captions[image_rows]
    return RetrievalReport(
        split=split,
        images=n,
        captions=m,
        image_to_text=_scores(
            to_text.of(image_rows),
            image_rows,
            weights,
            {k: float(np.mean([_chance(m, int(c), k) for c in own])) for k in KS},
        ),
        text_to_image=_scores(to_image, image_of_text, weights, {k: min(1.0, k / n) for k in KS}),
    )


def mean_recall(
    image: NDArray[np.float32], text: NDArray[np.float32], image_of_text: NDArray[np.int64]
) -> dict[str, float]:
    """R@1, 5, 10 each way and their mean, without intervals: what checkpoints are chosen by."""
    ranks = {
        "image_to_text": image_to_text_ranks(image, text, image_of_text),
        "text_to_image": text_to_image_ranks(image, text, image_of_text),
    }
    values = {
        f"{way}/recall_at_{k}": float(rank.hits(k).mean())
        for way, rank in ranks.items()
        for k in KS
    }
    return values | {"mean_recall": float(np.mean(list(values.values())))}


def _scores(
    ranks: Ranks,
    owners: NDArray[np.int64],
    weights: NDArray[np.float64],
    chance: dict[int, float],
) -> RetrievalScores:
    queries = np.bincount(owners, minlength=weights.shape[1]).astype(np.float64)
    drawn = np.maximum(weights @ queries, 1)

    def estimate(values: NDArray[np.float64]) -> tuple[float, tuple[float, float]]:
        """Mean over queries, and its interval over images."""
        per_image = np.bincount(owners, weights=values, minlength=weights.shape[1])
        low, high = np.quantile((weights @ per_image) / drawn, [0.025, 0.975])
        return float(values.mean()), (float(low), float(high))

    recall, interval = {}, {}
    for k in KS:
        recall[k], interval[k] = estimate(ranks.hits(k))
    reciprocal, its_interval = estimate(ranks.reciprocal)
    return RetrievalScores(
        recall_at_1=recall[1],
        recall_at_5=recall[5],
        recall_at_10=recall[10],
        median_rank=float(np.median(ranks.middle)),
        chance_at_1=chance[1],
        chance_at_5=chance[5],
        chance_at_10=chance[10],
        interval_at_1=interval[1],
        interval_at_5=interval[5],
        interval_at_10=interval[10],
        mean_reciprocal_rank=reciprocal,
        interval_of_reciprocal_rank=its_interval,
    )


def _chance(captions: int, own: int, k: int) -> float:
    """Chance that a random order of ``captions`` puts one of ``own`` among the first k."""
    miss = 1.0
    for place in range(min(k, captions)):
        miss *= max(0, captions - own - place) / (captions - place)
    return 1 - miss


def _bootstrap_weights(n: int, seed: int) -> NDArray[np.float64]:
    """(resamples, n): how often each image is drawn."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(n, np.full(n, 1 / n), size=_RESAMPLES).astype(np.float64)


def _chunks(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    step = max(1, _CELLS // max(1, columns))
    for start in range(0, rows, step):
        yield start, min(rows, start + step)
