"""How good frozen encoders are before anything is aligned, and whether that foretells the alignment."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Frozen, Modality


class AssessmentRequest(Frozen):
    """Everything that decides an assessment's result, beside the library versions."""

    encoders: tuple[str, ...] = Field(min_length=1, description="addresses, all of one modality")
    labelled: str = Field(description="address of the data set whose items have labels")
    attribute: str | None = Field(
        None, description="which of its attributes is the label; None: class, else label"
    )
    pairs: str | None = Field(
        None, description="address of the data set of the alignment probe; None: none is run"
    )
    text_encoder: str | None = Field(None, description="of the alignment probe; goes with pairs")
    seed: int = Field(0, ge=0, lt=2**31)
    name: str | None = Field(None, max_length=120)


class Share(Frozen):
    """A share, with what it has to be held against."""

    value: float
    interval: tuple[float, float] = Field(description="95 %, bootstrap over what was counted")
    chance: float
    count: int = Field(description="items or queries it is a share of")


class AlignmentScore(Frozen):
    """What the alignment probe reached: SAIL's linear heads, on held-out pairs."""

    split: str
    train_images: int
    images: int
    captions: int
    text_to_image: Share = Field(description="R@1")
    image_to_text: Share = Field(description="R@1")


class EncoderAssessment(Frozen):
    """One encoder's frozen features of a labelled set."""

    encoder: str
    dimension: int
    classes: int
    train_items: int
    test_items: int
    neighbours: int = Field(description="that voted: 20, or as many train items as there are")
    knn: Share = Field(
        description="accuracy of the weighted neighbours' vote; chance: largest class"
    )
    linear_probe: Share = Field(description="accuracy of logistic regression; the same chance")
    regularisation: float = Field(description="the C of the linear probe, chosen on train items")
    adjusted_mutual_information: float = Field(description="of k-means and labels; chance is 0")
    adjusted_rand_index: float = Field(description="of k-means and labels; chance is 0")
    silhouette: float | None = Field(
        description="of the true labels, cosine, -1 to 1; None where no class has two drawn items"
    )
    alignment: AlignmentScore | None = Field(None, description="None where no pairs were given")


class Correlation(Frozen):
    """How two measures go together over the encoders tried."""

    encoders: int
    pearson: float
    pearson_interval: tuple[float, float] | None = Field(
        description="95 %, Fisher's z; None below 4 encoders"
    )
    spearman: float
    spearman_interval: tuple[float, float] | None = Field(
        description="95 %, bootstrap over encoders; None below 6"
    )


class AssessmentReport(Frozen):
    """All encoders of a request."""

    encoders: tuple[EncoderAssessment, ...] = Field(description="in the order asked for")
    modality: Modality = Field(description="of the items")
    attribute: str = Field(description="what the items are labelled by")
    fingerprints: tuple[str, ...] = Field(
        description="of the labelled set and, where there is a probe, of the pairs' data set"
    )
    correlations: dict[str, Correlation] = Field(
        default_factory=dict,
        description="of a measure and the alignment probe's R@1, by both: knn/text_to_image; without "
        "those that cannot be told",
    )
    notes: tuple[str, ...] = Field((), description="what a reader has to know about the numbers")


class AssessedTogether(Frozen):
    """Every encoder ever assessed on the same items, by the same probe, with the same seed."""

    modality: Modality = Field(description="of the items")
    encoders: tuple[EncoderAssessment, ...] = Field(
        description="each as it was assessed last, the newest first"
    )
    assessments: int = Field(description="finished evaluations they are of")
    correlations: dict[str, Correlation] = Field(description="as an assessment's, over all of them")
