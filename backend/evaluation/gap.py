"""The modality-gap slider: what is won and lost as the offset between the two sides is taken away.

    delta = mean(u) - mean(v),   u' = (u - a/2 delta) / |.|,   v' = (v + a/2 delta) / |.|

for unit image embeddings u, caption embeddings v and a share a in [0, 1] (Liang et al. 2022). The offset
is that of the validation split: estimated on the split that is searched, it would have seen its answers.

A gap need not hurt retrieval, and taking it away need not help. What it hurts is a search among both
modalities at once (:mod:`backend.evaluation.mixed`), which is measured beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.errors import Fault, InvalidInput
from backend.evaluation.geometry import modality_gap
from backend.evaluation.mixed import chance_of, kin_of, mixed, places_of
from backend.evaluation.paired import Answered, Embedded, answered, compare
from backend.evaluation.retrieval import KS
from backend.evaluation.similarity import unit_rows
from backend.reporting import Report, silent
from backend.schemas import GapPoint, GapReport, GapScore

SHARES: Final = tuple(round(0.1 * step, 1) for step in range(11))
#: captions that search the mixed gallery; drawn by the seed where there are more
MIXED_QUERIES: Final = 2500

Rows = NDArray[np.float32]
Offset = NDArray[np.floating]


def offset(image: Rows, text: Rows) -> NDArray[np.float64]:
    """(d,) mean of the images (n, d) - mean of the captions (m, d); of the validation split."""
    difference: NDArray[np.float64] = image.mean(axis=0, dtype=np.float64) - text.mean(
        axis=0, dtype=np.float64
    )
    return difference


def moved(image: Rows, text: Rows, offset: Offset, share: float) -> tuple[Rows, Rows]:
    """Both sides moved towards each other by half of this share of the offset, and of length one again.

    Args:
        image, text: unit rows (n, d) and (m, d).
        offset: (d,) from the captions to the images.
        share: 0 gives the rows themselves.
    """
    if share == 0:
        return image, text
    half = share / 2 * offset
    return _unit(image - half), _unit(text + half)


def gap_curve(
    image: Rows,
    text: Rows,
    image_of_text: NDArray[np.int64],
    offset: Offset,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
    report: Report = silent,
    said: NDArray[np.int64] | None = None,
) -> GapReport:
    """Gap, retrieval and mixed retrieval of a split at each share.

    Args:
        image: (n, d) unit rows.
        text: (m, d) unit rows.
        image_of_text: (m,) row of the image that a caption describes.
        offset: (d,) of :func:`offset`, estimated on the validation split.
        shares: of the offset, each in [0, 1].
        seed: of the bootstrap, and of which captions search both modalities where there are many.
        report: called with shares done.
        said: (m,) equal where captions are the same words; None where no two are.

    Raises:
        InvalidInput: a share out of range, an offset of another width, or values that are not finite.
    """
    _check(image, text, offset, shares)
    queries = np.random.default_rng(seed).permutation(len(text))[:MIXED_QUERIES]
    queries.sort()
    kin = image_of_text if said is None else kin_of(image_of_text, said)
    places = places_of(len(image), kin)
    report(0, len(shares), "shares")
    untouched = _answers((image, text, image_of_text), queries, places, kin)
    spaces, answers = [], []
    for number, share in enumerate(shares):
        space = *moved(image, text, offset, share), image_of_text
        answers.append(_answers(space, queries, places, kin) if share else untouched)
        spaces.append(_told(space))
        report(number + 1, len(shares), "shares")
    scores = _scores(untouched, answers, seed)
    return GapReport(
        images=len(image),
        captions=len(text),
        mixed_queries=len(queries),
        places=places,
        offset=float(np.linalg.norm(offset)),
        chance=_chance(len(image), image_of_text, queries, kin),
        points=tuple(
            GapPoint(share=float(share), gap=gap, pair_cosine=cosine, scores=each)
            for share, (gap, cosine), each in zip(shares, spaces, scores, strict=True)
        ),
    )


def _answers(
    space: Embedded, queries: NDArray[np.int64], places: int, kin: NDArray[np.int64]
) -> Answered:
    """What each query scored: those of retrieval, and those of the mixed gallery."""
    told, found = answered(space), mixed(*space, queries, places, kin)
    values = {"mixed/recall_at_1": found.first, "mixed/image_share": found.image_share}
    return Answered(told.values | values, told.owners | {"mixed": space[2][queries]}, told.images)


def _scores(
    untouched: Answered, answers: Sequence[Answered], seed: int
) -> list[dict[str, GapScore]]:
    """Each share's scores, all by the same draws of images."""
    nothing = untouched._replace(
        values={name: np.zeros_like(each) for name, each in untouched.values.items()}
    )
    every = _side_by_side(answers)
    alone = compare(_side_by_side([nothing] * len(answers)), every, seed)
    gained = compare(_side_by_side([untouched] * len(answers)), every, seed)
    return [
        {
            name: GapScore(
                value=alone[f"{name}/{number}"].difference,
                interval=alone[f"{name}/{number}"].interval,
                gained=gained[f"{name}/{number}"],
            )
            for name in untouched.values
        }
        for number in range(len(answers))
    ]


def _side_by_side(answers: Sequence[Answered]) -> Answered:
    """Several as one, each measure's name followed by its number among them."""
    values = {
        f"{name}/{number}": each
        for number, one in enumerate(answers)
        for name, each in one.values.items()
    }
    return answers[0]._replace(values=values)


def _told(space: Embedded) -> tuple[float, float]:
    """Gap and mean cosine of a pair."""
    image, text = (side.astype(np.float64) for side in space[:2])
    return modality_gap(image, text), float((image[space[2]] * text).sum(axis=1).mean())


def _chance(
    images: int,
    image_of_text: NDArray[np.int64],
    queries: NDArray[np.int64],
    kin: NDArray[np.int64],
) -> dict[str, float]:
    captions, every = np.bincount(image_of_text, minlength=images), len(image_of_text)
    found = {f"text_to_image/recall_at_{k}": min(1.0, k / images) for k in KS}
    for k in KS:
        misses = [math.comb(every - own, k) / math.comb(every, k) if every >= k else 0.0
                  for own in captions[captions > 0].tolist()]  # fmt: skip
        found[f"image_to_text/recall_at_{k}"] = 1 - float(np.mean(misses))
    first, share = chance_of(images, kin, queries)
    return found | {"mixed/recall_at_1": first, "mixed/image_share": share}


def _unit(rows: NDArray[np.floating]) -> Rows:
    """Single precision is enough once the length is one."""
    unit: Rows = unit_rows(rows).astype(np.float32)
    return unit


def _check(image: Rows, text: Rows, offset: Offset, shares: Sequence[float]) -> None:
    faults = [
        Fault(f"share {share}", "takes away less than nothing or more than all; allowed are 0 to 1")
        for share in shares
        if not 0 <= share <= 1
    ]
    if not len(shares):
        faults.append(Fault("shares", "there are none; give at least one from 0 to 1"))
    if offset.shape != image.shape[1:]:
        faults.append(Fault("offset", f"of shape {offset.shape}; expected {image.shape[1:]}"))
    for name, rows in (("images", image), ("captions", text), ("offset", offset)):
        if not np.isfinite(rows).all():
            faults.append(Fault(name, "hold values that are not finite"))
    if faults:
        raise InvalidInput("The gap cannot be closed with these.", faults)
