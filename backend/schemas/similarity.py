"""How alike two representations of the same pairs are, and what chance would have given."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.schemas.base import Frozen
from backend.schemas.comparing import PairedDifference

#: all after Huh et al. 2024. A cycle goes from an item to its neighbours on the side named first, and
#: from these to theirs on the other side; it is closed where the item is among them.
SimilarityMeasure = Literal[
    "mutual_knn",
    "cycle_knn_text_first",
    "cycle_knn_image_first",
    "cka",
    "unbiased_cka",
    "unbiased_rbf_cka",
    "cknna",
    "svcca",
]
#: by which layers are compared; ``cycle_knn`` goes to the neighbours by the text layer first
LayerMeasure = Literal["mutual_knn", "cycle_knn", "cka", "unbiased_cka", "cknna", "svcca"]


class Similarity(Frozen):
    """One measure of one representation, held against permutations of the pairs."""

    observed: float
    score: float = Field(description="calibrated: 0 where chance does as well, 1 at the maximum")
    p: float = Field(
        description="share of permutations that do at least as well, the pairs' own too"
    )
    threshold: float = Field(description="what the observed value has to exceed at the 5 % level")
    null_mean: float
    null_deviation: float
    chance: float | None = Field(
        description="mean over all permutations where it has a closed form: k / (n - 1) of mutual kNN"
    )
    interval: tuple[float, float] | None = Field(
        description="95 %, bootstrap over items whose neighbours stay as they are; None of what is no "
        "mean over items"
    )


class SimilarityReport(Frozen):
    """The frozen features and the embeddings of the same pairs, one caption an image."""

    pairs: int
    neighbours: int = Field(description="k of all that looks at neighbours")
    permutations: int
    before: dict[SimilarityMeasure, Similarity] = Field(
        description="of the frozen features, outliers clamped, then rows of length one"
    )
    after: dict[SimilarityMeasure, Similarity] = Field(description="of the embeddings")
    gained: dict[SimilarityMeasure, PairedDifference] = Field(
        description="after - before, item by item, of what is a mean over items"
    )


class LayerSimilarity(Frozen):
    """One measure of all pairs of an image layer and a text layer."""

    measure: LayerMeasure
    image: int = Field(description="layer of the best pair, from 0; of equals the later one")
    text: int
    scores: tuple[tuple[float, ...], ...] = Field(description="(image layers, text layers)")
    calibrated: tuple[tuple[float, ...], ...] = Field(
        description="the same, each held against the best of all pairs under permutation"
    )
    score: float = Field(description="of the best pair")
    calibrated_score: float
    last: float = Field(description="of the last layers")
    chance: float | None = Field(
        description="of any one unrelated pair, where that is the same for all"
    )
    null_mean: float = Field(
        description="of the best pair under permutation; above one pair's chance"
    )
    threshold: float
    p: float = Field(description="share of permutations whose best pair does at least as well")
    neighbours: int = Field(description="k of all that looks at neighbours")
    pairs: int
    permutations: int
