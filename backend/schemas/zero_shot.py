"""Zero-shot classification: which class's prompts an image is nearest to, and how often that is right."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.schemas.base import Frozen

Interval = tuple[float, float]


class PromptSet(Frozen):
    """Templates that somebody published together; ``{}`` is where the class's name belongs."""

    id: str
    name: str
    source: str
    templates: tuple[str, ...]


class ZeroShotRequest(Frozen):
    """What decides a classification's result, beside the run."""

    dataset: str = Field(description="address of a labelled data set")
    attribute: str = Field(
        "", description="what its items are labelled by; empty: class, else label"
    )
    split: Literal["test", "all"] = Field("test", description="the items that are classified")
    template_set: str = "clip-80"
    templates: tuple[str, ...] = Field((), description="as edited; empty: those of the set")
    spoken: dict[str, str] = Field(
        default_factory=dict, description="names of classes in a prompt, where they are edited"
    )


class ZeroShotClass(Frozen):
    """How the images of one class fare."""

    name: str
    images: int
    accuracy: float
    interval: Interval = Field(description="95 %, Wilson 1927")
    mistaken_for: str | None = Field(
        description="most frequent wrong class; None where all is right"
    )
    mistakes: int = Field(description="images that are taken for that class")


class TemplateScore(Frozen):
    """Accuracy with one template alone."""

    template: str
    top_1: float
    interval: Interval


class ZeroShotReport(Frozen):
    """Accuracies are shares of images; intervals are 95 % bootstrap intervals over images."""

    images: int
    classes: tuple[str, ...] = Field(description="in the order of the confusion matrix")
    without_images: tuple[str, ...] = Field(
        description="classes of which there is no image: wrong answers, but in no mean over classes"
    )
    templates: int
    top_1: float
    top_5: float | None = Field(description="None where there are fewer than 6 classes")
    mean_per_class: float = Field(description="mean of each class's accuracy")
    interval_of_top_1: Interval
    interval_of_top_5: Interval | None
    interval_of_mean_per_class: Interval
    chance_at_1: float = Field(
        description="of a random order of classes; of the mean per class too"
    )
    chance_at_5: float | None
    largest_class: float = Field(description="top-1 of always naming the class with most images")
    ties: int = Field(
        description="images for which several classes score best, to a rounding error"
    )
    confusion: tuple[tuple[int, ...], ...] = Field(
        description="images of the row's class that are taken for the column's; of tied ones the "
        "first. Empty of more than 200 classes"
    )
    per_class: tuple[ZeroShotClass, ...] = Field(description="worst first")
    by_template: tuple[TemplateScore, ...] = Field(description="in the order of the templates")
    notes: tuple[str, ...] = Field((), description="what was left out, in sentences")


class ClassProbability(Frozen):
    """How likely an image is of a class, by the softmax of 100 x cosine over all classes."""

    name: str
    score: float = Field(description="cosine similarity in the shared space")
    probability: float
