"""Captions: five a scene, true, varied, the same on every machine."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

from backend.scenes.captions import captions
from backend.scenes.graph import Scene, SceneObject, sample_scene
from backend.scenes.vocabulary import SHAPES, plural

GOLDEN = "2adc0aa5c084b907ff7457ce40f5364c1a054add0f7c20c73b1bcc490faa4ce1"


def told(index: int) -> tuple[str, ...]:
    return captions(sample_scene("tests", index), f"tests/{index}")


def test_captions_are_the_same_on_every_machine() -> None:
    text = "\n".join(caption for index in range(200) for caption in told(index))
    assert hashlib.sha256(text.encode()).hexdigest() == GOLDEN, (
        "captions changed: raise WORLD_VERSION in backend/scenes/world.py and put the new hash here"
    )


def test_five_different_captions_of_at_most_27_words() -> None:
    for index in range(2000):
        five = told(index)
        assert len(set(five)) == 5, five
        assert max(len(caption.split()) for caption in five) <= 27


def test_articles_and_numbers_agree_with_their_nouns() -> None:
    singular = "|".join(SHAPES)
    many = "|".join(plural(shape) for shape in SHAPES)
    for index in range(2000):
        for caption in told(index):
            assert not re.search(r"\ba [aeiou]", caption), caption
            assert not re.search(r"\ban [^aeiou]", caption), caption
            for number, noun in re.findall(
                rf"\b(an?|two|three|four) (?:(?!of|a )\w+ ){{0,3}}?({singular}|{many})\b", caption
            ):
                assert (noun in SHAPES) == (number in ("a", "an")), caption
            assert not re.search(r"\bthere is (also )?(two|three|four)\b", caption), caption
            assert not re.search(r"\bthere are (also )?an? ", caption), caption


def test_wordings_vary() -> None:
    """No kind of caption is one template: with the objects' words taken out, many forms remain."""
    shapes = "|".join(SHAPES)
    forms: list[Counter[str]] = [Counter() for _ in range(5)]
    for index in range(1000):
        for kind, caption in enumerate(told(index)):
            forms[kind][re.sub(rf"\b(?:\w+ ){{2,4}}(?:{shapes})\b", "X", caption)] += 1
    assert [len(form) > 10 for form in forms] == [True] * 5
    assert all(form.most_common(1)[0][1] < 400 for form in forms)


def test_another_key_tells_the_same_scene_in_other_words() -> None:
    scene = sample_scene("tests", 3)
    assert captions(scene, "one") == captions(scene, "one")
    assert len({captions(scene, str(key)) for key in range(20)}) > 10


def test_plain_is_said_where_a_number_would_be_wrong_without_it() -> None:
    """Two plain stars beside a dotted one are not "two small stars"."""

    def star(texture: str, x: float) -> SceneObject:
        return SceneObject("star", "orange", texture, "small", x, 0.5, 0.11, 0.0)

    scene = Scene(
        (star("plain", 0.2), star("dotted", 0.5), star("plain", 0.8)), "pale sky", "left", 1
    )
    for key in range(20):
        assert "two small plain orange stars" in captions(scene, str(key))[4]
