"""Which layers of two encoders, and which two encoders, are already alike before any training.

Layers by mutual kNN over all layer pairs, as STRUCTURE's layer search does it (unit rows, no clamping
of outliers), with what chance would give for the best of so many pairs. Encoders by linear CKA, as
freeze-align does it (features as they are, biased HSIC).

Give training pairs only: a layer or an encoder chosen on the pairs that are reported later has seen them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from backend.errors import InvalidInput
from backend.evaluation.calibration import (
    Matrix,
    best_of_layers,
    matrix,
    threshold_rank,
    with_identity,
)
from backend.evaluation.calibration import permutations as random_orders
from backend.evaluation.similarity import (
    LinearKernel,
    Lists,
    both_linear_cka,
    nearest_neighbours,
    shared_neighbours,
    unit_rows,
)
from backend.evaluation.similarity.preparation import check_aligned, check_finite
from backend.reporting import Report, part, silent

PAIRS: Final = 5000
_SEARCH: Final = (
    0.8  # share of the time that goes into the neighbours; the rest counts what is shared
)

Features: TypeAlias = NDArray[np.generic]
Rule: TypeAlias = Literal["rice", "sqrt", "sturges"]


@dataclass(frozen=True)
class LayerChoice:
    """The two layers that agree best, and how sure that is.

    Attributes:
        image, text: positions in the layers given, from 0.
        scores: (image layers, text layers) mutual kNN.
        calibrated: the same, each held against the best of all pairs under permutation: 0 where chance
            gives as much somewhere, 1 where all neighbours are shared.
        score, calibrated_score: of the chosen two.
        last: mutual kNN of the last layers, what is used without a search.
        chance: mutual kNN to expect of any one unrelated pair, k / (n - 1).
        null_mean: of the best pair's score under permutation; above ``chance``, being the best of many.
        threshold: what the best score has to exceed at the 5 % level.
        p: share of permutations whose best pair does at least as well.
        k: neighbours.
        pairs: items compared.
        permutations: of the pairs.
    """

    image: int
    text: int
    scores: Matrix
    calibrated: Matrix
    score: float
    calibrated_score: float
    last: float
    chance: float
    null_mean: float
    threshold: float
    p: float
    k: int
    pairs: int
    permutations: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return _plain(asdict(self))


@dataclass(frozen=True)
class PairChoice:
    """The two encoders that agree best.

    Attributes:
        image, text: their names.
        images, texts: all names, in the order of the rows and columns of the matrices.
        cka: (images, texts) linear CKA, biased HSIC.
        unbiased: the same with the unbiased HSIC; may fall below 0.
        score: of the chosen two, by the measure that chose.
        measure: "biased" or "unbiased".
        pairs: items compared.
    """

    image: str
    text: str
    images: tuple[str, ...]
    texts: tuple[str, ...]
    cka: Matrix
    unbiased: Matrix
    score: float
    measure: str
    pairs: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return _plain(asdict(self))


def select_layers(
    image_layers: Sequence[Features],
    text_layers: Sequence[Features],
    pairs: int = PAIRS,
    k: int | Rule = "rice",
    permutations: int = 200,
    seed: int = 0,
    report: Report = silent,
) -> LayerChoice:
    """The image layer and the text layer with the highest mutual kNN; of equals the later ones.

    Args:
        image_layers: each (n, d), row i the same item in all layers of both sides, one caption an item.
            They may be memory-mapped and in halves: one layer at a time is read and held.
        text_layers: as above.
        pairs: items to compare at most; a random choice of them where there are more.
        k: neighbours, or how many of n: "rice" ceil(2 n^(1/3)), "sqrt", "sturges".
        permutations: of the pairs, the same for all layers; the best pair is sought under each.
        seed: of the choice of items, the permutations and the order of equal neighbours.
        report: called with layer pairs done.

    Raises:
        InvalidInput: too few items, rows that do not correspond, or values that are not finite.
    """
    names = [
        *(f"image layer {number}" for number in range(len(image_layers))),
        *(f"text layer {number}" for number in range(len(text_layers))),
    ]
    n, rows = _items(image_layers, text_layers, names, pairs, seed)
    nearest = neighbour_count(n, k)
    threshold_rank(permutations)  # before the work rather than after it
    cells = len(image_layers) * len(text_layers)
    lists: list[Lists] = []
    for number, layer in enumerate((*image_layers, *text_layers)):
        features = _taken(layer, rows, names[number])
        span = (_SEARCH * number / len(names), _SEARCH * (number + 1) / len(names))
        told = part(report, cells, "layer pairs", *span)
        lists.append(
            nearest_neighbours(unit_rows(features), nearest, seed=(seed, 2, number), report=told)
        )
    shares = shared_neighbours(
        lists[: len(image_layers)],
        lists[len(image_layers) :],
        with_identity(random_orders(n, permutations, (seed, 1)), n),
        part(report, cells, "layer pairs", _SEARCH, 1.0),
    ) / (n * nearest)
    return _layer_choice(shares, nearest, n)


def select_pair(
    images: Mapping[str, Features],
    texts: Mapping[str, Features],
    pairs: int = PAIRS,
    unbiased: bool = False,
    seed: int = 0,
    report: Report = silent,
) -> PairChoice:
    """The image encoder and the text encoder with the highest linear CKA; of equals the first.

    Biased CKA, which freeze-align chooses by, is well above 0 for unrelated features unless the items
    are many times the dimensions, and the more so the wider the encoders are. Where items are fewer
    than some encoder's dimensions, choose by the unbiased one.

    Args:
        images: features (n, d) by encoder, row i the same item everywhere, not normalised. freeze-align
            takes the mean over all tokens of the last layer.
        texts: as above; freeze-align takes the mean over an image's captions.
        pairs: items to compare at most; a random choice of them where there are more.
        unbiased: choose by the unbiased estimate.
        seed: of the choice of items.
        report: called with encoder pairs done.

    Raises:
        InvalidInput: fewer than 4 items, rows that do not correspond, or values that are not finite.
    """
    names = [
        *(f"image encoder {name}" for name in images),
        *(f"text encoder {name}" for name in texts),
    ]
    features = [*images.values(), *texts.values()]
    n, rows = _items(features[: len(images)], features[len(images) :], names, pairs, seed)
    taken = (_taken(one, rows, name) for one, name in zip(features, names, strict=True))
    both = _all_cka(taken, len(images), len(texts), report)
    chosen = both[int(unbiased)]
    row, column = divmod(int(chosen.argmax()), len(texts))
    return PairChoice(
        image=[*images][row],
        text=[*texts][column],
        images=tuple(images),
        texts=tuple(texts),
        cka=matrix(both[0]),
        unbiased=matrix(both[1]),
        score=float(chosen[row, column]),
        measure="unbiased" if unbiased else "biased",
        pairs=n,
    )


def neighbour_count(n: int, k: int | Rule = "rice") -> int:
    """Neighbours to compare among n items.

    Raises:
        InvalidInput: no more than k + 1 items, so that all lists would hold nearly all items.
    """
    rules = {
        "rice": 2 * n ** (1 / 3),
        "sqrt": math.sqrt(n),
        "sturges": 1 + math.log2(max(1, n)),
    }
    if isinstance(k, str) and k not in rules:
        raise InvalidInput(
            f"There is no rule {k!r} for k; give a number or one of {', '.join(rules)}."
        )
    count = math.ceil(rules[k]) if isinstance(k, str) else k
    if count < 1:
        raise InvalidInput(f"{count} neighbours cannot be shared; take at least 1.")
    if n <= count + 1:
        raise InvalidInput(
            f"{n} pairs are too few to compare {count} neighbours of each; give at least {count + 2} "
            "pairs, better some hundreds."
        )
    return count


def _all_cka(
    features: Iterable[Features], images: int, texts: int, report: Report
) -> NDArray[np.float64]:
    """(2, images, texts) biased and unbiased linear CKA of the first ``images`` with the others."""
    cells, parts = images * texts, images + texts + images * texts

    def told(number: int) -> Report:
        """Of all products: one of each encoder with itself, one of each pair."""
        return part(report, cells, "encoder pairs", number / parts, (number + 1) / parts)

    kernels = [LinearKernel(one, told(number)) for number, one in enumerate(features)]
    both = np.empty((2, images, texts))
    for cell in range(cells):
        row, column = divmod(cell, texts)
        told_cell = told(images + texts + cell)
        both[:, row, column] = both_linear_cka(kernels[row], kernels[images + column], told_cell)
    report(cells, cells, "encoder pairs")
    return both


def _layer_choice(shares: NDArray[np.float64], k: int, n: int) -> LayerChoice:
    """From (1 + permutations, image layers, text layers), the true pairs first."""
    found = best_of_layers(shares)
    return LayerChoice(
        image=found.image,
        text=found.text,
        scores=matrix(shares[0]),
        calibrated=matrix(found.calibrated),
        score=found.best.observed,
        calibrated_score=found.best.score,
        last=float(shares[0, -1, -1]),
        chance=k / (n - 1),
        null_mean=found.best.null_mean,
        threshold=found.best.threshold,
        p=found.best.p,
        k=k,
        pairs=n,
        permutations=len(shares) - 1,
    )


def _items(
    first: Sequence[Features],
    second: Sequence[Features],
    names: Sequence[str],
    pairs: int,
    seed: int,
) -> tuple[int, NDArray[np.int64] | None]:
    """How many items to compare, and which rows they are; None: all."""
    if not first or not second:
        raise InvalidInput("There is nothing to choose from; give features for both sides.")
    n = check_aligned([*first, *second], names, 4)
    if pairs < 4:
        raise InvalidInput(
            f"{pairs} pairs are too few to compare representations; take at least 4."
        )
    if n <= pairs:
        return n, None
    return pairs, np.sort(np.random.default_rng((seed, 0)).choice(n, pairs, replace=False))


def _taken(features: Features, rows: NDArray[np.int64] | None, name: str) -> Features:
    taken = np.asarray(features) if rows is None else np.asarray(features[rows])
    check_finite(taken, name)
    return taken


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return [plain(one) for one in value] if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in values.items()}
