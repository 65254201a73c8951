"""Scene graphs: reproducible, well formed, and with relations a person would agree with."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from backend.scenes.graph import (
    CONTAINERS,
    COUNT_SHARES,
    Scene,
    SceneObject,
    places,
    relation,
    sample_scene,
)
from backend.scenes.vocabulary import (
    BACKGROUNDS,
    COLOURS,
    LIGHTS,
    OPPOSITE,
    SHAPES,
    SIZES,
    TEXTURES,
)

SCENES = [sample_scene("tests", index) for index in range(3000)]


def test_the_vocabulary_is_large_enough() -> None:
    assert len(SHAPES) >= 12 and len(COLOURS) >= 10 and len(TEXTURES) >= 3 and len(SIZES) >= 2


def test_every_word_occurs_about_equally_often() -> None:
    items = [item for scene in SCENES for item in scene.objects]
    for name, words in (("shape", SHAPES), ("colour", COLOURS), ("texture", TEXTURES)):
        counts = [sum(getattr(item, name) == word for item in items) for word in words]
        assert min(counts) > 0.7 * len(items) / len(words), name
    assert {scene.background for scene in SCENES} == set(BACKGROUNDS)
    assert {scene.light for scene in SCENES} == set(LIGHTS)


def test_counts_follow_their_shares() -> None:
    for number, share in enumerate(COUNT_SHARES, start=1):
        found = sum(len(scene.objects) == number for scene in SCENES) / len(SCENES)
        assert abs(found - share) < 0.04


def test_objects_do_not_touch_unless_one_is_inside_the_other() -> None:
    held = 0
    for scene in SCENES:
        for number, item in enumerate(scene.objects):
            for other in scene.objects[:number]:
                apart = ((item.x - other.x) ** 2 + (item.y - other.y) ** 2) ** 0.5
                if item.inside is not None and scene.objects[item.inside] is other:
                    assert other.shape in CONTAINERS and item.radius <= 0.5 * other.radius + 1e-5
                    held += 1
                elif item.inside is None and other.inside is None:
                    assert apart > item.radius + other.radius
    assert held > 100


@given(st.integers(0, 10**9))
def test_a_graph_survives_json(index: int) -> None:
    scene = sample_scene("tests", index)
    assert (
        Scene.from_dict(json.loads(json.dumps(scene.to_dict())))
        == scene
        == sample_scene("tests", index)
    )


def test_namespaces_are_independent() -> None:
    assert all(sample_scene("other", index) != SCENES[index] for index in range(100))


def test_relations_are_antisymmetric() -> None:
    for scene in SCENES[:500]:
        numbers = range(len(scene.objects))
        for one in numbers:
            for two in numbers:
                name = relation(scene, one, two) if one != two else None
                if name in OPPOSITE:
                    assert relation(scene, two, one) == OPPOSITE[name]
                elif name == "inside":
                    assert relation(scene, two, one) is None


def test_places() -> None:
    def at(x: float, y: float) -> tuple[str, ...]:
        return places(SceneObject("star", "red", "plain", "small", x, y, 0.1, 0.0))

    assert at(0.2, 0.2) == ("top", "left")
    assert at(0.8, 0.5) == ("right",)
    assert at(0.5, 0.9) == ("bottom",)
    assert at(0.5, 0.5) == ("middle",)
    assert at(0.4, 0.5) == ()
