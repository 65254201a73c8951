"""Telephone games: what is asked of one, and what came out of all its chains."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import Field

from backend.schemas.base import Frozen, Side
from backend.schemas.drift_scores import (
    Attraction,
    AttributeSurvival,
    Direction,
    DriftRate,
    DriftScores,
    MultiGenerationGenEval,
    SimilarityCurve,
)
from backend.schemas.exploring import Item

#: what makes a picture of a text, or a text of a picture. Retrieval and the decoder need the run's own
#: space; the renderer draws the built-in world; the others are generators of their own
OperatorKind = Literal[
    "retrieval", "renderer", "decoder", "janus", "diffusers", "captioner", "endpoint"
]

MOST_SEEDS = 2000


class OperatorChoice(Frozen):
    """What makes the next generation in one direction."""

    kind: OperatorKind = "retrieval"
    source: str = Field(
        "", max_length=500, description="folder or Hub name of a model; address of an endpoint"
    )
    model: str = Field("", max_length=200, description="the model's name at an endpoint")
    prompt: str = Field("", max_length=1000, description="template; empty: the operator's usual")
    temperature: float = Field(0.0, ge=0, le=10, description="0: the likeliest, nothing is drawn")
    candidates: int = Field(50, ge=1, le=1000, description="retrieval: how many are drawn from")
    steps: int = Field(0, ge=0, le=200, description="diffusers: of denoising; 0: the model's usual")


class BackboneChoice(Frozen):
    """What similarities are measured by; both empty: the run's own shared space.

    One encoder alone measures only the directions that stay in its modality; two that share a space
    (CLIP's towers) measure all four.
    """

    name: str = Field("", max_length=80)
    image: str = Field("", max_length=500, description="image encoder of the catalogue")
    text: str = Field("", max_length=500, description="text encoder of the catalogue")
    shared: bool = Field(False, description="whether the two share a space")


#: what Mollah et al. 2025 measure by: MPNet from text to text, DINO from image to image, CLIP across
PAPER_BACKBONES: Final = (
    BackboneChoice(name="MPNet", text="sentence-transformers/all-mpnet-base-v2"),
    BackboneChoice(
        name="CLIP ViT-B/32",
        image="openai/clip-vit-base-patch32",
        text="openai/clip-vit-base-patch32",
        shared=True,
    ),
    BackboneChoice(name="DINO ViT-B/16", image="facebook/dino-vitb16?pooling=cls"),
)


class GameRequest(Frozen):
    """Chains from many seeds, by the same two operators; or chains that were made elsewhere."""

    seeds: tuple[str, ...] = Field(
        (), max_length=MOST_SEEDS,
        description="items of the gallery; an image begins an image-first chain, a text a text-first one",
    )  # fmt: skip
    pairs: int = Field(
        20, ge=1, le=MOST_SEEDS // 2,
        description="without seeds: so many pairs drawn from the test split, each begins two chains",
    )  # fmt: skip
    generations: int = Field(20, ge=1, le=100)
    text_to_image: OperatorChoice = OperatorChoice()
    image_to_text: OperatorChoice = OperatorChoice()
    revisit: bool = Field(True, description="retrieval: whether an item may come again")
    seeds_excluded: bool = Field(False, description="retrieval: no step leads to a seed")
    repeats: int = Field(
        1,
        ge=1,
        le=5,
        description="chains of each seed that differ in what is drawn; from 2 the floor",
    )
    backbones: tuple[BackboneChoice, ...] = Field((BackboneChoice(),), max_length=6)
    geneval: str = Field(
        "",
        max_length=500,
        description="an object detector (OWLv2), for GenEval's prompts; empty: none",
    )
    prompts: str = Field(
        "",
        max_length=1000,
        description="GenEval's evaluation_metadata.jsonl: which seeds are its prompts, by their words",
    )
    folder: str = Field(
        "",
        max_length=1000,
        description="chains made elsewhere, in the paper's layout: then nothing is made, only scored",
    )
    incomplete: bool = Field(
        True, description="of a folder: whether items and generations may be missing"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="of everything that is drawn")


class GameStep(Frozen):
    """One generation of a chain, as it was made."""

    generation: int
    side: Side
    item: Item | None = Field(None, description="where it was found in the gallery")
    text: str = Field("", description="of a text")
    picture: str = Field("", description="small copy of a picture that was made, to be shown")
    similarity_to_start: float | None = Field(
        None, description="in the run's own space; of chains made elsewhere not known"
    )
    similarity_to_previous: float | None = None
    seed: int | None = Field(None, description="that it was drawn with")
    operator: str = Field("", description="what made it; empty: it is the seed")
    model: str = ""
    prompt: str = ""
    note: str = Field("", description="what the operator left out")
    made_at: datetime | None = None


class GameChain(Frozen):
    """A chain, as far as it has come."""

    seed: Item
    repeat: int = 0
    steps: tuple[GameStep, ...]
    closes_at: int | None = Field(None, description="first generation that repeats an earlier item")
    period: int | None = Field(None, description="length of the loop it falls into")


class BackboneScores(Frozen):
    """What one backbone makes of all chains."""

    backbone: str
    scores: DriftScores
    step_to_step: dict[Direction, SimilarityCurve] = Field(
        description="within a modality over whole round trips, S(g | g-2); across, every S(g | g-1)"
    )
    floor: dict[Direction, SimilarityCurve] | None = Field(
        None, description="similarity of two chains of one seed that differ in what was drawn"
    )
    rate: DriftRate | None = None
    no_rate: str = Field("", description="why there is no rate")


class GameReport(Frozen):
    """What a game came to."""

    run_name: str = Field("", description="or the folder's, of chains made elsewhere")
    partial: bool = Field(False, description="as far as the game has come, in the own space alone")
    seeds: int = 0
    chains: int
    broken: int = Field(0, description="chains that ended before the last generation")
    generations: int
    text_to_image: str = Field(description="the operator in words")
    image_to_text: str
    backbones: tuple[BackboneScores, ...]
    attributes: tuple[AttributeSurvival, ...] = Field(
        (), description="of the built-in world, whose scenes are known"
    )
    attraction: Attraction | None = Field(None, description="of chains of nearest neighbours")
    geneval: MultiGenerationGenEval | None = None
    notes: tuple[str, ...] = ()
    seconds: float = Field(0.0, description="that the last attempt took")
