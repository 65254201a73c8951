"""Scenes of captions: true of them by the reader that judges captions, and the same on every machine."""

from __future__ import annotations

import pytest

from backend.errors import InvalidInput
from backend.scenes.graph import Scene
from backend.scenes.parsing import matches, parse
from backend.scenes.picturing import MOST_OBJECTS, picture
from backend.scenes.render import render
from backend.scenes.world import Picture

HAND_MADE = [
    "two things",
    "a star inside a ring",
    "a large circle around a small red heart, lit from the left",
    "three blue stars and no circle",
    "blue star left of a big green square",
    "a red circle above a blue star; a green heart to the right of the blue star",
    "four objects: a red circle and three white crosses, on a sandy beach",
    "at the top left a dotted moon",
    "five small plain triangles",
]


def test_every_caption_of_the_world_is_true_of_its_scene() -> None:
    for number in range(120):
        for caption in Picture("test", number).entry()["captions"]:
            found = picture(caption)
            assert not found.left_out
            assert matches(parse(caption), found.scene), caption


@pytest.mark.parametrize("caption", HAND_MADE)
@pytest.mark.parametrize("key", ["", "1", "2"])
def test_whatever_is_said_is_so(caption: str, key: str) -> None:
    found = picture(caption, key)
    assert not found.left_out
    assert matches(parse(caption), found.scene)


def test_what_is_open_is_the_keys_own_draw() -> None:
    scenes = [picture("a circle", str(key)).scene for key in range(40)]
    assert scenes == [picture("a circle", str(key)).scene for key in range(40)]
    assert {scene.objects[0].shape for scene in scenes} == {"circle"}
    for name in ("colour", "texture", "size"):
        assert len({getattr(scene.objects[0], name) for scene in scenes}) > 1
    assert len({scene.background for scene in scenes}) > 3


def test_objects_lie_in_the_picture_and_apart() -> None:
    for key in range(30):
        scene = picture("two red circles, a blue star and three green hearts", str(key)).scene
        assert len(scene.objects) == 6
        for at, item in enumerate(scene.objects):
            assert item.radius <= item.x <= 1 - item.radius
            assert item.radius <= item.y <= 1 - item.radius
            for other in scene.objects[:at]:
                apart = (item.x - other.x) ** 2 + (item.y - other.y) ** 2
                assert apart > (item.radius + other.radius) ** 2


@pytest.mark.parametrize(
    ("caption", "told", "objects"),
    [
        ("a red circle above a blue star and the blue star above the red circle", "", 4),
        ("a circle at the top at the bottom", "places and relations", 1),
        ("one object: a red circle and a blue star", "total", 2),
        ("three blue stars; a blue star", "not all of it", 4),
        ("eight large red circles", "not all of it", 8),
    ],
)
def test_a_contradiction_gives_way_and_is_told(caption: str, told: str, objects: int) -> None:
    found = picture(caption)
    assert told in found.left_out and bool(told) == bool(found.left_out)
    assert len(found.scene.objects) == objects
    assert render(found.scene).shape == (128, 128, 3)


@pytest.mark.parametrize("caption", ["", "a dog on a beach", "no star", "on a wooden table"])
def test_nothing_that_can_be_drawn_is_told(caption: str) -> None:
    with pytest.raises(InvalidInput, match="Name shapes"):
        picture(caption)


def test_too_many_objects_are_refused() -> None:
    with pytest.raises(InvalidInput, match=f"{MOST_OBJECTS} have room"):
        picture("a hundred 12 red circles")


def test_a_scene_is_kept_as_it_was() -> None:
    scene = picture("a red circle inside a large ring").scene
    assert Scene.from_dict(scene.to_dict()) == scene
