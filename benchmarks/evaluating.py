"""Evaluating a test split of Flickr8k's size from stored features, part by part.

1,000 images and 5,000 captions of synthetic features, of ViT-Ti's and MiniLM's widths, through heads fitted
by ridge CCA on 3,000 images more; the validation split has 1,000. What is timed is what a run's step
"Evaluate" does and what the page Evaluate shows on demand; encoding counts nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from backend.alignment.methods import Context, fit, resolve_options
from backend.alignment.pairs import PairedFeatures
from backend.alignment.rows import FeatureRows
from backend.evaluation.conflict import conflicts
from backend.evaluation.gap import gap_curve, offset
from backend.evaluation.mismatched import mismatched
from backend.evaluation.mistakes import worst
from backend.evaluation.paired import answered, compare
from backend.evaluation.representations import drawn_pairs, similarity
from backend.evaluation.retrieval import evaluate
from backend.evaluation.slices import slices
from backend.reporting import silent
from backend.runs.evaluating import drawn_geometry

IMAGES: Final = 1000
CAPTIONS: Final = 5
TRAIN: Final = 3000
WIDTHS: Final = (192, 384)
SHARED: Final = 64
#: so noisy that recall is about that of real photographs
NOISE: Final = 0.55
WORDS: Final = 400


def measure(quick: bool) -> dict[str, float]:
    """Seconds of each part, and of all together."""
    rounds = 1 if quick else 3
    split = _Split()
    figures: dict[str, float] = {}
    for name, work in split.parts().items():
        taken = []
        for _ in range(rounds):
            begun = time.perf_counter()
            work()
            taken.append(time.perf_counter() - begun)
        figures[f"{name}, s"] = min(taken)
    figures["all together, s"] = sum(figures.values())
    return figures


class _Split:
    """A test split in a shared space, and everything that is measured of it."""

    def __init__(self) -> None:
        draw = np.random.default_rng(0)
        maps = [draw.normal(size=(SHARED, width)) / np.sqrt(SHARED) for width in WIDTHS]

        def noisy(rows: NDArray[np.float64], way: NDArray[np.float64]) -> NDArray[np.float32]:
            own = NOISE * draw.normal(size=(len(rows), way.shape[1]))
            return (rows @ way + own).astype(np.float32)

        def pairs(images: int) -> tuple[PairedFeatures, list[NDArray[np.float32]]]:
            owners = np.repeat(np.arange(images), CAPTIONS)
            meant = draw.normal(size=(images, SHARED))
            said = meant[owners] + NOISE * draw.normal(size=(len(owners), SHARED))
            image, text = noisy(meant, maps[0]), noisy(said, maps[1])
            return PairedFeatures(FeatureRows(image), FeatureRows(text), owners), [image, text]

        train, _ = pairs(TRAIN)
        self.val, _ = pairs(IMAGES)
        self.test, self.features = pairs(IMAGES)
        context = Context(
            options=resolve_options("ridge-cca", {}),
            seed=0,
            device="cpu",
            folder=Path(),
            report=silent,
            on_metrics=lambda step, values: None,
        )
        self.heads = fit("ridge-cca", train, self.val, context)
        lexicon = [f"word{number}" for number in range(WORDS)]
        drawn = draw.zipf(1.3, size=(IMAGES * CAPTIONS, 9)) % WORDS
        self.captions = [" ".join(lexicon[word] for word in row) for row in drawn]
        self.attributes: list[dict[str, str]] = [{"number": str(i % 7)} for i in range(IMAGES)]

    def _space(self, pairs: Any) -> tuple[Any, Any, Any]:
        image = self.heads.transform("image", pairs.image)
        return image, self.heads.transform("text", pairs.text), pairs.image_of_text

    def parts(self) -> dict[str, Callable[[], Any]]:
        """What is timed, by name."""
        space, other = self._space(self.test), self._space(self.val)
        images, texts = drawn_pairs(IMAGES, self.test.image_of_text, 0)
        frozen = self.features[0][images], self.features[1][texts]
        between = offset(*other[:2])
        mine = answered(space)
        return {
            "through the heads": lambda: (self._space(self.test), self._space(self.val)),
            "retrieval, both splits": lambda: (evaluate(*space, "test"), evaluate(*other, "val")),
            "geometry": lambda: drawn_geometry(*space, self.test, 0),
            "similarity before and after, 200 permutations": lambda: similarity(
                *frozen, space[0][images], space[1][texts]
            ),
            "modality gap, 11 shares": lambda: gap_curve(*space, between),
            "worst pairs, both ways": lambda: [
                worst(*space, side, 12) for side in ("text", "image")
            ],
            "likely wrong captions": lambda: mismatched([space]),
            "error slices, both ways": lambda: [
                slices(*space, self.captions, self.attributes, side) for side in ("text", "image")
            ],
            "modality conflict": lambda: conflicts(*space),
            "paired bootstrap against another run": lambda: compare(mine, answered(space)),
        }
