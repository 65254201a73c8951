"""What is measured of chains that go from one modality to the other and back."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.schemas.base import Frozen
from backend.schemas.comparing import PairedDifference

#: from generation 0's modality to the modality of the generations that are held against it
Direction = Literal["text_to_text", "text_to_image", "image_to_image", "image_to_text"]

Attribute = Literal["count", "colour", "shape", "texture", "size", "relation"]


class Estimate(Frozen):
    """A mean over seed items."""

    value: float
    interval: tuple[float, float] | None = Field(
        description="95 %, bootstrap over seed items; None where there is one alone"
    )
    count: int = Field(description="seed items that it is the mean of; missing ones do not count")


class CurvePoint(Frozen):
    """Similarity to generation 0, or to the step before, at one generation."""

    generation: int
    similarity: Estimate | None = Field(description="None where every sample is missing")
    missing: int = Field(description="seed items that have no sample here")


class SimilarityCurve(Frozen):
    """Mean cosine by generation, and the mean over generations. Higher means less drift."""

    points: tuple[CurvePoint, ...]
    mean_similarity: Estimate | None = Field(
        description="mean of the points that have a value: of a direction, its mean cumulative drift"
    )


class MeanCumulativeDrift(Frozen):
    """The paper's MCD. Its name says drift and its values are similarities: HIGHER means less drift."""

    directions: dict[Direction, Estimate]
    similarity: Estimate = Field(description="mean of the directions; the paper has all four")


class DriftScores(Frozen):
    """Curves of the directions that were measured, and their mean cumulative drift."""

    curves: dict[Direction, SimilarityCurve]
    mean_cumulative_drift: MeanCumulativeDrift


class DriftComparison(Frozen):
    """Two runs or operators on the same seed items; a positive difference: the second drifts less."""

    items: int = Field(description="seed items that both were measured on")
    backbone: str = Field("", description="that they were measured by, of games")
    differences: dict[str, PairedDifference] = Field(
        description="mean_cumulative_drift; by direction text_to_text/mean_cumulative_drift and "
        "text_to_text/generation_2"
    )
    geneval: dict[str, PairedDifference] = Field(
        default_factory=dict,
        description="of games judged by a detector: share of pictures that are right, overall and by "
        "task, on the prompts of both",
    )


class DecayFit(Frozen):
    """Least squares of S(g) = a exp(-b g) + c, with 0 <= a <= 2, b >= 0, -1 <= c <= 1."""

    a: float = Field(description="what can be lost")
    b: float = Field(description="semantic drift rate, per generation: higher means faster drift")
    c: float = Field(description="what is never lost")
    b_interval: tuple[float, float] | None = Field(
        None, description="95 %, bootstrap over seed items; None where it was not asked for"
    )
    r2: float | None = Field(description="share of variance explained; None of a flat curve")
    half_life: float | None = Field(
        description="ln 2 / b, generations until half of a is lost; None where nothing decays"
    )
    points: int
    at_bounds: tuple[str, ...] = Field(
        description="parameters that a bound holds: the curve does not determine them"
    )


class DriftRate(Frozen):
    """Semantic drift rates."""

    directions: dict[Direction, DecayFit]
    mean: tuple[float, float, float] = Field(
        description="mean of the directions' a, b and c, as the paper has it"
    )
    averaged: DecayFit | None = Field(
        description="of the mean of the directions' curves, on the mean of their generations; None "
        "where they share fewer than five round trips"
    )


class GenEvalShare(Frozen):
    """Pictures that show what their prompt asks for."""

    correct: int
    total: int = Field(description="pictures scored")
    missing: int = Field(description="pictures that a prompt should have and has not")
    share: float | None = Field(description="None where none was scored")
    interval: tuple[float, float] | None = Field(
        description="95 %: Wilson's of one generation, bootstrap over prompts of several"
    )


class GenEvalGeneration(Frozen):
    """One generation's shares."""

    generation: int
    overall: GenEvalShare
    tasks: dict[str, GenEvalShare]


class MultiGenerationGenEval(Frozen):
    """The paper's MGG: GenEval at every generation of pictures. Higher means less is lost."""

    overall: GenEvalShare = Field(description="all pictures of all generations together")
    mean_of_tasks: float | None = Field(description="mean of the tasks' shares, as GenEval reports")
    tasks: dict[str, GenEvalShare]
    generations: tuple[GenEvalGeneration, ...]


class AttributePoint(Frozen):
    """One attribute at one generation."""

    generation: int
    kept: Estimate | None = Field(description="share that is as at generation 0")
    changed: Estimate | None = Field(
        description="share that is said, and otherwise; the rest is unsaid"
    )
    intact: Estimate | None = Field(
        description="share of seed items that have lost nothing of it up to here (Kaplan-Meier)"
    )


class AttributeSurvival(Frozen):
    """How long an attribute is kept."""

    attribute: Attribute
    protocol: Literal["text-first", "image-first"] | None = Field(
        None,
        description="chains that it is measured on, of a game: a caption tells less than a scene",
    )
    items: int = Field(description="seed items that have it at generation 0")
    points: tuple[AttributePoint, ...]
    median_loss: int | None = Field(
        description="first generation by which half of the items have lost some of it; None: later"
    )


class Attractor(Frozen):
    """A fixed point or cycle of the nearest-neighbour map."""

    items: tuple[str, ...] = Field(description="in the order of the cycle, from the lowest row")
    basin: int = Field(description="items that end here, its own among them")
    seeds: int = Field(description="seeds that end here")
    share: float = Field(description="of the seeds")
    interval: tuple[float, float] = Field(description="95 %, Wilson's")
    occurrence: int = Field(
        description="how often its items are among the k nearest of the other side"
    )


class Attraction(Frozen):
    """What all chains of nearest neighbours come to."""

    items: int
    seeds: int
    attractors: tuple[Attractor, ...] = Field(
        description="most seeds first, only the first of them"
    )
    attractor_count: int
    periods: dict[int, int] = Field(description="attractors by the number of their items")
    mean_steps: float = Field(description="steps until captured, over the seeds")
    most_steps: int
    half_of_seeds: int = Field(description="attractors that half of the seeds end in, at the least")
    neighbours: int = Field(description="k of the occurrence")
    hubness: dict[str, float | None] = Field(
        description="skewness of the occurrence, by side; None where all are found equally often"
    )
    correlation: float | None = Field(
        description="Spearman's, over attractors, of occurrence and basin size"
    )
    correlation_interval: tuple[float, float] | None
