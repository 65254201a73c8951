"""How the map is shown survives being written and read; whatever else a browser sends is as usual."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from backend.schemas import LayoutRequest
from ui.pages.mapping.shown import Shown, camera_of, read


def test_what_is_as_usual_is_not_written() -> None:
    assert Shown().text() == ""
    assert read("") == Shown()


def test_it_comes_back_as_it_was_written() -> None:
    shown = Shown(
        mode="map",
        layout=LayoutRequest(graph="joint", neighbours=30, dimensions=3, seed=4),
        colour="cluster",
        prompt="a red circle",
        most=50_000,
        camera={"x": [-1.5, 2.0], "y": [0.25, 3.0]},
    )
    assert read(shown.text()) == shown


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "null",
        "7",
        "[" * 5000,
        '{"layout": {"neighbours": 4000}}',
        '{"layout": "umap", "most": 7, "camera": "near"}',
        '{"camera": {"x": [1, 0], "y": [0, 1]}}',
        '{"camera": {"x": [NaN, 1], "y": [0, 1]}}',
        '{"camera": {"x": [true, 2], "y": [0, 1]}}',
        '{"most": 100000000}',
    ],
)
def test_what_cannot_be_is_as_usual(text: str) -> None:
    assert read(text) == Shown()


def test_another_runs_coordinates_are_no_matter_of_this_page() -> None:
    assert read('{"layout": {"like": "r1"}}').layout.like is None


def test_a_direction_is_kept_whole_or_not_at_all() -> None:
    seen = {"yaw": 0.1, "pitch": 0.2, "zoom": 1.5, "right": 0.0, "up": -0.3}
    assert camera_of(seen) == seen
    assert camera_of({name: value for name, value in seen.items() if name != "up"}) == {}


def test_its_own_words_are_known_when_they_are_heard_late_and_others_are_followed() -> None:
    first, said = replace(Shown(), colour="cluster").tell()
    second, again = replace(first, prompt="a star").tell()
    assert said != again
    heard, foreign = second.heard(said)
    assert not foreign
    assert heard.prompt == "a star"
    heard, foreign = heard.heard(again)
    assert not foreign
    elsewhere = json.dumps({"colour": "kind"})
    heard, foreign = heard.heard(elsewhere)
    assert foreign
    assert (heard.colour, heard.prompt) == ("kind", "")
    heard, foreign = heard.heard(elsewhere)
    assert not foreign
    for late in ("", said, again):
        assert heard.heard(late) == (heard, False)
