"""Points of a gallery as rows of its two sides: images are numbered before captions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Drawn:
    """Some points.

    Attributes:
        image, text: rows of either side, rising.
    """

    image: NDArray[np.int64]
    text: NDArray[np.int64]

    @staticmethod
    def of(points: NDArray[np.integer], images: int) -> Drawn:
        """Of points that rise, where the gallery has so many images."""
        split = int(np.searchsorted(points, images))
        return Drawn(points[:split].astype(np.int64), points[split:].astype(np.int64) - images)

    @staticmethod
    def evenly(images: int, captions: int, most: int) -> Drawn:
        """At most about so many, evenly from both sides; all where there are no more."""
        share = min(1.0, most / max(1, images + captions))

        def some(count: int) -> NDArray[np.int64]:
            wanted = count if share == 1 else max(1, int(count * share))
            return np.linspace(0, max(0, count - 1), wanted).round().astype(np.int64)

        return Drawn(some(images), some(captions))

    def __len__(self) -> int:
        return len(self.image) + len(self.text)
