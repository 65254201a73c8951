"""A database in a scratch home."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.runs.store import Store
from backend.schemas import RetrievalReport, RetrievalScores, RunRequest
from backend.settings import Settings


@pytest.fixture
def settings() -> Settings:
    return Settings()


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings)
    yield opened
    opened.database.close()


@pytest.fixture
def request_() -> RunRequest:
    return RunRequest(dataset="scenes-small", image_encoder="/models/vit", text_encoder="minilm")


@pytest.fixture
def report() -> RetrievalReport:
    scores = RetrievalScores(
        recall_at_1=0.25,
        recall_at_5=0.5,
        recall_at_10=0.75,
        median_rank=4.0,
        chance_at_1=0.01,
        chance_at_5=0.05,
        chance_at_10=0.1,
        interval_at_1=(0.2, 0.3),
        interval_at_5=(0.4, 0.6),
        interval_at_10=(0.7, 0.8),
    )
    return RetrievalReport(
        split="test", images=100, captions=500, image_to_text=scores, text_to_image=scores
    )
