"""The colour of what is in a box, by encoders that see nothing but mean colours."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from backend.drift.colours import ColourClassifier
from backend.drift.scores.geneval import Detection, Found, verdict
from backend.drift.scores.prompts import COLOURS, prompt_of
from backend.scenes.vocabulary import COLOURS as PAINTS

_MEAN = np.mean([PAINTS[name] for name in COLOURS], axis=0)


class Eyes:
    """Embeds pictures by their mean colour and sentences by the colour they name."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.seen: list[tuple[int, int]] = []

    def pictures(self, pictures) -> np.ndarray:
        self.seen += [each.size for each in pictures]
        return np.array(
            [np.asarray(each).mean(axis=(0, 1)) - _MEAN for each in pictures], np.float32
        )

    def texts(self, texts) -> np.ndarray:
        self.read += texts
        named = [next(name for name in COLOURS if f" {name}" in text) for text in texts]
        return np.array([PAINTS[name] - _MEAN for name in named], np.float32)


def scene() -> Image.Image:
    picture = Image.new("RGB", (100, 60), (128, 128, 128))
    drawing = ImageDraw.Draw(picture)
    drawing.rectangle((10, 10, 29, 29), PAINTS["red"])
    drawing.rectangle((60, 10, 79, 29), PAINTS["blue"])
    return picture


RED, BLUE = (10.0, 10.0, 30.0, 30.0), (60.0, 10.0, 80.0, 30.0)


def test_the_box_alone_decides() -> None:
    eyes = Eyes()
    scores = ColourClassifier(eyes.pictures, eyes.texts).scores(scene(), "dog", [RED, BLUE])
    assert scores.shape == (2, 10)
    assert [COLOURS[place] for place in scores.argmax(axis=1)] == ["red", "blue"]
    assert eyes.seen == [(20, 20), (20, 20)]
    assert np.abs(scores).max() <= 1 + 1e-6


def test_prompts_are_genevals_and_read_once_a_class() -> None:
    eyes = Eyes()
    classifier = ColourClassifier(eyes.pictures, eyes.texts)
    for _ in range(3):
        classifier.scores(scene(), "dog", [RED])
    assert len(eyes.read) == 30
    assert eyes.read[:3] == [
        "a photo of a red dog",
        "a photo of a red-colored dog",
        "a photo of a red object",
    ]


@pytest.mark.parametrize(
    "box", [(99.9, 59.9, 100.0, 60.0), (5.0, 5.0, 5.0, 5.0), (100.0, 60.0, 100.0, 60.0)]
)
def test_a_box_of_nothing_is_a_pixel(box) -> None:
    eyes = Eyes()
    ColourClassifier(eyes.pictures, eyes.texts).scores(scene(), "dog", [box])
    assert eyes.seen == [(1, 1)]


def test_it_tells_colours_to_the_verdict() -> None:
    eyes = Eyes()
    found = Found(
        frozenset({"dog", "cat"}), (Detection("dog", 0.9, RED), Detection("cat", 0.9, BLUE))
    )
    told = ColourClassifier(eyes.pictures, eyes.texts).told(found, scene())
    for dog, cat, is_right in (("red", "blue", True), ("blue", "red", False)):
        asked = [{"class": "dog", "color": dog}, {"class": "cat", "color": cat}]
        assert (
            verdict(prompt_of({"tag": "color_attr", "include": asked}, "0"), told).correct
            == is_right
        )
