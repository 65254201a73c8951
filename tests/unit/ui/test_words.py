"""Numbers and states in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backend.schemas import Progress
from ui import words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "a moment"), (41, "about 41 s"), (180, "about 3 min"), (7800, "about 2 h 10 min")],
)
def test_a_duration_is_told_coarsely(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


def test_progress_tells_count_and_time_left() -> None:
    state = Progress(stage="Features", done=1200, total=4000, unit="images", seconds_left=20)
    assert words.progress_line(state) == "1,200 of 4,000 images · about 20 s left"
    assert words.progress_share(state) == pytest.approx(0.3)


def test_progress_counts_the_stages_before() -> None:
    state = Progress(stage="Train", done=5, total=10, step=3, steps=6)
    assert words.progress_share(state) == pytest.approx(2.5 / 6)
    assert words.progress_share(Progress(stage="Start")) is None


def test_a_moment_without_a_zone_is_utc() -> None:
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert words.moment(datetime(2026, 1, 2, 10), now) == "2 h ago"
    assert words.moment(now - timedelta(days=1), now) == "1 day ago"
    assert words.moment(now - timedelta(days=40), now) == "23 Nov 2025"


def test_names_of_series_and_urls() -> None:
    assert words.series_label("val/text_to_image/recall_at_10") == "R@10 text → image"
    assert words.series_label("train/loss") == "training loss"
    assert words.file_url(Path("/a b/#1.webp")) == "gradio_api/file=/a%20b/%231.webp"
