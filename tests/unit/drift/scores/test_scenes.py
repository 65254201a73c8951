"""Attributes kept of scenes and captions, by hand and against all ways to match objects."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.drift.scores.scenes import (
    ATTRIBUTES,
    Content,
    attribute_table,
    content_of,
    kept,
)
from backend.errors import InvalidInput
from backend.scenes.captions import captions
from backend.scenes.graph import Scene, sample_scene
from backend.scenes.vocabulary import COLOURS

SCENES = [sample_scene("drift", index) for index in range(300)]


def compared(start: Scene | str, later: Scene | str) -> dict[str, tuple[float, float]]:
    """Kept and changed of the attributes that generation 0 has."""
    found = kept(content_of(start), content_of(later))
    return {
        name: (float(found.kept[place]), float(found.changed[place]))
        for place, name in enumerate(ATTRIBUTES)
        if np.isfinite(found.kept[place])
    }


@pytest.mark.parametrize(
    ("start", "later", "expected"),
    [
        ("a red circle", "a red circle", {"count": (1, 0), "colour": (1, 0), "shape": (1, 0)}),
        ("a red circle", "a blue circle", {"count": (1, 0), "colour": (0, 1), "shape": (1, 0)}),
        ("a red circle", "a circle", {"count": (1, 0), "colour": (0, 0), "shape": (1, 0)}),
        ("a red circle", "two red circles", {"count": (0, 1), "colour": (1, 0), "shape": (1, 0)}),
        ("a red circle", "hello world", {"count": (0, 0), "colour": (0, 0), "shape": (0, 0)}),
        ("two red stars", "a red star", {"count": (0, 0), "colour": (0.5, 0), "shape": (0.5, 0)}),
        ("two red stars", "one object: a red star", {"count": (0, 1), "colour": (0.5, 0), "shape": (0.5, 0)}),
        # in another order, and as other objects
        ("a red circle and a blue star", "a blue star and a red circle",
         {"count": (1, 0), "colour": (1, 0), "shape": (1, 0)}),
        ("a red circle and a blue star", "a blue circle and a red star",
         {"count": (1, 0), "colour": (0, 1), "shape": (1, 0)}),
        ("a large striped red circle", "a small striped circle",
         {"count": (1, 0), "colour": (0, 0), "shape": (1, 0), "texture": (1, 0), "size": (0, 1)}),
        # from either side
        ("a red circle left of a blue star", "a blue star to the right of a red circle",
         {"count": (1, 0), "colour": (1, 0), "shape": (1, 0), "relation": (1, 0)}),
        ("a red circle left of a blue star", "a red circle above a blue star",
         {"count": (1, 0), "colour": (1, 0), "shape": (1, 0), "relation": (0, 1)}),
        ("a red circle left of a blue star", "a red circle and a blue star",
         {"count": (1, 0), "colour": (1, 0), "shape": (1, 0), "relation": (0, 0)}),
        ("a red circle left of a blue star", "a red circle",
         {"count": (0, 0), "colour": (0.5, 0), "shape": (0.5, 0), "relation": (0, 0)}),
        ("nothing of note", "a red circle", {}),
    ],
)  # fmt: skip
def test_what_captions_keep(start, later, expected) -> None:
    assert compared(start, later) == expected


def test_a_scene_keeps_all_of_itself_in_any_order() -> None:
    for scene in SCENES:
        turned = scene.objects[::-1]
        places = list(range(len(turned)))[::-1]
        moved = tuple(
            replace(item, inside=None if item.inside is None else places[item.inside])
            for item in turned
        )
        for later in (scene, replace(scene, objects=moved)):
            assert {each for each, _ in compared(scene, later).values()} == {1.0}
            assert {each for _, each in compared(scene, later).values()} == {0.0}


def test_a_full_caption_keeps_the_looks_of_its_scene() -> None:
    for index, scene in enumerate(SCENES):
        found = compared(scene, captions(scene, f"drift/{index}")[0])
        for name in ("count", "colour", "shape", "texture", "size"):
            assert found[name] == (1, 0)
        # "on a wooden table": where the objects stand is not said
        assert found.get("relation", (0, 0)) == (0, 0)


def test_a_true_caption_changes_nothing() -> None:
    for index, scene in enumerate(SCENES):
        for caption in captions(scene, f"drift/{index}"):
            changed = {name: each for name, (_, each) in compared(scene, caption).items()}
            # which of several alike is meant cannot be told from a caption of one of them
            if len({item.look for item in scene.objects}) == len(scene.objects):
                assert changed["count"] == changed["colour"] == changed["shape"] == 0
                assert changed.get("relation", 0) == 0


def test_one_attribute_changed_is_one_attribute_lost() -> None:
    for scene in SCENES:
        first = scene.objects[0]
        other = next(
            colour for colour in COLOURS if all(colour != each.colour for each in scene.objects)
        )
        painted = replace(scene, objects=(replace(first, colour=other), *scene.objects[1:]))
        found = compared(scene, painted)
        assert found["colour"] == pytest.approx(
            (1 - 1 / len(scene.objects), 1 / len(scene.objects))
        )
        for name in set(found) - {"colour", "relation"}:
            assert found[name] == (1, 0)


def best_by_trying(start: Content, later: Content) -> float:
    """The most looks that any matching of objects keeps."""
    slots = [*range(len(later.looks)), *[None] * len(start.looks)]
    most = 0
    for chosen in permutations(slots, len(start.looks)):
        same = sum(
            a is not None and b is not None and a == b
            for look, at in zip(start.looks, chosen, strict=True)
            if at is not None
            for a, b in zip(look, later.looks[at], strict=True)
        )
        most = max(most, same)
    return most


@given(st.integers(0, 299), st.integers(0, 299))
def test_objects_are_matched_so_that_most_is_kept(one, two) -> None:
    start, later = content_of(SCENES[one]), content_of(SCENES[two])
    found = kept(start, later).kept[1:5] * len(start.looks)
    assert found.sum() == pytest.approx(best_by_trying(start, later))


def test_of_twins_the_one_that_keeps_the_relation_is_meant() -> None:
    start = "a red circle left of a blue star and a red circle"
    later = "a red circle and a red circle left of a blue star"
    assert compared(start, later)["relation"] == (1, 0)


def test_a_thousand_circles_are_counted_and_not_matched() -> None:
    found = compared("9999 red circles", "9999 red circles")
    assert found == {"count": (1, 0), "colour": (1, 0), "shape": (1, 0)}
    assert compared("a red circle", "9999 circles")["count"] == (0, 1)


def test_chains_are_joined_by_item_and_missing_samples_are_missing() -> None:
    start = {"a": "a red circle", "b": "a blue star", "c": "two hearts"}
    table = attribute_table(start, [
        (1, {"b": "a blue star", "a": "a red star"}),
        (2, {"c": "a heart"}),
    ])  # fmt: skip
    assert table.ids == ("a", "b", "c")
    count, colour, shape = (ATTRIBUTES.index(name) for name in ("count", "colour", "shape"))
    assert table.kept[:, 0, shape].tolist() == pytest.approx([0, 1, np.nan], nan_ok=True)
    assert table.kept[:, 1, count].tolist() == pytest.approx([np.nan, np.nan, 0], nan_ok=True)
    assert np.isnan(table.kept[2, 1, colour])  # no colour was said
    with pytest.raises(InvalidInput) as told:
        attribute_table(start, [(2, {"z": "a star"}), (1, {})])
    assert [fault.where for fault in told.value.faults] == ["generation 2", "generation 1"]
