"""Searching a run's gallery: what is asked, and what comes back."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from backend.schemas.base import Frozen, Side
from backend.schemas.exploring import Hit, IndexKind

#: text: words read as a caption; said: words read as one of the run's items, where those are words;
#: file: a picture or a recording on disk; item: of the gallery, by its id; vector: of the shared space
PartKind = Literal["text", "said", "file", "item", "vector"]
Target = Literal["image", "text", "both"]

MOST_HITS = 200
MOST_PARTS = 8


class QueryPart(Frozen):
    """One of the things that are searched with together."""

    kind: PartKind
    value: str = Field(
        description="the words, the path, the id, or the numbers with commas or spaces between them"
    )
    weight: float = Field(1.0, ge=-4, le=4, description="below 0: away from it; never 0")
    crop: tuple[float, float, float, float] | None = Field(
        None, description="of a picture: left, top, right, bottom as shares of its width and height"
    )

    @field_validator("crop")
    @classmethod
    def _nothing_cut_off(cls, crop: tuple[float, ...] | None) -> tuple[float, ...] | None:
        """All of a picture is the picture itself."""
        return None if crop == (0, 0, 1, 1) else crop


class Query(Frozen):
    """What is searched for: the unit vector of sum(weight * unit vector of the part)."""

    parts: tuple[QueryPart, ...] = Field(min_length=1, max_length=MOST_PARTS)
    target: Target = Field("image", description="what is searched among; both: each for itself")
    k: int = Field(24, ge=1, le=MOST_HITS, description="answers of each modality")
    where: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="attribute -> allowed values; all attributes have to hold"
    )
    within: str = Field("", description="a packed selection that is searched; empty: everything")
    hide_duplicates: bool = Field(
        False, description="leaves out what lies as good as on a better answer, or says the same"
    )


class IndexNote(Frozen):
    """What searched, in figures a person is told."""

    kind: IndexKind | Literal["milvus"]
    exact: bool
    recall_at_10: float | None = Field(None, description="against exact search; None: it is exact")
    queries: int = Field(0, description="that the recall was measured with")


class Answers(Frozen):
    """Answers of one modality, best first."""

    side: Side
    hits: tuple[Hit, ...]
    gallery: int = Field(description="items of this modality")
    searched: int = Field(description="of them, what the filters leave")
    duplicates: int = Field(0, description="left out as near-duplicates of better answers")
    index: IndexNote
    truth_rank: int | None = Field(
        None, description="rank, among all of this modality, of the query's own pair, where known"
    )


class SearchResult(Frozen):
    """What was found, a part for each modality that was searched."""

    answers: tuple[Answers, ...]
    seconds: float
