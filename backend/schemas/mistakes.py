"""What a run gets wrong."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Frozen
from backend.schemas.exploring import Item


class Mistake(Frozen):
    """A query, what was found first, and what should have been."""

    query: Item
    found: Item
    found_score: float
    truth: Item = Field(description="the query's own pair; of several captions the best placed")
    truth_score: float
    rank: int = Field(description="of the truth, from 1")
