"""The drift report: what it tells is there, what people wrote cannot run, and nothing is fetched."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.drift.measuring import Measured, scored
from backend.drift.report.document import Drawing, Line
from backend.drift.report.html import as_html, svg
from backend.drift.report.pdf import as_pdf
from backend.drift.report.plots import Series, panels
from backend.drift.report.telling import Told, document
from backend.drift.scores.cumulative import compare
from backend.drift.scores.similarity import Similarities
from backend.schemas import GameChain, GameReport, GameRequest, GameStep, Item

EVIL = '<script>alert("x")</script> & "quotes" 漢字'
MOMENT = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
DIRECTIONS = {
    "text_to_text": range(2, 13, 2),
    "text_to_image": range(1, 13, 2),
    "image_to_image": range(2, 13, 2),
    "image_to_text": range(1, 13, 2),
}


def similarities(seed: int) -> dict[str, Similarities]:
    random = np.random.default_rng(seed)
    ids = tuple(f"s{number}" for number in range(12))
    return {
        name: Similarities(
            ids, tuple(numbers),
            0.3 + 0.6 * np.exp(-0.2 * np.array(numbers)) + random.normal(0, 0.02, (12, len(numbers))),
        )
        for name, numbers in DIRECTIONS.items()
    }  # fmt: skip


@pytest.fixture
def game(tmp_path: Path) -> Told:
    picture = tmp_path / "small.webp"
    Image.new("RGB", (64, 48), (200, 30, 30)).save(picture)
    seed = Item(side="text", id=EVIL, image_id="a", thumbnail=None, captions=(EVIL,))
    steps = (
        GameStep(generation=0, side="text", item=seed, similarity_to_start=1.0),
        GameStep(generation=1, side="image", picture=str(picture), similarity_to_start=0.4321),
        GameStep(generation=2, side="text", text=EVIL, similarity_to_start=0.25),
        GameStep(generation=3, side="image", picture=str(tmp_path / "gone.webp")),
    )
    values = similarities(0)
    report = GameReport(
        run_name=EVIL, seeds=12, chains=12, generations=12,
        text_to_image=EVIL, image_to_text="retrieval (the nearest)",
        backbones=(scored(Measured("own", values, values, values)),), notes=(EVIL,),
    )  # fmt: skip
    return Told("e-1", EVIL, GameRequest(), report, [GameChain(seed=seed, steps=steps)])


class Page(HTMLParser):
    """Tags, their attributes and the words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href", "xlink:href")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data) -> None:
        self.words.append(data)


def test_a_page_needs_nothing_else_and_runs_nothing(game: Told) -> None:
    page = Page(as_html(document([game], MOMENT)))
    assert "script" not in page.tags and "link" not in page.tags
    assert page.sources and all(each.startswith("data:image/webp;base64,") for each in page.sources)
    assert len(page.sources) == 1, "a picture that is gone is left out"
    words = " ".join(page.words)
    assert EVIL in words, "what people wrote is words"
    overall = game.report.backbones[0].scores.mean_cumulative_drift.similarity
    assert f"{overall.value:.3f}" in words
    assert "0.43" in words and "0.25" in words
    assert page.tags.count("svg") == 2


def test_games_are_told_beside_each_other_and_held_against_the_first(game: Told) -> None:
    other = similarities(1)
    better = {
        name: Similarities(each.ids, each.generations, each.values + 0.1)
        for name, each in other.items()
    }
    report = game.report.model_copy(update={"backbones": (scored(Measured("own", better)),)})
    second = Told("e-2", "second", GameRequest(), report, [])
    found = compare(similarities(0), better).model_copy(update={"backbone": "own"})
    page = Page(as_html(document([game, second], MOMENT, [("second", found)])))
    words = " ".join(page.words)
    difference = found.differences["mean_cumulative_drift"]
    assert difference.difference > 0.05
    assert f"{difference.difference:+.4f}" in words
    assert "e-1, e-2" in words


def test_a_pdf_holds_the_words_as_words_and_takes_any_letter(game: Told) -> None:
    pdf = as_pdf(document([game], MOMENT))
    assert pdf.startswith(b"%PDF-") and pdf.rstrip().endswith(b"%%EOF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 2
    assert b"/FontFile2" in pdf, "its fonts are within it"
    assert pdf == as_pdf(document([game], MOMENT)), "the same report, the same bytes"


def test_a_curve_stands_where_its_numbers_say() -> None:
    values = similarities(2)
    report = scored(Measured("own", values))
    made = panels([Series("a", report.scores.curves, {})], "told")
    lines = [shape for shape in made.shapes if isinstance(shape, Line) and shape.width == 2.0]
    assert len(lines) == 4
    for line, curve in zip(lines, report.scores.curves.values(), strict=True):
        heights = [y for _, y in line.points]
        measured = [point.similarity.value for point in curve.points if point.similarity]
        # a straight map from values to heights, downwards
        slope, at_zero = np.polyfit(measured, heights, 1)
        assert slope < 0
        np.testing.assert_allclose(np.polyval([slope, at_zero], measured), heights, atol=1e-6)
        along = [x for x, _ in line.points]
        numbers = [point.generation for point in curve.points]
        np.testing.assert_allclose(np.diff(along) / np.diff(numbers), np.diff(along)[0] / 2)
    assert all(
        0 <= x <= made.width and 0 <= y <= made.height for line in lines for x, y in line.points
    )


def test_what_a_drawing_tells_is_escaped() -> None:
    made = svg(Drawing(10, 10, (), '"><script>'))
    assert "<script>" not in made
