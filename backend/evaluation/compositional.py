"""Compositional understanding: is what is true of a picture nearer to it than what is nearly so?

    SugarCrepe (Hsieh et al. 2023)      accuracy: s(I, P) > s(I, N)
    SugarCrepe++ (Dumpala et al. 2024)  itt: s(I, P1) > s(I, N) and s(I, P2) > s(I, N)
                                        tot: s(P1, P2) > s(P1, N) and s(P1, P2) > s(P2, N)
    Winoground (Thrush et al. 2022)     text: each picture prefers its caption; image: each caption
                                        prefers its picture; group: both

s is the cosine. Equal scores are wrong, as published; a share "expected" puts them in a random order, so
that scores that are all equal reach chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import comb
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.subset_shares import Answers, Numbers, SubsetShares, subset_shares
from backend.schemas import CompositionalTask

#: by how much cosines of float32 rows differ by rounding: less is equal
TIE: Final = 1e-6
_CELLS: Final = 2**22  # numbers held at once

Rows = NDArray[np.floating]


class Scored(NamedTuple):
    """A benchmark's shares.

    Attributes:
        shares: by subset, over all, and as the subsets' mean.
        margin: (n,) the worst score of what is true with the picture less the best of what is false; of
            Winoground over its four scores. Above 0 where accuracy, itt or group is right.
        undecided: (n,) examples that equal scores leave undecided in a task.
    """

    shares: SubsetShares
    margin: Numbers
    undecided: NDArray[np.bool_]


def sugarcrepe(
    image: Rows,
    positive: Rows,
    negative: Rows,
    image_of: NDArray[np.int64],
    subsets: Sequence[str],
    seed: int = 0,
) -> Scored:
    """SugarCrepe's accuracy.

    Args:
        image, positive, negative: (n, d) unit rows: each example's picture and captions.
        image_of: (n,) which examples are of one picture.
        subsets: (n,) names.
        seed: of the bootstrap.

    Raises:
        InvalidInput: a row is not finite.
    """
    _check(image, positive, negative)
    true, false = _dots(image, positive)[:, None], _dots(image, negative)[:, None]
    return _scored({"accuracy": _above(true, false)}, true, false, image_of, subsets, seed)


def triplets(
    image: Rows,
    positive: Rows,
    second: Rows,
    negative: Rows,
    image_of: NDArray[np.int64],
    subsets: Sequence[str],
    before: tuple[Rows, Rows, Rows] | None = None,
    seed: int = 0,
) -> Scored:
    """SugarCrepe++'s image-text and text-only task; so, too, for the built-in scenes.

    Args:
        image, positive, second, negative: (n, d) unit rows.
        image_of: (n,) which examples are of one picture.
        subsets: (n,) names.
        before: (n, D) features of the three captions from the frozen text encoder, of any length:
            what the text-only task gives without the head, as ``tot_before``.
        seed: of the bootstrap.

    Raises:
        InvalidInput: a row is not finite.
    """
    _check(image, positive, second, negative, *(before or ()))
    true = np.stack([_dots(image, positive), _dots(image, second)], axis=1)
    false = _dots(image, negative)[:, None]
    answers: dict[CompositionalTask, Answers] = {"itt": _above(true, false)}
    answers["tot"] = _text_only(positive, second, negative)
    if before is not None:
        answers["tot_before"] = _text_only(*(_unit(rows) for rows in before))
    return _scored(answers, true, false, image_of, subsets, seed)


def winoground(image: Rows, text: Rows, tags: Sequence[str], seed: int = 0) -> Scored:
    """Winoground's text, image and group score.

    Args:
        image, text: (n, 2, d) unit rows: text[:, k] is true of image[:, k] and false of the other.
        tags: (n,) names of the subsets.
        seed: of the bootstrap, over examples.

    Raises:
        InvalidInput: a row is not finite.
    """
    _check(image, text)
    # own[:, k]: caption k with picture k; other[:, k]: caption k with the other picture
    own = np.stack([_dots(text[:, k], image[:, k]) for k in (0, 1)], axis=1)
    other = np.stack([_dots(text[:, k], image[:, 1 - k]) for k in (0, 1)], axis=1)
    answers: dict[CompositionalTask, Answers] = {
        "text": _both(*(_above(own[:, [k]], other[:, [1 - k]]) for k in (0, 1))),
        "image": _both(*(_above(own[:, [k]], other[:, [k]]) for k in (0, 1))),
        "group": _above(own, other),
    }
    return _scored(answers, own, other, np.arange(len(image)), tags, seed)


def _scored(
    answers: Mapping[CompositionalTask, Answers],
    true: Numbers,
    false: Numbers,
    image_of: NDArray[np.int64],
    subsets: Sequence[str],
    seed: int,
) -> Scored:
    return Scored(
        subset_shares(answers, image_of, subsets, seed),
        true.min(axis=1) - false.max(axis=1),
        np.any([each.undecided for each in answers.values()], axis=0),
    )


def _text_only(positive: Rows, second: Rows, negative: Rows) -> Answers:
    true = _dots(positive, second)[:, None]
    false = np.stack([_dots(positive, negative), _dots(second, negative)], axis=1)
    return _above(true, false)


def _above(true: Numbers, false: Numbers) -> Answers:
    """Whether all of the first, (n, a), are above all of the second, (n, b).

    Where the least of the first equals the best of the second, i of one and j of the other, they are in
    the right order in 1 of (i + j over i) orders.
    """
    least, best = true.min(axis=1), false.max(axis=1)
    right = least > best + TIE
    ways = np.array([[comb(i + j, i) for j in range(3)] for i in range(3)])
    low = (true <= least[:, None] + TIE).sum(axis=1)
    high = (false >= best[:, None] - TIE).sum(axis=1)
    expected = np.where(right, 1.0, np.where(least < best - TIE, 0.0, 1 / ways[low, high]))
    return Answers(right.astype(np.float64), expected)


def _both(one: Answers, two: Answers) -> Answers:
    return Answers(one.right * two.right, one.expected * two.expected)


def _dots(one: Rows, two: Rows) -> Numbers:
    """(n,) inner products of the rows, in double precision."""
    found = np.empty(len(one))
    step = max(1, _CELLS // max(1, one.shape[1]))
    for start in range(0, len(one), step):
        block = one[start : start + step].astype(np.float64), two[start : start + step]
        found[start : start + step] = (block[0] * block[1]).sum(axis=1)
    return found


def _unit(rows: Rows) -> Numbers:
    exact = rows.astype(np.float64)
    # a row of zeros is equally far from all
    unit: Numbers = exact / np.maximum(np.linalg.norm(exact, axis=1, keepdims=True), 1e-30)
    return unit


def _check(*rows: Rows) -> None:
    if not all(np.isfinite(each).all() for each in rows):
        raise InvalidInput(
            "The heads gave numbers that are not finite on the benchmark, so nothing can be scored. "
            "Launch the run again with a lower learning rate, or encode the items again in float32."
        )
