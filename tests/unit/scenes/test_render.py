"""Pictures: the same bytes on every machine, and showing what the graph says."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from backend.scenes.graph import Scene, SceneObject, sample_scene
from backend.scenes.render import PICTURE_SIZE, render
from backend.scenes.vocabulary import BACKGROUNDS, COLOURS, LIGHTS, SHAPES, TEXTURES

GOLDEN = "c514eafd2d4500f56b66b7e22d38cde7deb2c05fbad436543df741fdf8e5681a"

EMPTY = Scene((), "grey wall", "above", 7)
ONE = SceneObject("circle", "red", "plain", "large", 0.5, 0.5, 0.2, 0.0)


def scene_of(**changes: object) -> Scene:
    return replace(EMPTY, objects=(replace(ONE, **changes),))


def test_pictures_are_the_same_on_every_machine() -> None:
    """Twenty sampled scenes, and every word of the vocabulary once."""
    digest = hashlib.sha256()
    for index in range(20):
        digest.update(render(sample_scene("golden", index)).tobytes())
    for shape in SHAPES:
        for texture in TEXTURES:
            digest.update(render(scene_of(shape=shape, texture=texture, turn=10.0), 64).tobytes())
    for background in BACKGROUNDS:
        for light in LIGHTS:
            digest.update(render(Scene((ONE,), background, light, 3), 64).tobytes())
    assert digest.hexdigest() == GOLDEN, (
        "pixels changed: raise WORLD_VERSION in backend/scenes/world.py and put the new hash here"
    )


def test_form() -> None:
    picture = render(sample_scene("tests", 0))
    assert picture.shape == (PICTURE_SIZE, PICTURE_SIZE, 3) and picture.dtype == np.uint8
    assert render(sample_scene("tests", 0), 50).shape == (50, 50, 3)


@pytest.mark.parametrize("colour", COLOURS)
def test_an_object_shows_its_colour(colour: str) -> None:
    middle = render(scene_of(colour=colour))[60:68, 60:68].reshape(-1, 3).mean(0)
    distances = {name: float(np.abs(middle - rgb).sum()) for name, rgb in COLOURS.items()}
    assert min(distances, key=distances.__getitem__) == colour


@pytest.mark.parametrize("shape", SHAPES)
def test_no_two_shapes_look_alike(shape: str) -> None:
    covered = _covered(scene_of(shape=shape))
    assert covered.mean() > 0.02
    for other in SHAPES:
        if other != shape:
            both = _covered(scene_of(shape=other))
            assert (covered & both).sum() / (covered | both).sum() < 0.9, other


def _covered(scene: Scene) -> np.ndarray:
    """Pixels that are more red than any shadow or background."""
    picture = render(scene).astype(int)
    return picture[..., 0] - picture[..., 1:].max(-1) > 60


def test_size_place_and_texture_show() -> None:
    small, large = (_covered(scene_of(radius=radius)).sum() for radius in (0.1, 0.2))
    assert 3.4 < large / small < 4.6
    rows, columns = np.nonzero(_covered(scene_of(x=0.25, y=0.7)))
    assert abs(rows.mean() / PICTURE_SIZE - 0.7) < 0.01
    assert abs(columns.mean() / PICTURE_SIZE - 0.25) < 0.01
    spread = {
        texture: render(scene_of(texture=texture))[50:78, 50:78, 0].std() for texture in TEXTURES
    }
    assert spread["plain"] < 0.5 * min(spread["striped"], spread["dotted"])


def test_edges_are_smooth() -> None:
    """Between object and background lie pixels of values in between: no stair steps."""
    red = np.unique(render(scene_of())[..., 1])
    background = render(EMPTY)[..., 1].min()
    assert ((red > 60) & (red < background - 20)).sum() > 20


@pytest.mark.parametrize(
    ("light", "axis", "sign"), [("left", 1, 1), ("right", 1, -1), ("above", 0, 1)]
)
def test_the_shadow_falls_away_from_the_light(light: str, axis: int, sign: int) -> None:
    lit = replace(scene_of(), light=light)
    darker = render(replace(EMPTY, light=light)).astype(int) - render(lit).astype(int)
    shadow = (darker.min(-1) > 15) & (np.ptp(darker, axis=-1) < 15)  # darker, and not coloured
    centre = np.argwhere(shadow).mean(0)[axis] - PICTURE_SIZE / 2
    assert sign * centre > 5
