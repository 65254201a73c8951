"""Draws a scene graph: anti-aliased shapes with texture, light and shadow before a background.

Coverage comes from signed distances (one pixel of ramp), so edges are smooth without supersampling.
The arithmetic is float32 with operations that IEEE 754 rounds alike everywhere; noise is an integer
hash of the pixel. Two machines therefore draw the same bytes.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from backend.scenes.graph import Scene, SceneObject
from backend.scenes.shapes import DISTANCES
from backend.scenes.vocabulary import BACKGROUNDS, COLOURS, LIGHTS

Array = NDArray[np.float32]

#: width and height of the pictures of the built-in data set, in pixels
PICTURE_SIZE: Final = 128

_SHADOW_REACH: Final = 0.035
_SHADOW_DEPTH: Final = 0.42


def render(scene: Scene, size: int = PICTURE_SIZE) -> NDArray[np.uint8]:
    """The picture of a scene.

    Returns:
        (size, size, 3) uint8, sRGB.
    """
    canvas = _background(scene, size)
    light = LIGHTS[scene.light]
    for item in scene.objects:
        _draw(canvas, item, light)
    picture: NDArray[np.uint8] = np.clip(canvas + np.float32(0.5), 0, 255).astype(np.uint8)
    return picture


def _draw(canvas: Array, item: SceneObject, light: tuple[float, float]) -> None:
    size = canvas.shape[0]
    reach = item.radius * 1.15 + 2.5 * _SHADOW_REACH
    top, bottom = _span(item.y, reach, size)
    left, right = _span(item.x, reach, size)
    rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32)
    pixel = np.float32(1.0 / (item.radius * size))  # one pixel in units of the radius
    across = (columns + np.float32(0.5)) * pixel - np.float32(item.x / item.radius)
    down = (rows + np.float32(0.5)) * pixel - np.float32(item.y / item.radius)
    region = canvas[top:bottom, left:right]

    distance_to = DISTANCES[item.shape]
    if item.inside is None:  # what lies inside another object casts no shadow beyond it
        offset = _SHADOW_REACH / item.radius
        shadow = distance_to(
            *_turned(
                across + np.float32(light[0] * offset),
                down + np.float32(light[1] * offset),
                item.turn,
            )
        )
        soft = np.float32(2.2 * _SHADOW_REACH / item.radius)
        dark = np.clip(np.float32(0.5) - shadow / soft, 0, 1) * np.float32(_SHADOW_DEPTH)
        region *= (1 - dark)[..., None]

    own_x, own_y = _turned(across, down, item.turn)
    distance = distance_to(own_x, own_y)
    coverage = np.clip(np.float32(0.5) - distance / pixel, 0, 1)
    facing = across * np.float32(light[0]) + down * np.float32(light[1])
    paint = _surface(item, own_x, own_y, distance, facing)
    region += (paint - region) * coverage[..., None]


def _surface(item: SceneObject, x: Array, y: Array, distance: Array, facing: Array) -> Array:
    """Colour of every pixel of an object: base colour, texture, shading towards the light, rim."""
    base = np.array(COLOURS[item.colour], np.float32)
    bright = float(base @ np.array([0.3, 0.59, 0.11], np.float32)) > 70
    accent = base * np.float32(0.52) if bright else base * np.float32(0.45) + np.float32(104)
    mark = _texture(item.texture, x, y)[..., None]
    colour: Array = base + (accent - base) * mark
    colour = colour * (1 + np.float32(0.16) * np.clip(facing, -1, 1))[..., None]
    rim = np.clip(1 + distance / np.float32(0.1), 0, 1)[..., None]
    edge = base * np.float32(0.6) if bright else base + np.float32(38)
    colour = colour + (edge - colour) * rim * np.float32(0.55)
    return colour


def _texture(name: str, x: Array, y: Array) -> Array:
    """0 where the base colour shows, 1 where the accent does."""
    if name == "plain":
        return np.zeros_like(x)
    if name == "striped":
        wave = np.abs(_fraction((x + y) / np.float32(0.62)) - np.float32(0.5)) * 2
        stripes: Array = np.clip((wave - np.float32(0.5)) * 6 + np.float32(0.5), 0, 1)
        return stripes
    cell = np.float32(0.5)
    dx = (_fraction(x / cell) - np.float32(0.5)) * cell
    dy = (_fraction(y / cell) - np.float32(0.5)) * cell
    away = np.sqrt(dx * dx + dy * dy)
    dots: Array = np.clip((np.float32(0.145) - away) * 12 + np.float32(0.5), 0, 1)
    return dots


def _background(scene: Scene, size: int) -> Array:
    high, low, pattern = BACKGROUNDS[scene.background]
    rows, columns = np.mgrid[0:size, 0:size]
    ramp = ((rows + 0.5) / size).astype(np.float32)[..., None]
    canvas: Array = np.array(high, np.float32) * (1 - ramp) + np.array(low, np.float32) * ramp
    towards = LIGHTS[scene.light][0]
    across = ((columns + 0.5) / size - 0.5).astype(np.float32)
    canvas *= (1 + np.float32(0.10 * towards) * across)[..., None]
    # patterns are made of cells a share of the width wide, so a scene looks alike at any size
    scale = 128.0 / size
    cell_row, cell_column = (rows * scale).astype(np.uint32), (columns * scale).astype(np.uint32)
    fine = _noise(cell_row, cell_column, scene.grain)
    if pattern == "grain":
        canvas += (fine * 22)[..., None]
    elif pattern == "planks":
        plank = cell_row // 26
        streak = _noise(cell_row // 2, plank, scene.grain)
        canvas += (_noise(plank, plank * 7, scene.grain) * 22 + streak * 12 + fine * 5)[..., None]
    elif pattern == "tiles":
        tile_row = cell_row // 32
        tile_column = cell_column // 32
        canvas += (_noise(tile_row, tile_column, scene.grain) * 18 + fine * 6)[..., None]
    else:
        canvas += (fine * 5)[..., None]
    return canvas


def _noise(row: NDArray[np.uint32], column: NDArray[np.uint32], seed: int) -> Array:
    """White noise in -0.5 to 0.5 from an integer hash (xxhash's avalanche constants)."""
    value = row.astype(np.uint32) * np.uint32(2246822519)
    value ^= column.astype(np.uint32) * np.uint32(3266489917)
    value ^= np.uint32(seed)
    value ^= value >> np.uint32(15)
    value *= np.uint32(2246822519)
    value ^= value >> np.uint32(13)
    value *= np.uint32(3266489917)
    value ^= value >> np.uint32(16)
    return (value >> np.uint32(8)).astype(np.float32) / np.float32(2**24) - np.float32(0.5)


def _fraction(value: Array) -> Array:
    return value - np.floor(value)


def _span(centre: float, reach: float, size: int) -> tuple[int, int]:
    first, last = math.floor((centre - reach) * size), math.ceil((centre + reach) * size)
    return max(0, first), min(size, last)


def _turned(x: Array, y: Array, degrees: float) -> tuple[Array, Array]:
    cos = np.float32(round(math.cos(math.radians(degrees)), 6))
    sin = np.float32(round(math.sin(math.radians(degrees)), 6))
    return x * cos + y * sin, y * cos - x * sin
