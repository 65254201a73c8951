"""Shares of right answers by subset and over all, with intervals over pictures.

Several examples may be of one picture, so pictures are resampled with all their examples (Efron and
Tibshirani 1993), the same draw for every subset and task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.evaluation.enrichment import with_width
from backend.schemas import CompositionalShare, CompositionalSubset, CompositionalTask

#: of scores in a random order
CHANCE: Final[dict[CompositionalTask, float]] = {
    "accuracy": 1 / 2,
    "itt": 1 / 3,
    "tot": 1 / 3,
    "tot_before": 1 / 3,
    "text": 1 / 4,
    "image": 1 / 4,
    "group": 1 / 6,
}
_RESAMPLES: Final = 1000
_CELLS: Final = 2**22  # draws held at once

Numbers = NDArray[np.float64]
Shares = dict[CompositionalTask, CompositionalShare]


class Answers(NamedTuple):
    """Which examples are right, (n,) 0 or 1; and how likely in a random order of equal scores."""

    right: Numbers
    expected: Numbers

    @property
    def undecided(self) -> NDArray[np.bool_]:
        """(n,) which examples equal scores leave undecided."""
        return (self.expected > 0) & (self.expected < 1)


class SubsetShares(NamedTuple):
    """Shares of every task: of each subset, over all examples, and as the mean of the subsets'."""

    subsets: tuple[CompositionalSubset, ...]
    overall: Shares
    mean_of_subsets: Shares


def subset_shares(
    answers: Mapping[CompositionalTask, Answers],
    image_of: NDArray[np.int64],
    subsets: Sequence[str],
    seed: int = 0,
) -> SubsetShares:
    """Counts the answers.

    Args:
        answers: of n examples, by task.
        image_of: (n,) which examples are of one picture.
        subsets: (n,) names; subsets are told in the order they first come.
        seed: of the bootstrap.
    """
    names = {name: place for place, name in enumerate(dict.fromkeys(subsets))}
    _, owner = np.unique(image_of, return_inverse=True)
    codes = np.array([names[name] for name in subsets])
    right, expected, undecided = (
        np.stack([_tally(getattr(each, of), owner, codes) for each in answers.values()])
        for of in ("right", "expected", "undecided")
    )
    count = _tally(np.ones(len(owner)), owner, codes)
    shares = _shares(list(answers), right, expected, undecided, count, seed)
    return SubsetShares(
        tuple(
            CompositionalSubset(name=name, examples=int(count[:, row].sum()), scores=shares[row])
            for name, row in names.items()
        ),
        shares[-2],
        shares[-1],
    )


def _tally(
    values: Numbers | NDArray[np.bool_], owner: NDArray[np.int64], codes: NDArray[np.int64]
) -> Numbers:
    """(pictures, subsets) sums of values of examples."""
    sums = np.zeros((owner.max() + 1, codes.max() + 1))
    np.add.at(sums, (owner, codes), values)
    return sums


def _shares(
    tasks: Sequence[CompositionalTask],
    right: Numbers,
    expected: Numbers,
    undecided: Numbers,
    count: Numbers,
    seed: int,
) -> list[Shares]:
    """One of each subset, then over all examples, then the mean of the subsets.

    Args:
        right, expected, undecided: (tasks, pictures, subsets) sums over examples.
        count: (pictures, subsets) examples.
    """
    once = np.ones((1, len(count)))
    value, likely = (_averages(once, sums, count)[:, 0] for sums in (right, expected))
    low, high = _intervals(right, count, seed)
    of_each = count.sum(axis=0)
    counts = [*of_each, of_each.sum(), of_each.sum()]
    pictures = [*(count > 0).sum(axis=0).tolist(), len(count), len(count)]
    rows: list[Shares] = [{} for _ in counts]
    for place, task in enumerate(tasks):
        ties = undecided[place].sum(axis=0)
        tied = [*ties, ties.sum(), ties.sum()]
        for row, shares in enumerate(rows):
            shares[task] = CompositionalShare(
                value=float(value[place, row]),
                interval=with_width(
                    (float(low[place, row]), float(high[place, row])),
                    float(value[place, row]),
                    pictures[row],
                ),
                expected=float(likely[place, row]),
                tied=int(tied[row]),
                count=int(counts[row]),
                chance=CHANCE[task],
            )
    return rows


def _averages(weights: Numbers, sums: Numbers, count: Numbers) -> Numbers:
    """(tasks, w, subsets + 2): of each subset, over all, and of the subsets.

    Args:
        weights: (w, pictures) how often each counts. A subset of which none counts has no average.
        sums: (tasks, pictures, subsets).
        count: (pictures, subsets).
    """
    right, drawn = weights @ sums, weights @ count
    with np.errstate(invalid="ignore"):
        each = right / drawn
    overall = right.sum(axis=-1) / drawn.sum(axis=-1)
    return np.concatenate([each, overall[..., None], np.nanmean(each, axis=-1)[..., None]], axis=-1)


def _intervals(sums: Numbers, count: Numbers, seed: int) -> Numbers:
    """(2, tasks, subsets + 2): 95 % of what resampled pictures give."""
    pictures = len(count)
    draw, chances = np.random.default_rng(seed), np.full(pictures, 1 / pictures)
    step = max(1, _CELLS // pictures)
    parts = []
    for start in range(0, _RESAMPLES, step):
        times = draw.multinomial(pictures, chances, size=min(step, _RESAMPLES - start))
        parts.append(_averages(times.astype(np.float64), sums, count))
    bounds: Numbers = np.nanquantile(np.concatenate(parts, axis=1), [0.025, 0.975], axis=1)
    return bounds
