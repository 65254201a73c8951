"""Reading captions back: the scenes' own and what people type."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.scenes.captions import captions
from backend.scenes.graph import Scene, SceneObject, relation, sample_scene
from backend.scenes.parsing import Mention, ParsedCaption, SaidRelation, matches, parse
from backend.scenes.vocabulary import COLOURS, RELATIONS, SHAPES

SCENES = [sample_scene("tests", index) for index in range(2500)]
TOLD = [captions(scene, f"tests/{index}") for index, scene in enumerate(SCENES)]


def test_every_caption_is_true_of_its_scene() -> None:
    for scene, five in zip(SCENES, TOLD, strict=True):
        for caption in five:
            assert matches(parse(caption), scene), (caption, scene)


def test_full_captions_are_read_back_object_by_object() -> None:
    for scene, five in zip(SCENES, TOLD, strict=True):
        truth = Counter(
            (item.size, item.texture, item.colour, item.shape) for item in scene.objects
        )
        parsed = parse(five[0])
        assert parsed.background == scene.background
        read: Counter[tuple[str | None, ...]] = Counter()
        for said in parsed.mentions:
            read[(said.size, said.texture, said.colour, said.shape)] += said.count or 1
        assert read == truth, five[0]


def test_short_and_counting_captions_name_every_object() -> None:
    for scene, five in zip(SCENES, TOLD, strict=True):
        looks = Counter(item.look for item in scene.objects)
        for caption in (five[1], five[3], five[4]):
            read: Counter[tuple[str | None, str | None]] = Counter()
            for said in parse(caption).mentions:
                read[(said.colour, said.shape)] += said.count or 1
            assert read == looks, caption
        assert parse(five[3]).total == len(scene.objects)


def test_every_relation_is_told_somewhere_and_read() -> None:
    read = {said.name for five in TOLD for said in parse(five[2]).relations}
    assert read == set(RELATIONS)
    paired = [index for index, scene in enumerate(SCENES) if told_pair(scene)]
    assert all(parse(TOLD[index][2]).relations for index in paired)


def told_pair(scene: Scene) -> bool:
    numbers = range(len(scene.objects))
    return any(
        relation(scene, one, two) and scene.objects[one].look != scene.objects[two].look
        for one in numbers
        for two in numbers
        if one != two
    )


def test_a_full_caption_is_true_of_hardly_any_other_scene() -> None:
    said = [parse(five[0]) for five in TOLD[:100]]
    others = sum(matches(parsed, other) for parsed in said for other in SCENES[100:300])
    assert others < len(said) * 200 / 2000


CIRCLE = Mention(colour="red", shape="circle")
STAR = Mention(colour="blue", shape="star")
HEART = Mention(colour="green", shape="heart")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red circle", ParsedCaption((CIRCLE,))),
        ("A photo of a RED circle.", ParsedCaption((CIRCLE,))),
        ("red disc", ParsedCaption((CIRCLE,))),
        ("the circle is red", ParsedCaption((CIRCLE,))),
        ("two striped hearts", ParsedCaption((Mention(2, None, "striped", None, "heart"),))),
        ("2 hearts with stripes", ParsedCaption((Mention(2, None, "striped", None, "heart"),))),
        ("no red circle", ParsedCaption((replace(CIRCLE, count=0),))),
        ("without a red circle", ParsedCaption((replace(CIRCLE, count=0),))),
        ("a single red circle", ParsedCaption((replace(CIRCLE, count=1),))),
        (
            "tiny spotted circle, huge plain star",
            ParsedCaption(
                (
                    Mention(None, "small", "dotted", None, "circle"),
                    Mention(None, "large", "plain", None, "star"),
                )
            ),
        ),
        (
            "blue star left of a big green square",
            ParsedCaption(
                (STAR, Mention(None, "large", None, "green", "square")),
                (SaidRelation(0, "left of", 1),),
            ),
        ),
        (
            "to the right of a red circle there is a blue star",
            ParsedCaption((CIRCLE, STAR), (SaidRelation(1, "right of", 0),)),
        ),
        (
            "a blue star is under a red circle and next to nothing",
            ParsedCaption((STAR, CIRCLE), (SaidRelation(0, "below", 1),)),
        ),
        (
            "a blue star left of a red circle and above a green heart",
            ParsedCaption(
                (STAR, CIRCLE, HEART), (SaidRelation(0, "left of", 1), SaidRelation(0, "above", 2))
            ),
        ),
        (
            "a red circle with a blue star inside",
            ParsedCaption((CIRCLE, STAR), (SaidRelation(1, "inside", 0),)),
        ),
        (
            "a red circle with a blue star inside it and a green heart",
            ParsedCaption((CIRCLE, STAR, HEART), (SaidRelation(1, "inside", 0),)),
        ),
        (
            "a red circle containing a blue star",
            ParsedCaption((CIRCLE, STAR), (SaidRelation(1, "inside", 0),)),
        ),
        (
            "a blue star in a red circle",
            ParsedCaption((STAR, CIRCLE), (SaidRelation(0, "inside", 1),)),
        ),
        (
            "a red circle in the upper left corner, a blue star at the bottom",
            ParsedCaption(
                (replace(CIRCLE, place=("top", "left")), replace(STAR, place=("bottom",)))
            ),
        ),
        ("in the middle a red circle", ParsedCaption((replace(CIRCLE, place=("middle",)),))),
        ("a red circle on the floor", ParsedCaption((CIRCLE,), background="slate floor")),
        ("a red circle under a pale sky", ParsedCaption((CIRCLE,), background="pale sky")),
        ("a red circle lit from the left", ParsedCaption((CIRCLE,), light="left")),
        ("three objects", ParsedCaption(total=3)),
        ("a green thing", ParsedCaption((Mention(colour="green"),))),
        (
            "red and blue stars",
            ParsedCaption(
                (Mention(colour="red", shape="star"), Mention(colour="blue", shape="star"))
            ),
        ),
        ("a dog on a skateboard", ParsedCaption()),
        ("", ParsedCaption()),
    ],
)
def test_free_text(text: str, expected: ParsedCaption) -> None:
    assert parse(text) == expected
    assert parse(text).empty == (expected == ParsedCaption())


@given(st.text(max_size=400))
def test_any_text_is_read_without_failing(text: str) -> None:
    matches(parse(text), SCENES[0])


@given(
    st.lists(
        st.sampled_from(
            "a two no red blue circle stars left of inside it in and , ; with stripes top "
            "containing object picture from the under table 99999".split()
        ),
        max_size=30,
    )
)
def test_any_string_of_known_words_is_read_without_failing(words: list[str]) -> None:
    parsed = parse(" ".join(words))
    assert all(0 <= said.subject < len(parsed.mentions) for said in parsed.relations)
    assert all(0 <= said.other < len(parsed.mentions) for said in parsed.relations)
    matches(parsed, SCENES[0])


@given(st.sampled_from(sorted(COLOURS)), st.sampled_from(SHAPES), st.sampled_from(range(500)))
def test_a_short_query_matches_exactly_the_scenes_with_such_an_object(
    colour: str, shape: str, index: int
) -> None:
    scene = SCENES[index]
    there = any(item.look == (colour, shape) for item in scene.objects)
    assert matches(parse(f"{colour} {shape}"), scene) == there


def _at(shape: str, colour: str, x: float, y: float, inside: int | None = None) -> SceneObject:
    return SceneObject(shape, colour, "plain", "small", x, y, 0.11, 0.0, inside)


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("a red circle", True),
        ("two red circles", True),
        ("three red circles", False),
        ("one red circle", False),
        ("a red circle and a red circle", True),
        ("three objects", True),
        ("two objects", False),
        ("a blue star left of a red circle", True),
        ("a red circle left of a blue star", False),
        ("a blue star left of two red circles", False),
        ("a blue star below a red circle", True),
        ("two red circles right of a blue star", False),
        ("a red circle at the top", True),
        ("a blue star at the top", False),
        ("a blue star on a table", True),
        ("a blue star on a beach", False),
        ("no green heart", True),
        ("no blue star", False),
        ("a large red circle", False),
        ("five stars", False),
    ],
)
def test_what_is_true_of_a_scene(text: str, true: bool) -> None:
    objects = (
        _at("circle", "red", 0.2, 0.2),
        _at("circle", "red", 0.8, 0.8),
        _at("star", "blue", 0.2, 0.8),
    )
    assert matches(parse(text), Scene(objects, "wooden table", "left", 0)) == true


def test_lenient_takes_a_weak_relation_as_true() -> None:
    askew = Scene(
        (_at("circle", "red", 0.3, 0.3), _at("star", "blue", 0.6, 0.7)), "pale sky", "left", 0
    )
    said = parse("a red circle left of a blue star")
    assert not matches(said, askew) and matches(said, askew, lenient=True)
    assert not matches(parse("a red circle right of a blue star"), askew, lenient=True)
