"""What happens to a shared space as the offset between its two sides is taken away."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Frozen
from backend.schemas.comparing import PairedDifference


class GapScore(Frozen):
    """A mean over queries at one share, and how it differs from that of the untouched space."""

    value: float
    interval: tuple[float, float] = Field(description="95 %, bootstrap over images")
    gained: PairedDifference = Field(
        description="against share 0, query by query; p is that of this share and measure alone"
    )


class GapPoint(Frozen):
    """The space with one share of the offset taken away."""

    share: float = Field(description="0 leaves the space as it is, 1 takes all of the offset away")
    gap: float = Field(description="length of the difference of the two sides' means that is left")
    pair_cosine: float = Field(description="mean cosine of a caption and its image")
    scores: dict[str, GapScore] = Field(
        description="by direction and measure: text_to_image and image_to_text with recall_at_1, 5, 10 "
        "and reciprocal_rank; mixed/recall_at_1 and mixed/image_share, of captions that search among "
        "all images and the other images' captions"
    )


class GapReport(Frozen):
    """The modality-gap slider's numbers on one split; the offset is another split's."""

    images: int
    captions: int
    split_images: int | None = Field(
        None, description="of which those were drawn, with all their captions; None: not told"
    )
    mixed_queries: int = Field(description="captions that searched among both modalities")
    places: int = Field(
        description="first places of which mixed/image_share tells the images' share"
    )
    offset: float = Field(description="length of the offset that is taken away")
    chance: dict[str, float] = Field(
        description="what a random order gives; of mixed/image_share what an order blind to modality "
        "gives, the images' share of all that is searched"
    )
    points: tuple[GapPoint, ...] = Field(description="in the order of the shares asked for")
