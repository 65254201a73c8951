"""Whether worse alignments drift more: three alignments of the built-in world, on few, more and all pairs.

    ISTHMUS_HOME=/scratch python -m benchmarks drifting

They are fitted as runs are, alike but for how many training images they see. A chain of nearest items
begins with every image of the test split and with one of its captions, 20 generations each. What is left
of generation 0 is judged twice, and by none of the three:

    judge        an alignment of other encoders (pictures without labels, a bag of words) on all pairs:
                 mean cumulative drift over all four directions
    attributes   the scenes themselves: of what generation 0 says, the share that each generation says

Features stay in the home, where the next measurement finds them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from backend.drift.cycles import Chain, retrieval_chains
from backend.drift.scores.cumulative import MEASURE, PARITY, compare, drift_scores, generations_of
from backend.drift.scores.scenes import Told, attribute_table
from backend.drift.scores.similarity import Embedded, Similarities, to_start
from backend.evaluation.resampling import interval, resampled_means
from backend.evaluation.retrieval import image_to_text_ranks, text_to_image_ranks
from backend.exploration.gallery import image_item, text_item
from backend.exploration.indexes import IndexFacts, VectorIndex
from backend.exploration.indexes.flat import FlatIndex
from backend.reporting import silent
from backend.runs.demonstration import REQUEST
from backend.runs.inputs import Inputs
from backend.runs.plan import plan
from backend.scenes.world import picture_of
from backend.schemas import RunRequest, Side
from backend.schemas.drift_scores import Direction
from backend.settings import Settings
from benchmarks.fitting import fitted

if TYPE_CHECKING:
    from backend.drift.neighbours import Galleries

#: training images of the three runs; None: all
SIZES: Final = (100, 1000, None)
GENERATIONS: Final = 20
#: encoders that none of the three has
_JUDGE: Final = {"image_encoder": "scene-resnet-ssl", "text_encoder": "bag-of-words"}

ByDirection = Mapping[Direction, Similarities]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Aligned:
    """The test split in a space.

    Attributes:
        galleries: both sides' indexes.
        recall: R@1, mean of both ways.
    """

    galleries: Galleries
    recall: float

    def vectors(self, items: Sequence[str]) -> Vectors:
        """(n, d) unit rows of items of one side."""
        index = self.galleries["image" if items[0].startswith("image:") else "text"]
        found: Vectors = index.vectors()[[index.row_of[item] for item in items]]
        return found


@dataclass(frozen=True)
class Measured:
    """What the chains of one alignment came to, by the test split's images."""

    recall: float
    similarities: ByDirection
    kept: NDArray[np.float64]


def measure_alignments(quick: bool) -> dict[str, float]:
    """R@1 and mean cumulative drift of each with its interval; differences of neighbours with theirs."""
    settings, console = Settings(), Console(stderr=True)
    settings.make_dirs()
    world = "scenes-small" if quick else "scenes"
    judge = _aligned(settings, _request(world, None, **_JUDGE))
    figures: dict[str, float] = {}
    found: list[tuple[str, Measured]] = []
    for size in SIZES:
        name = f"{size or 'all'} pairs"
        found.append((name, _measured(settings, world, size, judge)))
        own = _figures(*found[-1])
        for label, value in own.items():  # as they come, since the last one takes longest
            console.print(f"{label}  {value:.4f}", markup=False, highlight=False)
        figures |= own
    for (one, first), (other, second) in pairwise(found):
        apart = compare(first.similarities, second.similarities).differences[MEASURE]
        told = f"{other} less {one}, mean cumulative drift"
        figures[told] = apart.difference
        figures |= _ends(told, apart.interval)
    return figures


def _figures(name: str, measured: Measured) -> dict[str, float]:
    scores = drift_scores(measured.similarities).mean_cumulative_drift
    figures = {f"{name}: R@1, %": 100 * measured.recall}
    told = f"{name}: mean cumulative drift"
    figures[told] = scores.similarity.value
    if scores.similarity.interval is not None:
        figures |= _ends(told, scores.similarity.interval)
    figures |= {f"{name}: {way}": each.value for way, each in scores.directions.items()}
    kept = 100 * measured.kept[:, None]
    means = resampled_means(kept, np.ones(kept.shape))[:, 0]
    told = f"{name}: attributes kept, %"
    figures[told] = float(kept.mean())
    return figures | _ends(told, interval(means))


def _ends(told: str, bounds: tuple[float, float]) -> dict[str, float]:
    return {f"{told}, {end}": at for end, at in zip(("from", "to"), bounds, strict=True)}


# --- alignments -----------------------------------------------------------------------------------


def _request(world: str, size: int | None, **changed: str) -> RunRequest:
    return REQUEST.model_copy(update={"dataset": world, "train_images": size, **changed})


def _aligned(settings: Settings, request: RunRequest) -> Aligned:
    """Fits heads as a run does, and brings the test split into their space."""
    found = fitted(settings, request)
    heads, test = found.heads, found.test
    image, text = heads.transform("image", test.image), heads.transform("text", test.text)
    owners = test.image_of_text
    recall = [
        float(ranks(image, text, owners).hits(1).mean())
        for ranks in (text_to_image_ranks, image_to_text_ranks)
    ]
    records = found.inputs.rows(silent).split("test")
    images = [image_item(record.id) for record in records]
    texts = [
        text_item(record.id, number) for record in records for number in range(len(record.captions))
    ]
    galleries: dict[Side, VectorIndex] = {
        "image": _index(images, image),
        "text": _index(texts, text),
    }
    return Aligned(galleries, float(np.mean(recall)))


def _index(ids: list[str], vectors: Vectors) -> VectorIndex:
    facts = IndexFacts(kind="flat", vectors=len(ids), dimension=vectors.shape[1], key="")
    return FlatIndex(ids, vectors, facts)


# --- chains ---------------------------------------------------------------------------------------


def _measured(settings: Settings, world: str, size: int | None, judge: Aligned) -> Measured:
    request = _request(world, size)
    own = _aligned(settings, request)
    configuration, _ = plan(request)
    records = Inputs(settings, request, configuration).dataset(silent).records
    tested = {record.id: record for record in records if record.split == "test"}
    said: dict[str, Told] = {}
    # a caption of each image, of every kind in turn
    seeds: dict[Side, dict[str, str]] = {"image": {}, "text": {}}
    for number, (name, record) in enumerate(tested.items()):
        said[image_item(name)] = picture_of(world, name).scene
        said |= {text_item(name, k): caption for k, caption in enumerate(record.captions)}
        seeds["image"][name] = image_item(name)
        seeds["text"][name] = text_item(name, number % len(record.captions))
    similarities: dict[Direction, Similarities] = {}
    kept = []
    for side, begun in seeds.items():
        images = list(begun)
        chains = list(retrieval_chains(own.galleries, list(begun.values()), GENERATIONS))
        for direction in PARITY:
            if direction.startswith(side):
                similarities[direction] = _similarities(direction, images, chains, judge)
        kept.append(_kept(images, chains, said))
    return Measured(own.recall, similarities, np.mean(kept, axis=0))


def _similarities(
    direction: Direction, images: Sequence[str], chains: Sequence[Chain], judge: Aligned
) -> Similarities:
    def embedded(generation: int) -> Embedded:
        items = [chain.generations[generation].item_id for chain in chains]
        return Embedded(images, judge.vectors(items))

    numbers = generations_of(direction, GENERATIONS)
    return to_start(embedded(0), ((number, embedded(number)) for number in numbers))


def _kept(
    images: Sequence[str], chains: Sequence[Chain], said: Mapping[str, Told]
) -> NDArray[np.float64]:
    """(n,) share of what generation 0 says that is still so, mean over attributes and generations."""

    def told(generation: int) -> dict[str, Told]:
        items = [chain.generations[generation].item_id for chain in chains]
        return {image: said[item] for image, item in zip(images, items, strict=True)}

    later = ((number, told(number)) for number in range(1, GENERATIONS + 1))
    means: NDArray[np.float64] = np.nanmean(attribute_table(told(0), later).kept, axis=(1, 2))
    return means
